"""Datasets for the tests of views: one of each kind of label, on pictures, texts, recordings and videos; and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from auditor import finding
from auditor.formats import rle
from auditor.views import Material
from tests import worlds
from tests.report_world import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

BOX, SIZE, EMPTY = "consistency/box_out_of_image", "outlier/box_size", "consistency/empty_label"
TITLES = {BOX: "A box reaches outside its image", SIZE: "A box is far larger or smaller than others", EMPTY: "A label is empty"}
TEXT = "Ada met Bo in Paris.\nThey talked."


def findings(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """findings.parquet with these rows; what they do not say is NULL."""
    types = {name: pa.float64() if spec.type == "DOUBLE" else pa.string() for name, spec in finding.COLUMNS.items()}
    full = [
        {"finding_id": str(number), "severity": "warning", "message": "a message", "evidence": "{}", **row}
        for number, row in enumerate(rows)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "findings.parquet"
    pq.write_table(pa.table({name: pa.array([row.get(name) for row in full], kind) for name, kind in types.items()}), path)
    return path


def picture(path: Path, width: int = 200, height: int = 100, seed: int = 1) -> Path:
    """A picture with something to see."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pixels = np.linspace(40, 200, width)[None, :, None] + random.normal(0, 18, (height, width, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def material(folder: Path, rows: dict[str, list[dict[str, Any]]], found: list[dict[str, Any]], media: dict[str, Path]) -> Material:
    """Rows through the stage, media as they lie."""
    tables = worlds.stage_tables(folder / "tables", **rows)
    path = None
    if media:
        path = folder / "media.parquet"
        pq.write_table(pa.table({"item_id": list(media), "path": [str(one) for one in media.values()]}), path)
    return Material(tables.paths, path, findings(folder, found), TITLES)


def mask() -> dict[str, Any]:
    """A mask of 100 x 200 pixels: rows 10 to 19, columns 20 to 49, without its upper left quarter."""
    pixels = np.zeros((100, 200), bool)
    pixels[10:20, 20:50] = True
    pixels[10:15, 20:35] = False
    return {"height": 100, "width": 200, "counts": rle.of_mask(pixels)}


def pictures(folder: Path) -> Material:
    """Three pictures: one with each shape, one that is missing, one with two annotators' classes, values and a model's answer."""
    media = {
        "shapes": picture(folder / "a.jpg"),
        "votes": picture(folder / "b.png", seed=2),
        "scan": picture(folder / "c.tif", seed=3),
    }
    size = {"width": 200, "height": 100, "media": "image"}
    shape = {"item_id": "shapes", "task": "object", "annotator_id": "ann", "source": "human"}
    vote = {"item_id": "votes", "type": "class", "task": "kind", "source": "human"}
    rows = {
        "item": [
            {"item_id": "shapes", **size, "split": "train", "attributes": {"Light": "dim"}},
            {"item_id": "votes", **size, "split": "test"},
            {"item_id": "lost", "media": "image", "uri": "lost.jpg"},
            {"item_id": "scan", **size},
        ],
        "annotation": [
            {**shape, "annotation_id": "box", "type": "box", "label": "cat", "x": 20.0, "y": 10.0, "w": 100.0, "h": 50.0,
             "attributes": {"Truncated": "1", "a.b$c": "odd"}, "confidence": 0.5},
            {**shape, "annotation_id": "turned", "type": "box", "label": "cat", "x": 100.0, "y": 50.0, "w": 20.0, "h": 10.0, "angle": 90.0},
            {**shape, "annotation_id": "broken", "type": "box", "label": "cat", "x": float("nan"), "y": 0.0, "w": 1e300, "h": 5.0},
            {**shape, "annotation_id": "polygon", "type": "polygon", "label": "dog", "polygon": [[0.0, 0.0, 200.0, 0.0, 100.0, 100.0], [10.0, 10.0, 20.0, 10.0, 20.0, 20.0]]},
            {**shape, "annotation_id": "mask", "type": "mask", "label": "sky", "mask": mask()},
            {**shape, "annotation_id": "points", "type": "keypoints", "label": "face",
             "keypoints": [{"x": 20.0, "y": 10.0, "v": 2}, {"x": 5.0, "y": 5.0, "v": 0}, {"x": 200.0, "y": 100.0, "v": 1}]},
            {**shape, "annotation_id": "arrow", "type": "relation", "label": "beside"},
            {**shape, "item_id": "lost", "annotation_id": "blind", "type": "box", "label": "cat", "x": 0.0, "y": 0.0, "w": 50.0, "h": 40.0},
            {**vote, "annotation_id": "v1", "annotator_id": "ann", "label": "day"},
            {**vote, "annotation_id": "v2", "annotator_id": "Bo Ø", "label": "night", "seconds": 2.5},
            {**vote, "annotation_id": "g", "source": "gold", "label": "day"},
            {**vote, "annotation_id": "m", "source": "model", "annotator_id": "net-1", "label": "day", "confidence": 0.9},
            {**vote, "annotation_id": "r", "type": "value", "task": "rating", "annotator_id": "ann", "value": 4.5},
        ],
        "prediction": [{"item_id": "votes", "task": "kind", "model": "net-2", "probs": [0.25, 0.75]}],
        "model": [{"model": "net-2", "task": "kind", "classes": ["day", "night"]}],
    }  # fmt: skip
    found = [
        {
            "check_id": BOX,
            "severity": "error",
            "item_id": "shapes",
            "annotation_id": "box",
            "score": 0.25,
            "message": "first \u202e",
        },
        {"check_id": SIZE, "item_id": "shapes", "annotation_id": "box", "score": 0.75, "message": "second"},
        {"check_id": SIZE, "item_id": "votes", "evidence": '{"other_item": "lost"}', "message": "a pair"},
        {"check_id": EMPTY, "severity": "info", "annotation_id": "v2", "message": "by its annotation"},
        {"check_id": "bias/annotator_confusion", "annotator_id": "ann", "message": "about nobody's item"},
    ]
    return material(folder, rows, found, media)


def texts(folder: Path) -> Material:
    """Texts with spans of two people, a long one, hostile ones, a recording with segments, and an item with nothing."""
    span = {"type": "span", "task": "entity", "source": "human"}
    segment = {"item_id": "sound", "type": "segment", "task": "speaker", "source": "human"}
    rows = {
        "item": [
            {"item_id": "letter", "media": "text", "text": TEXT},
            {"item_id": "long", "media": "text", "text": "word " * 2_000},
            {"item_id": "hostile " + HOSTILE[4], "media": "text", "text": "\n".join(HOSTILE)},
            {"item_id": "sound", "media": "audio", "duration": 60.0},
            {"item_id": "nothing"},
        ],
        "annotation": [
            {**span, "item_id": "letter", "annotation_id": "s1", "annotator_id": "ann", "label": "person", "start_char": 0, "end_char": 3},
            {**span, "item_id": "letter", "annotation_id": "s2", "annotator_id": "ann", "label": "place", "start_char": 14, "end_char": 25},
            {**span, "item_id": "letter", "annotation_id": "s3", "annotator_id": "bo", "label": "person", "start_char": 0, "end_char": 99},
            {**span, "item_id": "long", "annotation_id": "s4", "annotator_id": "bo", "label": "far", "start_char": 9_000, "end_char": 9_100},
            {**segment, "annotation_id": "t1", "annotator_id": "ann", "label": "A", "start_s": 0.0, "end_s": 30.0},
            {**segment, "annotation_id": "t2", "annotator_id": "ann", "label": "B", "start_s": 45.0, "end_s": 500.0},
            {"item_id": "sound", "annotation_id": "words", "type": "text", "task": "transcript", "source": "human", "annotator_id": "ann",
             "text": "hello there"},
        ],
    }  # fmt: skip
    return material(folder, rows, [{"check_id": SIZE, "item_id": "letter", "annotation_id": "s2"}], {})


def crowd(folder: Path, people: int = 9) -> Material:
    """Two texts, voted on by many."""
    rows = [
        {"item_id": item, "annotation_id": f"{item}-{person}", "annotator_id": f"p{person}", "type": "class", "task": "label",
         "source": "human", "label": "yes" if person % 3 else "no"}
        for item in ("one", "two") for person in range(people)
    ]  # fmt: skip
    values = [
        {"item_id": "one", "annotation_id": f"v{person}", "annotator_id": f"p{person}", "type": "value", "task": "stars", "source": "human",
         "value": float(person % 5)}
        for person in range(people)
    ]  # fmt: skip
    items = [{"item_id": "one", "text": "first", "media": "text"}, {"item_id": "two", "text": "second", "media": "text"}]
    return material(folder, {"item": items, "annotation": rows + values}, [], {})


def film(path: Path, frames: int = 20, fps: float = 10.0) -> Path:
    """A small video; the codec is the one that OpenCV brings."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), number * 10, np.uint8))
    writer.release()
    return path


def videos(folder: Path) -> Material:
    """A video with segments, and one whose file is lost."""
    media = {"film": film(folder / "film.mp4")}
    segment = {"type": "segment", "task": "scene", "source": "human", "annotator_id": "ann"}
    rows = {
        "item": [
            {"item_id": "film", "media": "video", "duration": 2.0, "frames": 20, "width": 64, "height": 48},
            {"item_id": "lost", "media": "video"},
        ],
        "annotation": [
            {**segment, "item_id": "film", "annotation_id": "m1", "label": "dark", "start_s": 0.0, "end_s": 0.95},
            {**segment, "item_id": "film", "annotation_id": "m2", "label": "light", "start_s": 1.0, "end_s": 9.0},
        ],
    }  # fmt: skip
    return material(folder, rows, [], media)
