"""Which label fields a dataset gets: by source, by annotator where they are few, by task and by shape where there are several."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# More annotators than this share one field: a sidebar of forty rows shows nothing.
MAX_ANNOTATORS = 6
# What FiftyOne calls a label of each kind, one and many.
CLASSES = {
    "class": ("Classification", "Classifications"),
    "text": ("Classification", "Classifications"),
    "value": ("Regression", "Classifications"),
    "box": ("Detections", "Detections"),
    "polygon": ("Polylines", "Polylines"),
    "span": ("Polylines", "Polylines"),
    "keypoints": ("Keypoints", "Keypoints"),
    "segment": ("Detections", "Detections"),
    "moment": ("TemporalDetections", "TemporalDetections"),
}
# Where each class of many labels keeps them.
LISTS = {
    "Classifications": "classifications",
    "Detections": "detections",
    "Polylines": "polylines",
    "Keypoints": "keypoints",
    "TemporalDetections": "detections",
}
# The class of one label in a field of each class.
ONE = {
    "Classification": "Classification",
    "Regression": "Regression",
    "Classifications": "Classification",
    "Detections": "Detection",
    "Polylines": "Polyline",
    "Keypoints": "Keypoint",
    "TemporalDetections": "TemporalDetection",
}
# SQL: the kind of an annotation. A rotated box is no box to FiftyOne; a segment is a moment where there is a video to play.
KIND = """CASE WHEN type = 'box' AND coalesce(angle, 0) <> 0 THEN 'polygon'
               WHEN type = 'mask' THEN 'box'
               WHEN type = 'segment' AND $video THEN 'moment'
               WHEN type IN ('class', 'text', 'value', 'box', 'polygon', 'span', 'keypoints', 'segment') THEN type END"""
# Names of sample fields that are not labels; FiftyOne's own and ours.
RESERVED = frozenset(
    {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at", "findings", "item_id", "split", "text", "subject_id",
     "captured_at", "frames", "support", "frame_number", "group"}
)  # fmt: skip
Key = tuple[str, str | None, str, str]


@dataclass(frozen=True)
class Field:
    """A label field.

    Attributes:
        name: in FiftyOne.
        group: the sidebar group: the source.
        kind: a key of `CLASSES`.
        label_class: FiftyOne's class.
        meaning: one sentence.
    """

    name: str
    group: str
    kind: str
    label_class: str
    meaning: str

    @property
    def many(self) -> str:
        """The name of the list inside, or "" where the field holds one label."""
        return LISTS.get(self.label_class, "")

    @property
    def path(self) -> str:
        """Where one label's attributes are: `human.detections`, or `human`."""
        return f"{self.name}.{self.many}" if self.many else self.name


def slug(text: str) -> str:
    """A text as a part of a field's name, which may hold neither dots nor blanks.

    >>> slug("Ärztin 2 (Bo)"), slug("~5f2a"), slug("!")
    ('arztin_2_bo', '5f2a', 'x')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or "x"


def of_annotations(con: Connection, annotation: Path, *, video: bool) -> tuple[dict[Key, Field], int]:
    """(source, annotator or None for all, task, kind) -> field; and how many annotations have no kind that can be shown.

    Args:
        con: any connection.
        annotation: the opened table's Parquet file.
        video: the items are videos.
    """
    rows = con.execute(
        f"""
        WITH one AS (SELECT source, annotator_id, task, {KIND} AS kind, item_id FROM read_parquet([$file])),
        each AS (SELECT source, annotator_id, task, kind, item_id, count(*) AS n FROM one GROUP BY ALL),
        shared AS (SELECT source, task, kind, item_id, sum(n) AS n FROM each GROUP BY ALL)
        SELECT source, annotator_id, task, kind, max(n), sum(n),
               (SELECT max(s.n) FROM shared AS s WHERE s.source = each.source AND s.task = each.task AND s.kind = each.kind)
        FROM each GROUP BY source, annotator_id, task, kind ORDER BY source, task, kind, annotator_id NULLS FIRST
        """,
        {"file": str(annotation), "video": video},
    ).fetchall()
    lost = sum(int(row[5]) for row in rows if row[3] is None)
    shown = [row for row in rows if row[3] is not None]
    found: dict[Key, Field] = {}
    taken = set(RESERVED)
    for source in dict.fromkeys(row[0] for row in shown):
        own = [row for row in shown if row[0] == source]
        people = list(dict.fromkeys(row[1] for row in own))
        # A model's answers are told apart by its name even where it is the only one.
        apart = len(people) <= MAX_ANNOTATORS and (len(people) > 1 or (source in {"model", "rule"} and people != [None]))
        tasks = list(dict.fromkeys(row[2] for row in own))
        for _, person, task, kind, most, _, most_shared in own:
            key: Key = (source, person if apart else None, task, kind)
            if key in found:
                continue
            kinds = {row[3] for row in own if row[2] == task}
            parts = [slug(source), *([slug(person)] if apart and person is not None else [])]
            parts += [slug(task)] if len(tasks) > 1 else []
            parts += [kind] if len(kinds) > 1 else []
            who = f"annotator {person}" if apart and person is not None else "all annotators"
            label_class = CLASSES[kind][int((most if apart else most_shared) > 1)]
            meaning = f"{source} annotations of {who}, task {task}"
            found[key] = Field(_free("_".join(parts), taken), source, kind, label_class, meaning)
    return found, lost


def of_predictions(con: Connection, prediction: Path) -> dict[tuple[str, str], Field]:
    """(model, task) -> field."""
    rows = con.execute("SELECT DISTINCT model, task FROM read_parquet([$file]) ORDER BY ALL", {"file": str(prediction)}).fetchall()
    tasks = {task for _, task in rows}
    taken: set[str] = set()
    return {
        (model, task): Field(
            _free("_".join(["prediction", slug(model), *([slug(task)] if len(tasks) > 1 else [])]), taken),
            "prediction", "class", "Classification", f"the likeliest label of model {model}, task {task}",
        )
        for model, task in rows
    }  # fmt: skip


def of_attributes(names: Collection[str], prefix: str) -> dict[str, str]:
    """Attribute of the source -> name in FiftyOne.

    >>> of_attributes(["A b", "a_b"], "attr")
    {'A b': 'attr_a_b', 'a_b': 'attr_a_b_2'}
    """
    taken: set[str] = set()
    return {name: _free(f"{prefix}_{slug(name)}", taken) for name in names}


def field_of(found: Mapping[Key, Field], source: str, annotator: str | None, task: str, kind: str) -> Field | None:
    """The field that an annotation goes to, if it can be shown."""
    own = found.get((source, annotator, task, kind))
    return own if own is not None else found.get((source, None, task, kind))


def _free(name: str, taken: set[str]) -> str:
    chosen, number = name, 1
    while chosen in taken:
        number += 1
        chosen = f"{name}_{number}"
    taken.add(chosen)
    return chosen
