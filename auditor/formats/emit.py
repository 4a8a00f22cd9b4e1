"""From a loaded table and a plan to rows on the stage: annotations, items, annotators, and the cells that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.formats.mapping import ANNOTATOR, CORNERS, ITEM, LABEL, Plan, is_attribute, shown
from auditor.formats.values import first, number, parsed
from auditor.media import KINDS
from auditor.tables import TABLES, literal

if TYPE_CHECKING:
    from auditor.formats.tabular import Loaded
    from auditor.stage import Source, Stage

SOURCES = ("human", "model", "rule", "synthetic", "gold")


def write(stage: Stage, table: Loaded, plan: Plan, source: Source) -> None:
    """Put a long table's annotations, items, annotators and unreadable cells on the stage."""
    item = item_of(plan)
    stage.add("annotation", annotation_rows(stage, table, plan, item))
    _items(stage, table, plan, item, source)
    _annotators(stage, table, plan)
    bad_cells(stage, table, plan, item)


def row_number() -> str:
    """SQL for the item id of a row in a table that names none: its number, from 0."""
    return "CAST(rowid AS VARCHAR)"


def item_of(plan: Plan) -> str:
    """SQL for a row's item id."""
    return f"c{plan.routes[ITEM]}" if ITEM in plan.routes else row_number()


def kind(plan: Plan) -> str:
    """The annotation type that a plan's columns speak of."""
    given = {column for table, column in plan.routes if table == "annotation"}
    for columns, name in (
        ({"x", "xmin", "bbox"}, "box"),
        ({"polygon"}, "polygon"),
        ({"mask"}, "mask"),
        ({"keypoints"}, "keypoints"),
        ({"start_char"}, "span"),
        ({"start_s"}, "segment"),
        ({"label"}, "class"),
        ({"text"}, "text"),
    ):
        if columns & given:
            return name
    return "value"


def annotation_rows(stage: Stage, table: Loaded, plan: Plan, item: str, origin: str = "") -> str:
    """SQL for the rows of a table as annotations.

    Args:
        stage: whose connection is asked what the labels look like.
        table: the loaded file.
        plan: what its columns mean.
        item: SQL for a row's item id.
        origin: the source of every annotation, or "" to take the table's, else human.
    """
    cells = {"item_id": item, "type": literal(kind(plan))}
    for (of, column), index in plan.routes.items():
        if of == "annotation" and column != "item_id" and not is_attribute(of, column):
            cells[column] = parsed((of, column), f"c{index}") or f"c{index}"
    _box(cells, plan)
    if "source" in cells:
        names = ", ".join(literal(name) for name in SOURCES)
        cells["source"] = f"CASE WHEN lower({cells['source']}) IN ({names}) THEN lower({cells['source']}) ELSE 'human' END"
    if origin:
        cells["source"] = literal(origin)
        cells.pop("annotator_id", None)
    if "value" not in cells and LABEL in plan.routes and _is_rating(stage, table, plan.routes[LABEL]):
        cells["value"] = number(f"c{plan.routes[LABEL]}")
    extra = plan.attributes("annotation")
    if extra:
        cells["attributes"] = _map({name: f"c{index}" for name, index in extra.items()})
    chosen = ", ".join(f'{cell} AS "{column}"' for column, cell in cells.items())
    return f"SELECT {chosen} FROM {table.relation} ORDER BY rowid"


def bad_cells(stage: Stage, table: Loaded, plan: Plan, item: str) -> None:
    """Note cells that hold something, but not a number or time where one is needed; the cell itself is not quoted."""
    own = plan.routes.get(("annotation", "annotation_id"))
    name = "CAST(NULL AS VARCHAR)" if own is None else f"c{own}"
    for (of, column), index in plan.routes.items():
        value = parsed((of, column), f"c{index}")
        if column == "bbox":
            value = f"CASE WHEN len(TRY_CAST(c{index} AS DOUBLE[])) = 4 THEN 1 END"
        if column == "source" and of == "annotation":
            value = f"CASE WHEN lower(c{index}) IN ({', '.join(literal(name) for name in SOURCES)}) THEN 1 END"
        if value is None:
            continue
        where = f"c{index} IS NOT NULL AND {value} IS NULL"
        row = first(stage.con, f"SELECT count(*) FROM {table.relation} WHERE {where}")
        if not row or not row[0]:
            continue
        stage.note(f"{row[0]:,} cells of {shown(table.columns[index])} cannot be read as {_wanted(of, column)}: kept as missing")
        about = f"does not hold {_wanted(of, column)} in the column {shown(table.columns[index])}"
        stage.add(
            "intake",
            f"SELECT 'bad_value' AS problem, {literal('item' if of == 'item' else 'annotation')} AS \"of\", {item} AS item_id, "
            f"{name} AS annotation_id, {name} AS source_id, {literal(table.path.name)} AS file, "
            f"'row ' || (rowid + 1) || ' ' || {literal(about)} AS detail FROM {table.relation} WHERE {where} ORDER BY rowid",
        )


def _wanted(of: str, column: str) -> str:
    if column == "bbox":
        return "four numbers"
    if column == "source":
        return "one of " + ", ".join(SOURCES)
    spec = TABLES[of].columns.get(column)
    names = {"TIMESTAMP": "a time", "INTEGER": "a whole number", "BIGINT": "a whole number", "DOUBLE": "a number"}
    return names.get(spec.type, f"a {column}") if spec else "a number"


def _box(cells: dict[str, str], plan: Plan) -> None:
    """Corners and [x, y, w, h] lists become x, y, w, h."""
    corners = [cells.pop(name, None) for name in CORNERS]
    if all(corners):
        left, top, right, bottom = corners
        cells.update(x=f"({left})", y=f"({top})", w=f"({right}) - ({left})", h=f"({bottom}) - ({top})")
    cells.pop("bbox", None)
    index = plan.routes.get(("annotation", "bbox"))
    if index is not None:
        numbers = f"TRY_CAST(c{index} AS DOUBLE[])"
        for place, name in enumerate("xywh", 1):
            finite = f"isfinite({numbers}[{place}])"
            cells[name] = f"CASE WHEN len({numbers}) = 4 AND {finite} THEN {numbers}[{place}] END"


def _items(stage: Stage, table: Loaded, plan: Plan, item: str, source: Source) -> None:
    cells = {
        column: parsed((of, column), f"c{index}") or f"c{index}"
        for (of, column), index in plan.routes.items()
        if of == "item" and not is_attribute(of, column)
    }
    if ("item", "uri") not in plan.routes and ITEM in plan.routes and _names_files(stage, table, item):
        cells["uri"] = item
    if source.split and "split" not in cells:
        cells["split"] = literal(source.split)
    if "media" not in cells:
        if "uri" in cells:
            cells["media"] = _media(cells["uri"])
        elif "text" in cells:
            cells["media"] = f"CASE WHEN {cells['text']} IS NOT NULL THEN 'text' END"
    # min() and not any_value(): the same rows give the same item, whatever their order.
    merged = "".join(f', min({cell}) AS "{column}"' for column, cell in cells.items())
    extra = plan.attributes("item")
    merged += "".join(f", min(c{index}) AS a{place}" for place, index in enumerate(extra.values()))
    chosen = ", ".join(["item_id", *(f'"{column}"' for column in cells)])
    if extra:
        chosen += ", " + _map({name: f"a{place}" for place, name in enumerate(extra)}) + " AS attributes"
    stage.add(
        "item",
        f"SELECT {chosen} FROM (SELECT {item} AS item_id{merged} FROM {table.relation} WHERE {item} IS NOT NULL GROUP BY {item})",
    )


def _annotators(stage: Stage, table: Loaded, plan: Plan) -> None:
    if ANNOTATOR not in plan.routes:
        return
    person = f"c{plan.routes[ANNOTATOR]}"
    cells = {
        column: parsed((of, column), f"c{index}") or f"c{index}"
        for (of, column), index in plan.routes.items()
        if of == "annotator" and not is_attribute(of, column)
    }
    extra = plan.attributes("annotator")
    if not cells and not extra:
        return
    merged = "".join(f', min({cell}) AS "{column}"' for column, cell in cells.items())
    merged += "".join(f", min(c{index}) AS a{place}" for place, index in enumerate(extra.values()))
    chosen = ", ".join(["annotator_id", *(f'"{column}"' for column in cells)])
    if extra:
        chosen += ", " + _map({name: f"a{place}" for place, name in enumerate(extra)}) + " AS attributes"
    stage.add(
        "annotator",
        f"SELECT {chosen} FROM (SELECT {person} AS annotator_id{merged} FROM {table.relation} "
        f"WHERE {person} IS NOT NULL GROUP BY {person})",
    )


def _map(cells: dict[str, str]) -> str:
    """SQL for a MAP of the cells that are not NULL; NULL where all are."""
    pairs = ", ".join(f"struct_pack(k := {literal(name)}, v := {cell})" for name, cell in cells.items())
    empty = " AND ".join(f"{cell} IS NULL" for cell in cells.values())
    return f"CASE WHEN NOT ({empty}) THEN map_from_entries(list_filter([{pairs}], lambda e: e.v IS NOT NULL)) END"


def _is_rating(stage: Stage, table: Loaded, index: int) -> bool:
    """Whether all labels are numbers and some are written with a decimal point: 1.0 … 5.0, not class ids."""
    cell = f"c{index}"
    row = first(
        stage.con,
        f"SELECT bool_and({number(cell)} IS NOT NULL) AND bool_or(contains({cell}, '.')) FROM {table.relation} "
        f"WHERE {cell} IS NOT NULL",
    )
    return bool(row and row[0])


def _names_files(stage: Stage, table: Loaded, item: str) -> bool:
    """Whether most item ids end in a media file's suffix."""
    row = first(
        stage.con,
        f"SELECT count(*), count(*) FILTER ({_media('id')} IS NOT NULL) "
        f"FROM (SELECT {item} AS id FROM {table.relation} WHERE {item} IS NOT NULL LIMIT 1000)",
    )
    return bool(row and row[0] and row[1] * 2 > row[0])


def _media(uri: str) -> str:
    """SQL for the kind of medium that a file name promises."""
    suffix = f"regexp_extract(lower({uri}), '\\.[a-z0-9]+$')"
    cases = " ".join(f"WHEN {literal(name)} THEN {literal(medium)}" for name, medium in KINDS.items())
    return f"CASE {suffix} {cases} END"
