"""Who speaks when: diarization errors worked by hand, and two releases of VoxConverse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from auditor.measures.segment_pair import diarization
from tests import measured


def told(*segments):
    start, end, label = zip(*segments, strict=True)
    return np.array(start, float), np.array(end, float), np.array(label)


@pytest.mark.parametrize(
    ("reference", "other", "collar", "expected"),
    [
        ([(0, 10, 0)], [(0, 10, 3)], 0, (10, 0, 0, 0)),  # names do not matter
        ([(0, 10, 0)], [(20, 25, 0)], 0, (10, 10, 5, 0)),  # nothing in common
        ([(0, 10, 0), (5, 10, 1)], [(0, 10, 0)], 0, (15, 5, 0, 0)),  # of two at once one is missed
        ([(0, 10, 0), (10, 16, 1)], [(0, 16, 0)], 0, (16, 0, 0, 6)),  # two speakers taken for one
        ([(0, 10, 0)], [(0, 6, 0), (6, 10, 1)], 0, (10, 0, 0, 4)),  # one speaker taken for two
        ([(0, 10, 0), (4, 6, 0)], [(0, 10, 0)], 0, (10, 0, 0, 0)),  # one label over itself counts once
        ([(0, 10, 0)], [(0.2, 10.2, 0)], 0, (10, 0.2, 0.2, 0)),
        ([(0, 10, 0)], [(0.2, 10.2, 0)], 0.25, (9.5, 0, 0, 0)),  # within the collar
    ],
)
def test_worked_by_hand(reference, other, collar, expected):
    assert diarization(*told(*reference), *told(*other), collar=collar) == pytest.approx(expected, abs=1e-9)


def test_every_pair_of_an_item(tmp_path):
    rows = [
        {"item_id": item, "annotator_id": who, "type": "segment", "label": label, "start_s": start, "end_s": end}
        for item, who, label, start, end in [
            ("a", "p", "x", 0.0, 4.0), ("a", "q", "y", 0.0, 4.0), ("a", "r", "x", 0.0, 3.0), ("b", "p", "x", 0.0, 4.0),
        ]
    ]  # fmt: skip
    found = measured.table(measured.of_rows(tmp_path, annotation=rows), "segment_pair")
    assert [(row["item_id"], row["annotator_a"], row["annotator_b"], row["missed"], row["der"]) for row in found] == [
        ("a", "p", "q", 0, 0), ("a", "p", "r", 1, 0.25), ("a", "q", "r", 1, 0.25),
    ]  # fmt: skip


@pytest.mark.data
def test_voxconverse_and_its_correction(tmp_path, shared_data):
    rows = []
    for version in ("v0.0.2-test", "v0.3-test"):
        for file in sorted((shared_data / "voxconverse" / version).rglob("*.rttm")):
            for line in file.read_text(encoding="utf-8").splitlines():
                _, _, _, start, length, _, _, speaker, *_ = line.split()
                rows.append({
                    "item_id": file.stem, "annotator_id": version, "type": "segment", "label": speaker,
                    "start_s": float(start), "end_s": float(start) + float(length),
                })  # fmt: skip
    found = measured.table(measured.of_rows(tmp_path, annotation=rows), "segment_pair")
    assert len(found) == 232
    different = [row for row in found if row["der"] > 0]
    assert len(different) == 18


@pytest.mark.parametrize("collar", [0, 1])
def test_errors_are_those_of_a_count_by_the_second(collar):
    rng = np.random.default_rng(3)
    for _ in range(30):
        start, other = rng.integers(0, 40, 8), rng.integers(0, 40, 8)
        end, until = start + rng.integers(1, 9, 8), other + rng.integers(1, 9, 8)
        label, theirs = rng.integers(0, 3, 8), rng.integers(0, 3, 8)
        near = {edge + step for edge in (*start, *end) for step in range(-collar, collar)}
        best = None
        for order in itertools.permutations(range(3)):
            total = missed = added = right = shared = 0
            for second in set(range(60)) - near:
                a = {int(k) for k, s, e in zip(label, start, end, strict=True) if s <= second < e}
                b = {order[k] for k, s, e in zip(theirs, other, until, strict=True) if s <= second < e}
                total += len(a)
                missed += max(len(a) - len(b), 0)
                added += max(len(b) - len(a), 0)
                shared += min(len(a), len(b))
                right += len(a & b)
            best = min(best or (total, missed, added, shared), (total, missed, added, shared - right), key=lambda one: one[3])
        assert diarization(start, end, label, other, until, theirs, collar=collar) == pytest.approx(best, abs=1e-9)


def test_agreement_pools_the_seconds(tmp_path):
    rows = [
        {"item_id": f"i{n:02}", "annotator_id": who, "type": "segment", "label": "x", "start_s": 0.0, "end_s": end}
        for n in range(20)
        for who, end in (("p", 4.0), ("q", 4.0 if n % 2 else 3.0))
    ]
    found = measured.table(measured.of_rows(tmp_path, annotation=rows), "segment_agreement")
    assert [(row["annotator_a"], row["items"], row["total"], row["der"]) for row in found] == [
        ("p", 20, 80, 0.125),
        (None, 20, 80, 0.125),
    ]
    assert 0 < found[0]["der_low"] < 0.125 < found[0]["der_high"] < 0.25
    assert found[0]["overlap"] == pytest.approx(70 / 80)
