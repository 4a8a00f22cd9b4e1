"""The canonical tables: every column with its type, unit and meaning, and how they are written.

Conventions, the same in every format, measure and check:

- Pixel coordinates are continuous: x grows right, y grows down, (0, 0) is the top left corner of the image,
  ``w = xmax - xmin`` and ``h = ymax - ymin`` (so a box of one pixel in Pascal VOC has no area, and shows).
- Character offsets count Unicode code points, end exclusive.
- Times of the clock are UTC; times within a medium are seconds from its start.
- A missing answer is NULL, never a category.
- The sensitivity of each column stands in ``policies/fields.toml``, not here.

The same rows give the same bytes: a table is written in the order of its unique key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb


@dataclass(frozen=True)
class Column:
    """One column of a canonical table or a measure.

    Attributes:
        type: its DuckDB type.
        meaning: one sentence for the docs.
        unit: "" where it has none.
        supply: what a user can do when no row has it (shown where a check is skipped), or "".
        needs: of a measure's column: the "table.column" that feeds it; where that is empty too, it is what is missing.
        absent: what is missing where no row has it, or "" for a sentence made from its name.
    """

    type: str
    meaning: str
    unit: str = ""
    supply: str = ""
    needs: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Table:
    """A canonical table: its unique, sorted key and its columns, in order."""

    meaning: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    supply: str = ""


ROW_GROUP = 122_880  # rows
_GROUP_NUMBERS = 1 << 24  # numbers in the lists of a row group
_ATTRIBUTES = Column("MAP(VARCHAR, VARCHAR)", "anything else the source says of it, by name")
_PEOPLE = "map a column to annotator_id"
_MEDIA = "give --media FOLDER"

TABLES: dict[str, Table] = {
    "item": Table(
        "one thing labelled",
        ("item_id",),
        {
            "item_id": Column("VARCHAR", "the source's name for the item; for arrays the row number"),
            "media": Column("VARCHAR", "image | video | audio | text | table"),
            "uri": Column("VARCHAR", "where its medium is, relative to the media folder", supply=_MEDIA),
            "located": Column("BOOLEAN", "its medium was found; NULL where nobody looked for it", supply=_MEDIA),
            "sha256": Column("VARCHAR", "digest of the medium's bytes", supply=_MEDIA),
            "bytes": Column("BIGINT", "size of the medium", "bytes", supply=_MEDIA),
            "width": Column("INTEGER", "width of the image or video", "pixels", supply=_MEDIA),
            "height": Column("INTEGER", "height of the image or video", "pixels", supply=_MEDIA),
            "duration": Column("DOUBLE", "length of the audio or video", "seconds"),
            "frames": Column("INTEGER", "frames of the video"),
            "text": Column("VARCHAR", "the text that was labelled", supply="map a column to text"),
            "split": Column("VARCHAR", "train | validation | test, as the source says", supply="map a column to split"),
            "subject_id": Column("VARCHAR", "the person the item is about", supply="map a column to subject_id"),
            "captured_at": Column("TIMESTAMP", "when the item was recorded", "UTC"),
            "attributes": _ATTRIBUTES,
        },
    ),
    "annotation": Table(
        "one annotator's statement about one item",
        ("item_id", "annotation_id"),
        {
            "annotation_id": Column("VARCHAR", "the source's id, else a hash of item, task, annotator and ordinal"),
            "item_id": Column("VARCHAR", "the item it is about"),
            "task": Column("VARCHAR", "the question asked; 'label' where the source asks one only"),
            "type": Column(
                "VARCHAR",
                "class | box | polygon | mask | keypoints | span | segment | text | value | relation; NULL: only a label was read",
            ),
            "annotator_id": Column("VARCHAR", "who or what made it", supply=_PEOPLE),
            "source": Column("VARCHAR", "human | model | rule | synthetic | gold"),
            "label": Column("VARCHAR", "the class, as the source writes it"),
            "value": Column("DOUBLE", "the number given, for ratings and readings", supply="map a column to value"),
            "text": Column("VARCHAR", "free text given: a transcript, a translation, a remark"),
            "x": Column("DOUBLE", "left edge of the box", "pixels"),
            "y": Column("DOUBLE", "top edge of the box", "pixels"),
            "w": Column("DOUBLE", "width of the box, xmax - xmin", "pixels"),
            "h": Column("DOUBLE", "height of the box, ymax - ymin", "pixels"),
            "angle": Column("DOUBLE", "clockwise rotation of the box about its top left corner", "degrees"),
            "polygon": Column("DOUBLE[][]", "rings of x1, y1, x2, y2, …", "pixels"),
            "mask": Column(
                "STRUCT(height INTEGER, width INTEGER, counts VARCHAR)",
                "COCO run-length code, column-major, compressed",
            ),
            "keypoints": Column(
                "STRUCT(x DOUBLE, y DOUBLE, v INTEGER)[]", "points; v 0 not labelled, 1 hidden, 2 visible", "pixels"
            ),
            "start_char": Column("INTEGER", "first character of the span", "code points"),
            "end_char": Column("INTEGER", "character after the last of the span", "code points"),
            "start_s": Column("DOUBLE", "start of the segment", "seconds"),
            "end_s": Column("DOUBLE", "end of the segment", "seconds"),
            "frame": Column("INTEGER", "frame of the video, from 0"),
            "track_id": Column("VARCHAR", "the same object over frames"),
            "parent_id": Column("VARCHAR", "the annotation it belongs to, or a relation's start"),
            "confidence": Column("DOUBLE", "how sure its maker was", "0..1"),
            "created_at": Column("TIMESTAMP", "when it was made", "UTC", "map a column to created_at"),
            "seconds": Column("DOUBLE", "time spent on it", "seconds", "map a column to seconds"),
            "session_id": Column("VARCHAR", "the sitting in which it was made"),
            "reviewer_id": Column("VARCHAR", "who reviewed it", supply="map a column to reviewer_id"),
            "reviewed_at": Column("TIMESTAMP", "when it was reviewed", "UTC"),
            "review": Column("VARCHAR", "accepted | rejected | fixed"),
            "guideline": Column("VARCHAR", "version of the guideline it follows"),
            "prelabel": Column("VARCHAR", "the label that was proposed to the annotator"),
            "attributes": _ATTRIBUTES,
        },
    ),
    "annotator": Table(
        "a person, model, rule or vendor that makes annotations",
        ("annotator_id",),
        {
            "annotator_id": Column("VARCHAR", "the source's id of the annotator"),
            "kind": Column("VARCHAR", "person | model | rule | vendor"),
            "name": Column("VARCHAR", "the person's name"),
            "email": Column("VARCHAR", "the person's e-mail address"),
            "vendor": Column("VARCHAR", "the company that employs the annotator"),
            "joined_at": Column("TIMESTAMP", "when the annotator began", "UTC"),
            "attributes": _ATTRIBUTES,
        },
        supply="map columns to annotator.NAME",
    ),
    "qualification": Table(
        "what an annotator was qualified for, and when",
        ("annotator_id", "name", "valid_from"),
        {
            "annotator_id": Column("VARCHAR", "who holds it"),
            "name": Column("VARCHAR", "what it permits: a task or a label"),
            "valid_from": Column("TIMESTAMP", "from when", "UTC"),
            "valid_to": Column("TIMESTAMP", "until when; NULL is open", "UTC"),
        },
    ),
    "ontology": Table(
        "the labels allowed",
        ("task", "label"),
        {
            "task": Column("VARCHAR", "the question asked"),
            "label": Column("VARCHAR", "a label allowed"),
            "parent": Column("VARCHAR", "the broader label"),
            "type": Column("VARCHAR", "the annotation type that it may have; NULL is any"),
            "exclusive": Column("BOOLEAN", "one label of this task excludes the others on the same thing"),
            "ordinal": Column("INTEGER", "rank, where the labels are ordered"),
            "required": Column("VARCHAR[]", "attributes that an annotation with this label must carry"),
        },
        supply="give an ontology: a format that declares its classes, or --classes FILE",
    ),
    "prediction": Table(
        "a model's probabilities for one item",
        ("item_id", "task", "model"),
        {
            "item_id": Column("VARCHAR", "the item"),
            "task": Column("VARCHAR", "the question asked"),
            "model": Column("VARCHAR", "which model"),
            "fold": Column("INTEGER", "the fold that was held out when it was made; NULL where unknown"),
            "probs": Column("FLOAT[]", "probability of each of the model's classes, in order", "0..1"),
        },
        supply="give --predictions FILE",
    ),
    "model": Table(
        "a model whose predictions are given",
        ("model", "task"),
        {
            "model": Column("VARCHAR", "its name"),
            "task": Column("VARCHAR", "the question it answers"),
            "classes": Column("VARCHAR[]", "labels, in the order of prediction.probs"),
        },
        supply="give --predictions FILE",
    ),
    "embedding": Table(
        "a vector for an item",
        ("item_id", "model"),
        {
            "item_id": Column("VARCHAR", "the item"),
            "model": Column("VARCHAR", "what made the vector"),
            "vector": Column("FLOAT[]", "the vector"),
        },
        supply="give embeddings",
    ),
    "intake": Table(
        "a row of a source that was kept although something is wrong with it",
        ("intake_id",),
        {
            "intake_id": Column("VARCHAR", "a hash of the other columns and their ordinal"),
            "problem": Column(
                "VARCHAR", "duplicate_id | missing_id | conflicting_value | unreadable_media | missing_media | bad_value | not_read"
            ),
            "of": Column("VARCHAR", "item | annotation"),
            "item_id": Column("VARCHAR", "the item, under the id it was given"),
            "annotation_id": Column("VARCHAR", "the annotation, under the id it was given"),
            "source_id": Column("VARCHAR", "the id that the source gave"),
            "file": Column("VARCHAR", "the source's file name"),
            "detail": Column("VARCHAR", "one sentence"),
        },
    ),
}


def ddl(name: str, columns: Mapping[str, Column]) -> str:
    """`CREATE TABLE` for an empty table of these columns.

    >>> ddl("t", {"a": Column("INTEGER", "…")})
    'CREATE TABLE "t" ("a" INTEGER)'
    """
    body = ", ".join(f"{quoted(column)} {spec.type}" for column, spec in columns.items())
    return f"CREATE TABLE {quoted(name)} ({body})"


def select_typed(relation: str, present: set[str], columns: Mapping[str, Column]) -> str:
    """A SELECT of all `columns` from `relation`, cast to their types; those not `present` are NULL."""
    parts = [
        f'CAST("{name}" AS {spec.type}) AS "{name}"' if name in present else f'CAST(NULL AS {spec.type}) AS "{name}"'
        for name, spec in columns.items()
    ]
    return f"SELECT {', '.join(parts)} FROM {relation}"


def group_rows(con: duckdb.DuckDBPyConnection, relation: str, name: str) -> int:
    """Rows of a row group of the table `name`, whose rows `relation` holds: fewer where vectors are long.

    Whoever reads holds a whole row group for each thread: of a thousand classes 122,880 rows are half a gigabyte.
    """
    lists = [column for column, spec in TABLES[name].columns.items() if spec.type == "FLOAT[]"]
    if not lists:
        return ROW_GROUP
    longest = con.execute(f"SELECT {', '.join(f'max(len({quoted(column)}))' for column in lists)} FROM {relation}").fetchone()
    return rows_of(max(size or 1 for size in longest or (1,)))


def rows_of(width: int) -> int:
    """Rows of a row group whose rows hold lists of `width` numbers.

    >>> rows_of(10), rows_of(1000)
    (122880, 16777)
    """
    return max(2048, min(ROW_GROUP, _GROUP_NUMBERS // width))


def write_parquet(con: duckdb.DuckDBPyConnection, query: str, key: tuple[str, ...], path: Path, group: int = ROW_GROUP) -> None:
    """Write a query's rows to `path` as Parquet, ordered by their unique key, all or nothing.

    The bytes depend on the rows alone, not on threads or on the order they came in (`key` must be unique; empty where the rows
    come in a fixed order, as from one Arrow stream).

    Args:
        con: knows what the query reads.
        query: a SELECT.
        key: what the rows are ordered by.
        path: where.
        group: rows of a row group.
    """
    from auditor.files import replacing

    order = f" ORDER BY {', '.join(quoted(column) for column in key)}" if key else ""
    with replacing(path) as temporary:
        con.execute(
            f"COPY ({query}{order}) TO {literal(str(temporary))} "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {group}, USE_TMP_FILE false)"
        )


def literal(text: str) -> str:
    """A SQL string literal, for the few places that take no parameter (COPY, SET, file names).

    >>> literal("o'brien")
    "'o''brien'"
    """
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A SQL identifier, with what stands in it escaped.

    >>> quoted("item")
    '"item"'
    """
    return '"' + name.replace('"', '""') + '"'


def row_count(path: Path) -> int:
    """Rows of a Parquet file, from its footer alone."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def present_columns(path: Path) -> frozenset[str]:
    """Columns of a Parquet file in which at least one row is not NULL, from its statistics alone."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    found: set[str] = set()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            column = row_group.column(index)
            stats = column.statistics
            if stats is None or not stats.has_null_count or stats.null_count < column.num_values:
                found.add(column.path_in_schema.split(".")[0])
    return frozenset(found)
