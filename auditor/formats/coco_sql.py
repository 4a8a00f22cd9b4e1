"""The SQL that turns the elements of COCO's lists into rows.

`coco_elem` has (nth, elem: one element as JSON text); @file, @split and @task are filled in.
"""

# ruff: noqa: E501, ISC003 - a SQL expression is one line, however long

from __future__ import annotations

from auditor.media import MAX_PIXELS

# A key given twice is refused: DuckDB would take the first, Python the last.
# Named by the innermost query, so that each element is parsed for them once.
_KEYED = "(SELECT nth, elem, json_keys(elem) AS keys FROM coco_elem)"
_ONCE = "CASE WHEN len(keys) <> list_unique(keys) THEN error('a key stands twice') ELSE true END"


def _whole(cell: str) -> str:
    return f"CAST(round(CASE WHEN {cell} BETWEEN 0 AND 2147483647 THEN {cell} END) AS INTEGER)"


def _wrong(column: str) -> str:
    """Whether a list of numbers holds something that is no finite number."""
    return f"list_aggregate({column}, 'count') <> len({column}) OR NOT isfinite(coalesce(list_aggregate({column}, 'sum'), 0))"


def _given(key: str) -> str:
    return f"coalesce(json_type(elem, '$.{key}'), 'NULL') <> 'NULL'"


def _odd_size(side: str) -> str:
    """What is wrong with an image's width or height; 0 stands for unknown in many tools."""
    return f"CASE WHEN {_given(side)} AND (s.{side} IS NULL OR NOT s.{side} BETWEEN 0 AND 2147483647) THEN '{side} is no number of pixels' END"


IMAGE = (
    "SELECT @file AS file, @split AS split, nth, nullif(s.id, '') AS id, nullif(s.file_name, '') AS file_name, "
    + _whole("s.width") + " AS width, " + _whole("s.height") + " AS height, TRY_CAST(s.date_captured AS TIMESTAMP) AS captured_at, "
    f"concat_ws(', ', {_odd_size('width')}, {_odd_size('height')}) AS detail "
    """FROM (SELECT nth, elem, json_transform(elem, '{"id":"VARCHAR","file_name":"VARCHAR","width":"DOUBLE","height":"DOUBLE","date_captured":"VARCHAR"}') AS s """
    f"FROM {_KEYED} WHERE {_ONCE})"
)  # fmt: skip

# `twin` numbers the images of one id; annotations go to the first.
ITEM = """
WITH named AS (
  SELECT file, count(DISTINCT file_name) = count(DISTINCT coalesce(id, file_name)) AND count(file_name) = count(*) AS by_name
  FROM coco_image GROUP BY file
), based AS (
  SELECT i.*, CASE WHEN by_name THEN file_name ELSE coalesce(id, file_name) END AS base FROM coco_image i JOIN named USING (file)
), clash AS (
  SELECT base FROM based GROUP BY base HAVING count(DISTINCT split) > 1
)
SELECT * EXCLUDE (base), CASE WHEN split IS NOT NULL AND base IN (SELECT base FROM clash) THEN split || '/' || base ELSE base END AS item_id,
  row_number() OVER (PARTITION BY file, id ORDER BY nth) AS twin,
  file_name IS DISTINCT FROM first_value(file_name) OVER (PARTITION BY file, id ORDER BY nth) AND id IS NOT NULL AS other_name
FROM based
"""

_SHAPE = (
    '{"id":"VARCHAR","image_id":"VARCHAR","category_id":"VARCHAR","bbox":["DOUBLE"],"segmentation":[["DOUBLE"]],"keypoints":["DOUBLE"],'
    '"iscrowd":"VARCHAR","area":"VARCHAR","score":"DOUBLE","caption":"VARCHAR"}'
)
_RUNS = """json_transform(elem, '{"segmentation":{"counts":["BIGINT"],"size":["BIGINT"]}}').segmentation"""
_COUNTS = (
    "CASE json_type(elem, '$.segmentation.counts') WHEN 'VARCHAR' THEN json_extract_string(elem, '$.segmentation.counts') "
    f"WHEN 'ARRAY' THEN coco_counts({_RUNS}.counts) END"
)
# Segmentations are read as polygons; those that are none (one in a hundred) are looked at again: k and z are a code and its size.
_ELEMENT = (
    "SELECT *, CASE WHEN odd = 'OBJECT' THEN CASE WHEN k IS NULL OR len(z) IS DISTINCT FROM 2 OR z[1] IS NULL OR z[2] IS NULL "
    "THEN 'is neither polygons nor a run-length code' "
    # Whoever unpacks the mask would need that much memory.
    f"WHEN z[1] NOT BETWEEN 1 AND {MAX_PIXELS} OR z[2] NOT BETWEEN 1 AND {MAX_PIXELS} OR z[1] * z[2] > {MAX_PIXELS} "
    "THEN 'has a size that no image has' ELSE '' END END AS unmasked FROM ("
    f"SELECT *, CASE WHEN odd = 'OBJECT' THEN {_COUNTS} END AS k, CASE WHEN odd = 'OBJECT' THEN {_RUNS}.size END AS z FROM ("
    "SELECT *, CASE WHEN s.segmentation IS NULL THEN json_type(elem, '$.segmentation') END AS odd "
    f"FROM (SELECT *, json_transform(elem, '{_SHAPE}') AS s FROM {_KEYED} WHERE "
)

_BOX = "len(s.bbox) = 4"


def _finite(value: str) -> str:
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def _side(nth: int) -> str:
    return f"CASE WHEN {_BOX} THEN {_finite(f's.bbox[{nth}]')} END"


# What the ids of images and categories stand for, one row for each element, in their order.
NAMES = (
    "SELECT CASE WHEN v.image_id IS NOT NULL THEN coalesce(i.item_id, 'image_id:' || v.image_id) END AS item_id, c.name AS name FROM coco_parsed v "
    "LEFT JOIN coco_item i ON i.file = @file AND i.twin = 1 AND i.id = v.image_id LEFT JOIN coco_category c ON c.id = v.category_id ORDER BY v.nth"
)

# One pass over the text: what is wrong with an element, and its columns. Ids of images and categories are looked up afterwards.
PARSED = (
    "SELECT nth, s.id AS id, s.image_id AS image_id, s.category_id AS category_id, list_contains(keys, 'segments_info') AS panoptic, endless, concat_ws(', ', "
    f"CASE WHEN (s.bbox IS NULL AND {_given('bbox')}) OR len(s.bbox) NOT IN (0, 4) OR {_wrong('s.bbox')} THEN 'bbox is not four numbers' END, "
    f"CASE WHEN (s.keypoints IS NULL AND {_given('keypoints')}) OR len(s.keypoints) % 3 <> 0 OR {_wrong('s.keypoints')} THEN 'keypoints are not triples of numbers' END, "
    f"CASE WHEN odd NOT IN ('OBJECT', 'NULL') OR flat_wrong OR len(list_filter(s.segmentation, lambda r: r IS NULL OR len(r) % 2 = 1)) > 0 "
    f"THEN 'segmentation is neither polygons nor a run-length code' WHEN unmasked <> '' THEN 'segmentation ' || unmasked END, "
    f"CASE WHEN (s.score IS NULL AND {_given('score')}) OR NOT isfinite(s.score) THEN 'score is not a number' END) AS detail, "
    "CASE WHEN len(s.keypoints) > 0 THEN 'keypoints' WHEN odd = 'OBJECT' THEN 'mask' WHEN len(s.segmentation) > 0 THEN 'polygon' "
    "WHEN len(s.bbox) > 0 THEN 'box' WHEN s.caption IS NOT NULL THEN 'text' ELSE 'class' END AS type, "
    "CASE WHEN s.score IS NULL THEN 'human' ELSE 'model' END AS source, s.caption AS text, "
    + f"{_side(1)} AS x, {_side(2)} AS y, {_side(3)} AS w, {_side(4)} AS h, "
    + "CASE WHEN len(s.segmentation) > 0 AND NOT flat_wrong THEN s.segmentation END AS polygon, "
    + "CASE WHEN unmasked = '' THEN {'height': z[1], 'width': z[2], 'counts': k} END AS mask, "
    + "CASE WHEN len(s.keypoints) >= 3 THEN list_transform(range(len(s.keypoints) // 3), lambda p: "
    "{'x': CASE WHEN isfinite(s.keypoints[3 * p + 1]) THEN s.keypoints[3 * p + 1] END, 'y': CASE WHEN isfinite(s.keypoints[3 * p + 2]) THEN s.keypoints[3 * p + 2] END, "
    "'v': CASE WHEN s.keypoints[3 * p + 3] BETWEEN 0 AND 2 THEN CAST(s.keypoints[3 * p + 3] AS INTEGER) END}) END AS keypoints, "
    "CASE WHEN isfinite(s.score) THEN s.score END AS confidence, "
    "CASE WHEN s.area IS NOT NULL AND s.iscrowd IS NOT NULL THEN MAP {'area': s.area, 'iscrowd': s.iscrowd} "
    "WHEN s.area IS NOT NULL THEN MAP {'area': s.area} WHEN s.iscrowd IS NOT NULL THEN MAP {'iscrowd': s.iscrowd} END AS attributes "
    "FROM (SELECT *, NOT isfinite(coalesce(list_aggregate(s.bbox, 'sum'), 0) + coalesce(list_aggregate(s.keypoints, 'sum'), 0) "
    "+ coalesce(list_aggregate(flat, 'sum'), 0) + coalesce(s.score, 0) + coalesce(TRY_CAST(s.area AS DOUBLE), 0)) AS endless, "
    f"{_wrong('flat')} AS flat_wrong FROM (SELECT *, flatten(s.segmentation) AS flat FROM ({_ELEMENT} {_ONCE}))))))"
)

# Positional, since rows without ids are numbered in the order in which they stand: a join by key need not keep it, and to sort the
# wide rows would hold them all in memory twice.
ANNOTATION = (
    "SELECT id AS annotation_id, item_id, @task AS task, type, source, "
    "coalesce(name, CASE WHEN text IS NULL THEN 'category_id:' || category_id END) AS label, text, "
    "x, y, w, h, polygon, mask, keypoints, confidence, attributes "
    "FROM coco_parsed POSITIONAL JOIN (SELECT item_id, name FROM coco_named) WHERE NOT panoptic"
)
