"""COCO JSON: instances, keypoints, captions, stuff and image lists; one file, or a folder of them with its images.

An item is called by its file name where that tells the images of a file apart, else by the image's id; where a folder has
the same name in two splits, by `split/name`. Bounding boxes, polygons, masks and keypoints stand on the task `label`;
keypoints, captions and stuff of files so named are tasks of their own, since they speak of the same objects again.
The annotations never become Python objects: `jsonscan` finds their bytes, DuckDB parses them in batches.
Source: the data format of cocodataset.org; ids may be numbers or text here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from auditor.errors import InputError
from auditor.formats import coco_media, jsonscan, rle, strictjson
from auditor.formats.coco_sql import ANNOTATION, IMAGE, ITEM, NAMES, PARSED
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.stage import Source, Stage

TITLE = "COCO JSON (instances, keypoints, captions, stuff), a file or a folder"
CALLED = "COCO"
TAKES: frozenset[str] = frozenset()
# Questions about numbers, texts and a model's class of the whole item do not apply to objects in images.
HINTS = {
    "map a column to value": "",
    "map a column to text": "",
    "give --predictions FILE": "",
    "map a column to split": "name the files or their folders after the splits: instances_train.json, instances_val.json",
}
_HEAD = 65_536
_LISTS = frozenset({"images", "annotations"})
_TASKS = {"captions": "caption", "person_keypoints": "keypoints", "stuff": "stuff"}
_KINDS = ("person_keypoints", "instances", "captions", "panoptic", "stuff", "image_info", "labels")
_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_RESULTS = "give the COCO file that they belong to, with these results (and their scores) as its annotations"


def detect(path: Path, head: bytes) -> float:
    """0.9 for a JSON object with COCO's lists, for a results list, and for a folder that holds such files; else 0."""
    try:
        if path.is_dir():
            return 0.9 if _files(path) else 0.0
        return 0.9 if _is_coco(head) else 0.0
    except (OSError, ValueError):
        return 0.0


def split_of(name: str) -> str | None:
    """The split that a file's or folder's name tells.

    >>> split_of("instances_val2017"), split_of("images")
    ('validation', None)
    """
    return next((_SPLITS[word] for word in re.split("[^a-z]+", name.lower()) if word in _SPLITS), None)


@dataclass(frozen=True)
class _Part:
    """One JSON file of the source."""

    number: int
    scan: jsonscan.Scan
    kind: str
    split: str | None

    @property
    def task(self) -> str:
        return _TASKS.get(self.kind, "label")


def read(source: Source, stage: Stage) -> None:
    """Put a COCO file, or every COCO file of a folder, on the stage.

    Raises:
        InputError: a file is not strict JSON, not COCO, or names an image outside its folder.
    """
    files = _files(source.path) if source.path.is_dir() else [source.path]
    if not files:
        raise InputError(
            source.path, "", "no COCO file is in this folder", "give the JSON file, or a folder with annotations/*.json"
        )
    parts = [_part(number, file, source) for number, file in enumerate(files)]
    con = stage.con
    con.create_function("coco_counts", _encode_all, ["BIGINT[]"], "VARCHAR", type=ARROW, null_handling=SPECIAL)
    try:
        con.execute(_EMPTY_IMAGE)
        for part in parts:
            _load_images(con, part)
        con.execute(f"CREATE OR REPLACE TEMP TABLE coco_item AS {ITEM}")
        for part in parts:
            if len(parts) > 1:
                stage.begin(part.scan.path.name)
            _add_items(stage, part)
            _add_annotations(stage, part)
            coco_media.add(stage, source, part.scan.path, part.number, split_of)
    finally:
        for table in ("coco_image", "coco_item", "coco_category", "coco_parsed", "coco_named"):
            con.execute(f"DROP TABLE IF EXISTS {table}")
        con.remove_function("coco_counts")


_EMPTY_IMAGE = (
    "CREATE OR REPLACE TEMP TABLE coco_image (file INTEGER, split VARCHAR, nth BIGINT, id VARCHAR, file_name VARCHAR, "
    "width INTEGER, height INTEGER, captured_at TIMESTAMP, detail VARCHAR)"
)


def _part(number: int, file: Path, source: Source) -> _Part:
    with_list = strictjson.top_keys(_head(file))
    if with_list[0] == "[":
        raise InputError(file, "line 1", "a JSON list, not a COCO object", _RESULTS)
    scan = jsonscan.scan(file, _LISTS)
    if not _LISTS & scan.rest.keys():
        raise InputError(file, "", "neither 'images' nor 'annotations' is among its keys", "give a COCO file, or another --format")
    kind = next((kind for kind in _KINDS if file.stem.lower().startswith(kind)), "")
    own = split_of(file.stem) or (split_of(file.parent.name) if file.parent.name.lower() in _SPLITS else None)
    return _Part(number, scan, kind, source.split or own)


def _load_images(con: duckdb.DuckDBPyConnection, part: _Part) -> None:
    query = IMAGE.replace("@file", str(part.number)).replace("@split", literal(part.split) if part.split else "NULL")
    _stream(con, part.scan, "images", f"INSERT INTO coco_image {query}")


def _add_items(stage: Stage, part: _Part) -> None:
    chosen = f"FROM coco_item WHERE file = {part.number}"
    # `media` only where a file name stands: an image list without names is still a list of images.
    stage.add(
        "item",
        "SELECT item_id, 'image' AS media, file_name AS uri, width, height, split, captured_at "
        f"{chosen} AND item_id IS NOT NULL ORDER BY nth",
    )
    stage.add(
        "intake",
        "SELECT 'missing_id' AS problem, 'item' AS \"of\", 'images[' || nth || '] has neither an id nor a file name' AS detail "
        f"{chosen} AND item_id IS NULL",
    )
    stage.add(
        "intake",
        "SELECT 'duplicate_id' AS problem, 'item' AS \"of\", item_id, id AS source_id, "
        "'the image id ' || id || ' stands for several file names' AS detail "
        f"{chosen} AND twin > 1 AND other_name",
    )
    stage.add(
        "intake",
        "SELECT 'bad_value' AS problem, 'item' AS \"of\", item_id, id AS source_id, 'images[' || nth || ']: ' || detail AS detail "
        f"{chosen} AND detail <> ''",
    )


def _add_annotations(stage: Stage, part: _Part) -> None:
    con, scan = stage.con, part.scan
    names = _categories(stage, part)
    con.register("coco_category_arrow", names)
    con.execute("CREATE OR REPLACE TEMP TABLE coco_category AS SELECT * FROM coco_category_arrow")
    con.unregister("coco_category_arrow")
    if not len(scan.ranges["annotations"]):
        return
    stage.progress(f"reading {scan.path.name}", 0, None)
    _stream(con, scan, "annotations", f"CREATE OR REPLACE TEMP TABLE coco_parsed AS {PARSED}")
    endless = con.execute("SELECT 1 FROM coco_parsed WHERE endless LIMIT 1").fetchone()
    # NaN and Infinity are no JSON, but DuckDB reads them; 1e999 is JSON, and kept as a bad value.
    if endless and (fault := scan.fault("annotations")):
        raise fault
    con.execute("CREATE OR REPLACE TEMP TABLE coco_named AS " + NAMES.replace("@file", str(part.number)))
    stage.add("annotation", ANNOTATION.replace("@task", literal(part.task)))
    stage.add(
        "intake",
        "SELECT 'bad_value' AS problem, 'annotation' AS \"of\", coalesce(i.item_id, 'image_id:' || v.image_id) AS item_id, "
        "v.id AS annotation_id, "
        "v.id AS source_id, 'annotations[' || v.nth || ']: ' || v.detail AS detail FROM coco_parsed v "
        f"LEFT JOIN coco_item i ON i.file = {part.number} AND i.twin = 1 AND i.id = v.image_id WHERE v.detail <> '' ORDER BY v.nth",
    )
    panoptic = con.execute("SELECT count(*) FROM coco_parsed WHERE panoptic").fetchall()[0][0]
    if panoptic:
        number = f"{panoptic:,} panoptic annotation{' was' if panoptic == 1 else 's were'}"
        unread = f"{number} not read: masks in PNG files are not supported"
        stage.note(f"{scan.path.name}: {unread}")
        stage.add("intake", pa.table({"problem": ["not_read"], "of": ["annotation"], "detail": [unread]}))


def _stream(con: duckdb.DuckDBPyConnection, scan: jsonscan.Scan, name: str, statement: str) -> None:
    """Run a statement over `coco_elem`, the elements of one of the file's lists."""
    con.register("coco_elem", scan.reader(name))
    try:
        con.execute(statement)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise scan.explain(name, error) from error
    finally:
        con.unregister("coco_elem")


def _categories(stage: Stage, part: _Part) -> pa.Table:
    """The file's categories as Arrow (id, name), put into the ontology as well."""
    given = part.scan.rest.get("categories") or []
    path = part.scan.path
    if not isinstance(given, list):
        raise InputError(path, "key 'categories'", "is not a list", "export it again")
    found: dict[str, tuple[str, str | None]] = {}
    twice = 0
    for nth, category in enumerate(given):
        if not isinstance(category, dict) or not isinstance(category.get("name"), str) or not _is_id(category.get("id")):
            raise InputError(path, f"categories[{nth}]", "has no id and name", "give each category both")
        broader = category.get("supercategory")
        kept = found.setdefault(str(category["id"]), (category["name"], broader if isinstance(broader, str) and broader else None))
        twice += kept[0] != category["name"]
    if twice:
        stage.note(f"{path.name}: {twice} category ids stand for two names; the first is used")
    kind = {"caption": "text", "keypoints": "keypoints"}.get(part.task)
    rows: Sequence[dict[str, Any]] = [
        {"task": part.task, "label": name, "parent": broader, "type": kind, "exclusive": False} for name, broader in found.values()
    ]
    text = pa.string()
    schema = pa.schema([("task", text), ("label", text), ("parent", text), ("type", text), ("exclusive", pa.bool_())])
    stage.add("ontology", pa.Table.from_pylist(list(rows), schema=schema))
    return pa.table({"id": pa.array(list(found), text), "name": pa.array([name for name, _ in found.values()], text)})


def _encode_all(column: pa.ChunkedArray) -> pa.Array:
    """Uncompressed run lengths as COCO strings; NULL where they are none."""
    made: list[str | None] = []
    for counts in column.to_pylist():
        try:
            made.append(rle.encode(counts) if counts and None not in counts else None)
        except (ValueError, OverflowError):
            made.append(None)
    return pa.array(made, pa.string())


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _files(folder: Path) -> list[Path]:
    """COCO files of a folder: its own, those of annotations/, and _annotations.coco.json one level down."""
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            named = entry.name.lower() == "annotations"
            found += [
                file
                for file in sorted(entry.iterdir())
                if file.suffix.lower() == ".json" and (named or file.name == "_annotations.coco.json")
            ]
        elif entry.suffix.lower() == ".json":
            found.append(entry)
    return [file for file in found if file.is_file() and _is_coco(_head(file))]


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_HEAD)
    except (OSError, ValueError) as error:
        raise InputError(
            file, "", f"cannot be opened: {getattr(error, 'strerror', None) or error}", "check the path and its permissions"
        ) from error


def _is_coco(head: bytes) -> bool:
    first, keys = strictjson.top_keys(head)
    outer, inner = keys.get(1, set()), keys.get(3, set())
    if first == "[":
        return {"image_id", "category_id"} <= keys.get(2, set())
    return first == "{" and (
        {"images", "annotations"} <= outer
        or ("images" in outer and "file_name" in inner)
        or ("annotations" in outer and "image_id" in inner)
    )
