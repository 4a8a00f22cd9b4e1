"""Boxes: box_pair gives exactly the pairs that comparing every box with every other gives; masks unpacked one by one agree."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import tables
from auditor.formats import rle
from auditor.measures import _rle, box_pair

_edge = st.floats(0, 60, allow_nan=False).map(lambda v: round(v * 4) / 4)
_side = st.sampled_from([0.0, 0.25, 1.0, 2.0, 3.0, 4.0, 5.5, 8.0, 9.0, 16.0, 31.0, 64.0])
_box = st.fixed_dictionaries(
    {
        "x": _edge,
        "y": _edge,
        "w": _side,
        "h": _side,
        "item_id": st.sampled_from(["a", "b"]),
        "task": st.sampled_from(["t", "t", "u"]),
        "source": st.sampled_from(["human", "human", "gold"]),
        "annotator_id": st.sampled_from([None, "p", "p"]),
        "frame": st.sampled_from([None, None, 3]),
        "label": st.sampled_from(["cat", None]),
    }
)


def measured(rows: list[dict]) -> list[dict]:
    con = duckdb.connect(config={"threads": 1})
    con.execute(tables.ddl("annotation", tables.TABLES["annotation"].columns))
    names = ["annotation_id", "item_id", "task", "type", "source", "annotator_id", "label", "x", "y", "w", "h", "angle", "frame"]
    con.executemany(
        f"INSERT INTO annotation ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [[row.get(name) for name in names] for row in rows],
    )
    found = con.sql(box_pair.SQL).to_arrow_table().to_pylist()
    con.close()
    return found


def brute_force(rows: list[dict]) -> dict[tuple[str, str], float]:
    """Every pair of one group, by NumPy, in the definition's own words."""
    corner = np.array([[r["x"], r["y"], r["x"] + r["w"], r["y"] + r["h"]] for r in rows])
    side = np.clip(
        np.minimum(corner[:, None, 2:], corner[None, :, 2:]) - np.maximum(corner[:, None, :2], corner[None, :, :2]), 0, None
    )
    shared = side[..., 0] * side[..., 1]
    area = np.array([r["w"] * r["h"] for r in rows])
    with np.errstate(invalid="ignore"):
        iou = shared / (area[:, None] + area[None, :] - shared)
    group = [tuple(r[k] for k in ("item_id", "task", "source", "annotator_id", "frame")) for r in rows]
    return {
        (rows[i]["annotation_id"], rows[j]["annotation_id"]): float(iou[i, j])
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if group[i] == group[j] and area[i] > 0 and area[j] > 0 and iou[i, j] >= 0.5
    }


@pytest.mark.parametrize("repeat", [1, 40], ids=["few", "crowded"])
@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(_box, min_size=1, max_size=12))
def test_pairs_equal_brute_force(repeat, boxes):
    # In the crowded variant one group passes the limit beyond which the grid works: fillers far off, of every size.
    filler = [
        {**boxes[0], "x": 1000.0 + 100 * n, "y": 5.0, "w": float(1 + n % 7), "h": 3.0}
        for n in range(2 * repeat if repeat > 1 else 0)
    ]
    rows = [{**row, "type": "box", "annotation_id": f"{n:03}"} for n, row in enumerate(boxes + filler)]
    expected = brute_force(rows)
    found = measured(rows)
    assert {(row["annotation_a"], row["annotation_b"]) for row in found} == set(expected)
    assert len(found) == len(expected)
    for row in found:
        assert row["iou"] == pytest.approx(expected[row["annotation_a"], row["annotation_b"]])
        assert row["iom"] >= row["iou"] - 1e-12


def test_a_crowd_of_real_size_equals_brute_force():
    random = np.random.default_rng(7)
    shape = {"item_id": "a", "task": "t", "source": "human", "annotator_id": None, "frame": None, "label": "c", "type": "box"}
    rows = [
        {**shape, "annotation_id": f"{n:04}", "x": x, "y": y, "w": w, "h": h}
        for n, (x, y, w, h) in enumerate(
            zip(
                random.uniform(-40, 400, 900),
                random.uniform(0, 300, 900),
                random.lognormal(3, 0.8, 900),
                random.lognormal(3, 0.8, 900),
                strict=True,
            )
        )
    ]
    expected = brute_force(rows)
    assert len(expected) > 30
    assert {(row["annotation_a"], row["annotation_b"]) for row in measured(rows)} == set(expected)


def test_a_heap_shows_without_all_its_pairs():
    """Of 3,000 boxes that cover each other there are millions of pairs: each box keeps a few."""
    shape = {"item_id": "a", "task": "t", "source": "human", "type": "box", "y": 2.0, "w": 300.0, "h": 400.0}
    rows = [{**shape, "x": n / 3000, "annotation_id": str(n)} for n in range(3000)]
    found = measured(rows)
    assert len(found) <= box_pair.MOST * len(rows)
    told = {row[side] for row in found for side in ("annotation_a", "annotation_b")}
    assert told == {row["annotation_id"] for row in rows}


def test_boxes_without_a_meaning_are_left_out():
    shape = {"item_id": "a", "task": "t", "source": "human", "type": "box", "x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0}
    odd = [
        {"w": float("inf")},
        {"x": float("nan")},
        {"w": -2.0, "x": 3.0},
        {"h": None},
        {"angle": 30.0},
        {"w": 1e200, "h": 1e200},
    ]
    rows = [{**shape, **change, "annotation_id": str(n)} for n, change in enumerate([*odd, *odd, {}, {"angle": 0.0}])]
    assert [(row["annotation_a"], row["annotation_b"], row["iou"]) for row in measured(rows)] == [("12", "13", 1.0)]


def test_polygons_and_masks_that_state_a_box_are_compared_too():
    shape = {"item_id": "a", "task": "t", "source": "human", "x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0}
    rows = [{**shape, "type": kind, "annotation_id": str(n)} for n, kind in enumerate(("polygon", "mask", "keypoints"))]
    rows.append({"item_id": "a", "task": "t", "source": "human", "type": "polygon", "annotation_id": "no box"})
    assert {(row["annotation_a"], row["annotation_b"]) for row in measured(rows)} == {("0", "1"), ("0", "2"), ("1", "2")}


def test_masks_are_unpacked_as_one_by_one():
    random = np.random.default_rng(3)
    masks = [random.random(random.integers(1, 40, 2)) < share for share in (0.0, 0.02, 0.3, 0.9, 1.0) for _ in range(60)]
    texts = [rle.of_mask(mask) for mask in masks]
    height, width = np.array([mask.shape for mask in masks]).T
    ends = np.cumsum([len(text) for text in texts])
    found = _rle.pixels(np.frombuffer("".join(texts).encode(), np.uint8), ends, height, width)
    assert found.whole.all()
    for n, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        box = (x.min(), y.min(), x.max() + 1, y.max() + 1) if len(x) else (0, 0, 0, 0)
        assert (found.pixels[n], found.left[n], found.top[n], found.right[n], found.bottom[n]) == (len(x), *box)


@pytest.mark.parametrize("text", ["", "8V", "\x00", "é", "oooooooooooo0", "O9", "0" * 9])
def test_what_is_no_code_is_said_to_be_none(text):
    raw = np.frombuffer(f"26{text}26".encode(), np.uint8)
    found = _rle.pixels(raw, np.array([2, len(raw) - 2, len(raw)]), np.full(3, 2), np.full(3, 4))
    assert found.whole.tolist() == [True, False, True]
    assert found.pixels.tolist() == [6, 0, 6]
