"""Boxes and spans of several annotators: matching, F1 against scikit-learn, hand-worked scores, and two versions of CoNLL."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from auditor.measures.object_match import match
from tests import measured


def box(item, who, label, x, y=0.0, w=10.0, h=10.0):
    return {"item_id": item, "annotator_id": who, "type": "box", "label": label, "x": float(x), "y": y, "w": w, "h": h}


def span(item, who, label, start, end):
    return {"item_id": item, "annotator_id": who, "type": "span", "label": label, "start_char": start, "end_char": end}


def seen(item, who):
    return {"item_id": item, "annotator_id": who, "type": "class", "label": "seen"}


def overall(rows):
    return next(row for row in rows if row["annotator_a"] is None and row["label"] is None)


@settings(max_examples=80)
@given(table=st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.9]), min_size=3, max_size=3), min_size=1, max_size=4))
def test_matching_is_the_best_of_all(table):
    gain = np.array(table)
    row, column = np.nonzero(gain)
    iou = gain[row, column]
    found = match(row, column, np.zeros(len(row), np.int64), iou, np.zeros(len(row), np.int64))
    assert len(set(row[found])) == len(set(column[found])) == found.sum()
    full = np.zeros((max(gain.shape), max(gain.shape)))
    full[: gain.shape[0], : gain.shape[1]] = gain + (gain >= 0.5) * 4.0
    size = len(full)
    best = max(sum(full[i, order[i]] for i in range(size)) for order in itertools.permutations(range(size)))
    assert (iou + (iou >= 0.5) * 4.0)[found].sum() == pytest.approx(best)


def test_boxes_worked_by_hand(tmp_path):
    annotation = [
        box("a", "p", "cat", 0), box("a", "q", "cat", 0), box("a", "p", "dog", 100), box("a", "q", "cat", 102),
        box("a", "p", "dog", 200), box("a", "q", "dog", 209), box("b", "p", "cat", 0), seen("b", "q"), box("c", "p", "cat", 0),
    ]  # fmt: skip
    opened = measured.of_rows(tmp_path, annotation=annotation)
    found = measured.table(opened, "box_agreement")
    # Objects: three of each in a, one of p in b that q, who was there, left out; c was seen by one person only.
    row = overall(found)
    near = 80 / 120
    assert (row["items"], row["objects"], row["matched"], row["unmatched"]) == (2, 7, 2, 3)
    assert row["mean_iou"] == pytest.approx((1 + near) / 2)
    assert (row["label_agreement"], row["f1_50"], row["f1"], row["panoptic_quality"]) == pytest.approx((1 / 2, 2 / 7, 2 / 7, 2 / 7))
    cat = next(row for row in found if row["annotator_a"] == "p" and row["label"] == "cat")
    assert (cat["objects"], cat["f1_50"], cat["label_agreement"]) == (4, 0.5, pytest.approx(2 / 3))
    assert (row["f1_50_low"], row["f1_50_high"]) == (None, None)


def test_thresholds_from_a_half_on(tmp_path):
    # IoU 8 / 12: reached at 0.5, 0.55, 0.6 and 0.65; IoU 1: at all ten.
    annotation = [box("a", "p", "cat", 0), box("a", "q", "cat", 2), box("b", "p", "cat", 0), box("b", "q", "cat", 0)]
    row = overall(measured.table(measured.of_rows(tmp_path, annotation=annotation), "box_agreement"))
    assert (row["f1_50"], row["f1"], row["panoptic_quality"]) == pytest.approx((1.0, (0.4 + 1) / 2, (8 / 12 + 1) / 2))


def test_spans_as_semeval_counts_them(tmp_path):
    annotation = [
        span("a", "p", "drug", 0, 5), span("a", "q", "drug", 0, 5),  # strict
        span("a", "p", "drug", 10, 15), span("a", "q", "brand", 10, 15),  # exact ends, another label
        span("a", "p", "drug", 20, 25), span("a", "q", "drug", 22, 25),  # partial, the same label
        span("a", "p", "drug", 30, 35), span("a", "q", "brand", 50, 55),  # missing, and spurious
    ]  # fmt: skip
    row = overall(measured.table(measured.of_rows(tmp_path, annotation=annotation), "span_agreement"))
    assert (row["f1_exact"], row["f1_boundary"], row["f1_partial"], row["f1_type"]) == (0.25, 0.5, 0.625, 0.5)


def test_exact_f1_is_scikit_learns(tmp_path):
    rng = np.random.default_rng(2)
    spans = {(f"i{rng.integers(40):02}", who, "xyz"[rng.integers(3)], int(s)) for who in "pq" for s in rng.integers(0, 6, 200)}
    annotation = [span(item, who, label, 10 * s, 10 * s + 4) for item, who, label, s in sorted(spans)]
    annotation += [seen(f"i{n:02}", who) for n in range(40) for who in "pq"]
    found = {
        row["label"]: row
        for row in measured.table(measured.of_rows(tmp_path, annotation=annotation), "span_agreement")
        if row["annotator_a"] == "p"
    }
    places = sorted({(item, label, s) for item, _, label, s in spans})
    for label, row in found.items():
        chosen = [place for place in places if label in {None, place[1]}]
        p, q = ([(item, who, of, s) in spans for item, of, s in chosen] for who in "pq")
        assert row["f1_exact"] == pytest.approx(f1_score(p, q), abs=1e-9)
    assert found[None]["f1_exact_low"] < found[None]["f1_exact"] < found[None]["f1_exact_high"]


def test_who_answered_another_question_is_not_compared(tmp_path):
    annotation = [box("a", "p", "cat", 0), box("a", "q", "cat", 0), {**seen("a", "r"), "task": "weather"}]
    row = overall(measured.table(measured.of_rows(tmp_path, annotation=annotation), "box_agreement"))
    assert (row["objects"], row["f1_50"]) == (2, 1.0)


def test_one_annotator_is_nothing_to_compare(tmp_path):
    opened = measured.of_rows(tmp_path, annotation=[box("a", "p", "cat", 0), box("a", "p", "cat", 30)])
    assert opened.measure("box_agreement").reason == "no item has boxes, spans or segments, and two annotators"


def sentences(path, *, iob1):
    """Tags as BIO2 of each sentence."""
    found, tags = [], []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if not line.strip() or line.startswith("-DOCSTART-"):
            if tags:
                found.append(tags)
            tags = []
            continue
        tag = line.split()[-1]
        if iob1 and tag.startswith("I-") and (not tags or tags[-1][2:] != tag[2:]):
            tag = "B-" + tag[2:]
        tags.append(tag)
    return found


def entities(tags):
    found = []
    for n, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append([n, n + 1, tag[2:]])
        elif tag.startswith("I-"):
            found[-1][1] = n + 1
    return found


@pytest.mark.data
def test_conll_and_its_correction(tmp_path, shared_data):
    folder = shared_data / "conll"
    old, new = sentences(folder / "eng.testb", iob1=True), sentences(folder / "conllpp_test.txt", iob1=False)
    assert len(old) == len(new) == 3453
    different = [a != b for a, b in zip(old, new, strict=True)]
    assert sum(different) == 186
    assert sum(x != y for a, b in zip(old, new, strict=True) for x, y in zip(a, b, strict=True)) == 309
    annotation = [
        row
        for version, tags in (("old", old), ("new", new))
        for n, sentence in enumerate(tags)
        for row in [seen(f"s{n:04}", version), *(span(f"s{n:04}", version, label, s, e) for s, e, label in entities(sentence))]
    ]
    opened = measured.of_rows(tmp_path, annotation=annotation)
    matches = measured.table(opened, "object_match")
    assert len({row["item_id"] for row in matches if row["iou"] < 1 or row["label"] != row["other_label"]}) == 186
    sets = [{(n, *one) for n, tags in enumerate(version) for one in map(tuple, entities(tags))} for version in (old, new)]
    row = overall(measured.table(opened, "span_agreement"))
    assert row["f1_exact"] == pytest.approx(2 * len(sets[0] & sets[1]) / (len(sets[0]) + len(sets[1])), abs=1e-12)
    assert 0.9 < row["f1_exact_low"] < row["f1_exact"] < row["f1_exact_high"] < 1
    assert row["f1_exact"] < row["f1_boundary"] < row["f1_partial"] < 1


def test_a_left_out_object_is_found_where_a_quorum_drew_it(tmp_path):
    annotation = [box("a", who, "cat", 0) for who in "pqr"] + [box("a", who, "cat", 50) for who in "pqrs"]
    annotation += [box("b", "p", "cat", 0), *(box("b", who, "cat", 90) for who in "pqrs")]  # one against three
    annotation += [box("c", who, "cat", 0) for who in "pqr"] + [box("c", "s", "cat", 7)]  # there, if badly drawn
    found = measured.findings(measured.of_rows(tmp_path, annotation=annotation), "consistency/missing_object")
    assert [(row["item_id"], row["annotator_id"], row["drawn"], row["people"]) for row in found] == [("a", "s", 3, 4)]
