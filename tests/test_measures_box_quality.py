"""Boxes beside a model's, against cleanlab.object_detection; planted faults; and a right set that stays quiet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import measured

NAMES = ("car", "cat", "dog")


def drawn(rng, items=6, most=5):
    """Human and predicted boxes as (item, label, x, y, w, h, confidence or None); predicted ones follow human ones, more or less."""
    rows = []
    for item in range(items):
        for _ in range(rng.integers(1, most)):
            label, box = int(rng.integers(3)), np.array([*rng.uniform(0, 80, 2), *rng.uniform(5, 40, 2)])
            rows.append((item, label, *box, None))
            if rng.random() < 0.8:
                shift = rng.normal(0, 3, 4)
                swapped = int(rng.integers(3)) if rng.random() < 0.2 else label
                rows.append((item, swapped, *np.maximum(box + shift, 1), float(rng.uniform(0.55, 1))))
            if rng.random() < 0.2:
                rows.append((item, (label + 1) % 3, *box, None))
        rows += [
            (item, int(rng.integers(3)), *rng.uniform(0, 80, 2), *rng.uniform(5, 40, 2), float(rng.uniform(0.9, 1)))
            for _ in range(rng.integers(0, 3))
        ]
    return rows


def annotations(rows):
    return [
        {
            "item_id": f"{item:03d}", "annotation_id": f"{n:05d}", "type": "box", "label": NAMES[label], "x": x, "y": y, "w": w, "h": h,
            "source": "human" if sure is None else "model", "annotator_id": "p" if sure is None else "m", "confidence": sure,
        }
        for n, (item, label, x, y, w, h, sure) in enumerate(rows)
    ]  # fmt: skip


def for_cleanlab(rows, items):
    labels, predictions = [], []
    for item in items:
        mine = [row for row in rows if row[0] == item and row[6] is None]
        labels.append(
            {
                "bboxes": np.array([[x, y, x + w, y + h] for _, _, x, y, w, h, _ in mine]),
                "labels": np.array([label for _, label, *_ in mine]),
            }
        )
        of = [[[x, y, x + w, y + h, sure] for _, c, x, y, w, h, sure in rows_of(rows, item) if c == k] for k in range(3)]
        predictions.append(np.array([np.array(boxes).reshape(-1, 5) for boxes in of], dtype=object))
    return labels, predictions


def rows_of(rows, item):
    return [row for row in rows if row[0] == item and row[6] is not None]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scores_are_those_of_cleanlab(tmp_path_factory, seed):
    from cleanlab.object_detection import rank

    rows = drawn(np.random.default_rng(seed))
    items = [item for item in range(6) if rows_of(rows, item)]
    if not items:
        return
    rows = [row for row in rows if row[0] in items]
    opened = measured.of_rows(tmp_path_factory.mktemp("boxes"), annotation=annotations(rows))
    got = {row["annotation_id"]: row for row in measured.table(opened, "box_quality")}
    labels, predictions = for_cleanlab(rows, items)
    located = rank.compute_badloc_box_scores(labels=labels, predictions=predictions)
    swapped = rank.compute_swap_box_scores(labels=labels, predictions=predictions)
    overlooked = rank.compute_overlooked_box_scores(labels=labels, predictions=predictions)
    numbered = list(enumerate(rows))
    for item, place, swap, over in zip(items, located, swapped, overlooked, strict=True):
        mine = [got[f"{n:05d}"] for n, row in numbered if row[0] == item and row[6] is None]
        assert [row["badly_located"] for row in mine] == pytest.approx(place, abs=1e-9)
        assert [row["swapped"] for row in mine] == pytest.approx(swap, abs=1e-9)
        guesses = [f"{n:05d}" for k in range(3) for n, row in numbered if row[0] == item and row[6] is not None and row[1] == k]
        assert [got[one]["overlooked"] if one in got else np.nan for one in guesses] == pytest.approx(over, abs=1e-9, nan_ok=True)
    whole = {row["item_id"]: row for row in measured.table(opened, "box_item_quality")}
    expected = rank.get_label_quality_scores(labels, predictions, verbose=False)
    assert [whole[f"{item:03d}"]["score"] for item in items] == pytest.approx(expected, abs=1e-9)


def world(rng, faults):
    """200 items with 4 boxes apart from each other, a good model, and human boxes of which some are faulty."""
    rows, wrong = [], {"lost": [], "moved": [], "swapped": []}
    for item in range(200):
        for slot in range(4):
            label = int(rng.integers(3))
            box = np.array([slot * 60.0 + rng.uniform(0, 5), rng.uniform(0, 30), *rng.uniform(25, 45, 2)])
            kind = faults.get((item, slot))
            moved = box + ([18, 12, 0, 0] if kind == "moved" else 0)
            if kind != "lost":
                rows.append((item, (label + 1) % 3 if kind == "swapped" else label, *moved, None))
            rows.append(
                (
                    item,
                    label,
                    *np.maximum(box + rng.normal(0, 1, 4), 1),
                    float(rng.uniform(0.96, 1) if kind else rng.uniform(0.6, 1)),
                )
            )
            if kind:
                wrong[kind].append(f"{len(rows) - (1 if kind == 'lost' else 2):05d}")
    return rows, wrong


def test_planted_faults_are_found_and_right_boxes_are_not(tmp_path):
    faults = {(item, 1): ("lost", "moved", "swapped")[item % 3] for item in range(60)}
    rows, wrong = world(np.random.default_rng(1), faults)
    opened = measured.of_rows(tmp_path, annotation=annotations(rows))
    for check, kind in (("overlooked_box", "lost"), ("badly_located_box", "moved"), ("swapped_box_label", "swapped")):
        found = {row["annotation_id"] for row in measured.findings(opened, f"outlier/{check}")}
        assert len(found & set(wrong[kind])) >= 0.9 * len(wrong[kind]), check
        assert len(found - set(wrong[kind])) <= 0.005 * len(rows), check


def test_without_predicted_boxes_there_is_nothing_to_look_at(tmp_path):
    rows = [row for row in drawn(np.random.default_rng(2)) if row[6] is None]
    result, _ = measured.asked(measured.of_rows(tmp_path, annotation=annotations(rows)), "outlier/overlooked_box")
    assert result.outcome == "skipped"
