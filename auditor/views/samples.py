"""Tables, media and findings as samples: one an item, with its picture or a card, its labels and what was found."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.tables import present_columns
from auditor.views import fields, found, labels, pictures
from auditor.views.tags import PREFIX, by_thing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

    from auditor.views.fields import Field, Key
    from auditor.views.tags import Tag

# Attributes of the source, by how many items or annotations have them; more make a sidebar that nobody reads.
MAX_ATTRIBUTES = 30
MAX_ITEM_TEXT = 2_000
_BATCH = 2_000
# Columns of item that a sample is made of.
_ITEM = ("media", "bytes", "width", "height", "duration", "frames", "text", "split", "subject_id", "captured_at", "attributes")


@dataclass(frozen=True)
class Material:
    """What is to be shown; everything has passed the policy's door.

    Attributes:
        tables: canonical table -> Parquet file, as the policy opened them.
        media: Parquet (item_id, path), or None: then, or where the policy hides `item.uri`, no medium is shown.
        findings: findings.parquet, or None.
        titles: check -> its title.
    """

    tables: Mapping[str, Path]
    media: Path | None
    findings: Path | None
    titles: Mapping[str, str]


@dataclass(frozen=True)
class Sample:
    """One sample: its file, image or video, FiftyOne's metadata, its tags and its fields."""

    path: str
    media: str
    metadata: dict[str, Any]
    tags: list[str]
    values: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a dataset has, before its samples are made.

    Attributes:
        video: the samples are videos.
        fields: label fields by (source, annotator, task, kind).
        predictions: label fields by (model, task).
        item_attributes: attribute -> field.
        label_attributes: attribute -> name in a label.
        carried: columns of annotation that some row has.
        columns: columns of item that some row has.
        found: item -> what was found.
        severities: check -> its severity, for checks that found something about an item.
        items: how many samples there will be.
        notes: sentences for the user.
    """

    video: bool
    fields: Mapping[Key, Field]
    predictions: Mapping[tuple[str, str], Field]
    item_attributes: Mapping[str, str]
    label_attributes: Mapping[str, str]
    carried: frozenset[str]
    columns: frozenset[str]
    found: Mapping[str, found.Found]
    severities: Mapping[str, str]
    items: int
    notes: tuple[str, ...]


def plan(con: Connection, material: Material) -> Plan:
    """Look at the tables: which fields there will be."""
    files = material.tables
    _add_items(con, material)
    items, videos, seen = con.execute(
        "SELECT count(*), count(*) FILTER (media = 'video'), count(*) FILTER (media = 'video' AND path IS NOT NULL) FROM shown"
    ).fetchall()[0]
    video = videos == items and seen > 0 and _plays()
    planned, lost = fields.of_annotations(con, files["annotation"], video=video)
    about, severities, homeless = (
        found.by_item(con, material.findings, files["annotation"]) if material.findings is not None else ({}, {}, 0)
    )
    notes = []
    if seen and not video:
        why = (
            "a FiftyOne dataset holds either videos or pictures"
            if videos != items
            else "FiftyOne plays videos only with ffmpeg in PATH"
        )
        notes.append(f"{seen:,} videos are shown as cards: {why}")
    if lost:
        notes.append(f"{lost:,} annotations are of a type that FiftyOne cannot show, such as relations")
    if homeless:
        notes.append(f"{homeless:,} findings are about no single item: the report has them")
    return Plan(
        video,
        planned,
        fields.of_predictions(con, files["prediction"]),
        fields.of_attributes(_attributes(con, files["item"]), "item"),
        fields.of_attributes(_attributes(con, files["annotation"]), "attr"),
        present_columns(files["annotation"]),
        present_columns(files["item"]),
        about,
        severities,
        int(items),
        tuple(notes),
    )


def make(con: Connection, material: Material, planned: Plan, folder: Path, given: Iterable[Tag] = ()) -> Iterator[Sample]:
    """The samples, in the order of their ids.

    Args:
        con: as for `plan`, which has to come first.
        material: what is shown.
        planned: its plan.
        folder: where cards go.
        given: tags that people gave before: they stay.
    """
    tagged = by_thing(given)
    annotations = _Ahead(
        _rows(con.cursor(), _annotation_query(planned), {"file": str(material.tables["annotation"]), "video": planned.video})
    )
    predictions = _Ahead(
        _rows(
            con.cursor(),
            "SELECT p.item_id, p.model, p.task, p.probs, m.classes FROM read_parquet([$file]) AS p "
            "LEFT JOIN read_parquet([$model]) AS m USING (model, task) ORDER BY p.item_id",
            {"file": str(material.tables["prediction"]), "model": str(material.tables["model"])},
        )
    )
    for item in _rows(con.cursor(), "SELECT * FROM shown ORDER BY item_id", {}):
        name = item["item_id"]
        about = planned.found.get(name)
        rows = annotations.take(name)
        placed = [
            (row, fields.field_of(planned.fields, row["source"], row["annotator_id"], row["task"], row["kind"])) for row in rows
        ]
        picture = pictures.of_item(item, placed, folder, video=planned.video)
        by_field: dict[Field, list[labels.Label]] = {}
        for row, field in placed:
            if field is not None:
                own = about.by_annotation.get(row["annotation_id"], []) if about else []
                own = [*(PREFIX + check for check in own), *tagged.get((name, row["annotation_id"]), [])]
                by_field.setdefault(field, []).append(labels.label(row, field, picture.canvas, planned.label_attributes, own))
        values = _item_values(item, planned)
        values |= {field.name: labels.together(made, field) for field, made in by_field.items()}
        for row in predictions.take(name):
            values[planned.predictions[row["model"], row["task"]].name] = labels.prediction(
                row["probs"] or [], row["classes"] or []
            )
        if about:
            values["findings"] = about.values()
        tags = [*(about.tags if about else []), *tagged.get((name, ""), [])]
        yield Sample(picture.path, picture.media, picture.metadata, tags, {k: v for k, v in values.items() if v is not None})


def _plays() -> bool:
    """Whether FiftyOne can show videos: without this program its app shows no sample, even where it is told all about them."""
    return shutil.which("ffprobe") is not None


def _add_items(con: Connection, material: Material) -> None:
    """The table `shown`: every item that some table names, and where its medium is."""
    columns = ", ".join(f'i."{name}"' for name in _ITEM)
    media = (
        "(SELECT item_id, path FROM read_parquet([$media]))" if material.media else "(SELECT '' AS item_id, '' AS path WHERE false)"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE shown AS
        WITH named AS (
          SELECT item_id FROM read_parquet([$item]) UNION SELECT item_id FROM read_parquet([$annotation])
          UNION SELECT item_id FROM read_parquet([$prediction])
        )
        SELECT named.item_id, {columns}, m.path
        FROM named LEFT JOIN read_parquet([$item]) AS i ON i.item_id = named.item_id
        LEFT JOIN {media} AS m ON m.item_id = named.item_id
        WHERE named.item_id IS NOT NULL ORDER BY named.item_id
        """,
        {
            **{name: str(material.tables[name]) for name in ("item", "annotation", "prediction")},
            **({"media": str(material.media)} if material.media else {}),
        },
    )


def _annotation_query(planned: Plan) -> str:
    wanted = [
        "item_id", "source", "task", "label", "text", "value", "x", "y", "w", "h", "angle", "polygon", "mask", "keypoints",
        "confidence", "annotation_id", "annotator_id", "start_s", "end_s", "start_char", "end_char",
    ]  # fmt: skip
    wanted += [name for name in labels.CARRIED if name in planned.carried and name not in wanted]
    parts = ", ".join(f'"{name}"' for name in wanted)
    return f"SELECT {parts}, attributes, {fields.KIND} AS kind FROM read_parquet([$file]) ORDER BY item_id, annotation_id"


def _attributes(con: Connection, file: Path) -> list[str]:
    return [
        str(row[0])
        for row in con.execute(
            "SELECT key FROM (SELECT unnest(map_keys(attributes)) AS key FROM read_parquet([$file])) GROUP BY key "
            f"ORDER BY count(*) DESC, key LIMIT {MAX_ATTRIBUTES}",
            {"file": str(file)},
        ).fetchall()
    ]


def _item_values(item: Mapping[str, Any], planned: Plan) -> dict[str, Any]:
    own = [name for name in ("split", "subject_id", "captured_at") if name in planned.columns]
    values: dict[str, Any] = {name: item[name] for name in ("item_id", *own)}
    if item["text"] is not None:
        values["text"] = item["text"][:MAX_ITEM_TEXT]
    attributes = item["attributes"] or {}
    values |= {field: attributes[key] for key, field in planned.item_attributes.items() if key in attributes}
    return values


def _rows(con: Connection, query: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A query's rows as dicts, a batch at a time."""
    con.execute(query, dict(parameters))
    names = [column[0] for column in con.description or ()]
    while batch := con.fetchmany(_BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))


class _Ahead:
    """Rows sorted by item_id, handed out an item at a time to somebody who goes through the items in the same order."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._groups = itertools.groupby(rows, key=lambda row: row["item_id"])
        self._next = next(self._groups, None)

    def take(self, item_id: str) -> list[dict[str, Any]]:
        if self._next is None or self._next[0] != item_id:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows
