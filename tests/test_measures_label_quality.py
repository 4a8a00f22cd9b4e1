"""Confident learning against its definition in plain NumPy, real label errors, and clean data that must stay quiet."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.formats import arrays
from auditor.measures import label_quality
from auditor.stage import Source
from tests import measured


def by_definition(probs, given):
    """Confident learning, row by row: Northcutt et al. 2021, equations 1 and 2, ties of probability to the first class."""
    classes = probs.shape[1]
    threshold = [probs[given == j, j].mean() if (given == j).any() else np.inf for j in range(classes)]
    confident = []
    for row in probs:
        above = [j for j in range(classes) if row[j] >= threshold[j]]
        confident.append(max(above, key=lambda j: (row[j], -j)) if above else -1)
    margin = [(row[y] - max(np.delete(row, y)) + 1) / 2 for row, y in zip(probs, given, strict=True)]
    return np.array(threshold), np.array(confident), np.array(margin)


def opened_of(folder, probs, annotation, classes, **more):
    lists = pa.array([row.tolist() for row in probs], pa.list_(pa.float32()))
    ids = [f"{n:05d}" for n in range(len(probs))]
    prediction = pa.table({"item_id": ids, "task": ["label"] * len(ids), "model": ["m"] * len(ids), "probs": lists})
    model = [{"model": "m", "task": "label", "classes": classes}]
    return measured.of_rows(folder, annotation=annotation, prediction=prediction, model=model, **more)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_judge_follows_the_definition(classes, rows, seed):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, 0.4), rows).astype(np.float32)
    given_ = rng.integers(0, classes, rows)
    threshold, confident, margin = by_definition(probs, given_)
    got = label_quality.judge(probs, given_, threshold)
    assert got["confident"].tolist() == confident.tolist()
    assert got["margin"] == pytest.approx(margin, abs=1e-6)
    assert got["self_confidence"].tolist() == probs[np.arange(rows), given_].tolist()


def test_the_measure_follows_the_definition(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    probs = rng.dirichlet(np.full(4, 0.5), 300).astype(np.float32)
    given_ = np.where(rng.random(300) < 0.8, probs.argmax(axis=1), rng.integers(0, 4, 300))
    names = ["w", "x", "y", "z"]
    annotation = [
        {"annotation_id": f"a{n:05d}", "item_id": f"{n:05d}", "type": "class", "label": names[y]} for n, y in enumerate(given_)
    ]
    # A label that the model does not know, one of gold, and a box: the first has no numbers, the others no rows.
    annotation += [
        {"annotation_id": "odd", "item_id": "00000", "type": "class", "label": "cow"},
        {"annotation_id": "gold", "item_id": "00001", "type": "class", "label": "w", "source": "gold"},
        {"annotation_id": "box", "item_id": "00001", "type": "box", "label": "w"},
    ]
    monkeypatch.setattr(label_quality, "_BATCH", 4 * 64)  # several batches
    opened = opened_of(tmp_path, probs * 3, annotation, names)  # rows are brought to sum 1
    rows = {row["annotation_id"]: row for row in measured.table(opened, "label_quality")}
    odd = rows.pop("odd")
    assert odd["known"] is False
    assert odd["score"] is odd["margin"] is odd["suspicious"] is odd["rank"] is None
    assert len(rows) == 300
    threshold, confident, margin = by_definition(probs / probs.sum(axis=1, keepdims=True), given_)
    got = [rows[f"a{n:05d}"] for n in range(300)]
    assert [row["confident"] for row in got] == [names[j] if j >= 0 else None for j in confident]
    assert [row["suspicious"] for row in got] == [j not in (-1, y) for j, y in zip(confident, given_, strict=True)]
    assert [row["margin"] for row in got] == pytest.approx(margin.tolist(), abs=1e-6)
    for row, j in zip(got, confident, strict=True):
        assert row["confident_threshold"] is None if j < 0 else row["confident_threshold"] == pytest.approx(threshold[j], abs=1e-6)
    ranks = sorted(got, key=lambda row: row["rank"])
    assert [row["margin"] for row in ranks] == sorted(row["margin"] for row in got)


def test_rows_that_are_no_probabilities_are_left_out_and_found(tmp_path):
    probs = [np.array(row, np.float32) for row in ([0.9, 0.1], [np.nan, 0.5], [0.5, 0.3, 0.2], [0.0, 0.0], [-0.5, 1.5], [0.2, 0.8])]
    annotation = [{"annotation_id": str(n), "item_id": f"{n:05d}", "type": "class", "label": "cat"} for n in range(6)]
    opened = opened_of(tmp_path, probs, annotation, ["cat", "dog"])
    assert [row["annotation_id"] for row in measured.table(opened, "label_quality")] == ["0", "5"]
    found = measured.findings(opened, "outlier/prediction_invalid")
    assert sorted(row["item_id"] for row in found) == ["00001", "00002", "00003", "00004"]


def test_each_of_several_annotators_is_scored(tmp_path):
    annotation = [
        {"item_id": "00000", "type": "class", "annotator_id": who, "label": label} for who, label in (("p", "cat"), ("q", "dog"))
    ]
    opened = opened_of(tmp_path, np.array([[0.8, 0.2]], np.float32), annotation, ["cat", "dog"])
    assert sorted(round(row["score"], 3) for row in measured.table(opened, "label_quality")) == [0.2, 0.8]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "flagged", "checked", "wrong", "all_checked", "all_wrong"),
    [("cifar10_test_set", 244, 227, 48, 275, 54), ("20news_test_set", 55, 46, 40, 93, 82)],
)
def test_real_label_errors(tmp_path, shared_data, name, flagged, checked, wrong, all_checked, all_wrong):
    folder = shared_data / "label-errors"
    source = Source(
        folder / "original_test_labels" / f"{name}_original_labels.npy", "arrays",
        predictions=folder / "cross_validated_predicted_probabilities" / f"{name}_pyx.npy",
    )  # fmt: skip
    opened = measured.session(tmp_path, lambda stage: arrays.read(source, stage))
    found = {row["item_id"] for row in measured.findings(opened, "outlier/suspicious_label")}
    verdicts = json.loads((folder / "mturk" / f"{name.split('_')[0]}_mturk.json").read_text(encoding="utf-8"))
    for_given = {str(row["id"]): row["mturk"]["given"] for row in verdicts}
    errors = {item for item, number in for_given.items() if number < 3}
    assert (len(for_given), len(errors)) == (all_checked, all_wrong)
    assert (len(found), len(found & for_given.keys()), len(found & errors)) == (flagged, checked, wrong)
    assert measured.findings(opened, "outlier/prediction_invalid") == []


def test_clean_digits_stay_quiet(tmp_path):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    digits = load_digits()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    probs = cross_val_predict(model, digits.data, digits.target, cv=5, method="predict_proba").astype(np.float32)
    annotation = [{"item_id": f"{n:05d}", "type": "class", "label": str(y)} for n, y in enumerate(digits.target)]
    item = [{"item_id": f"{n:05d}", "split": "train" if n % 5 else "test"} for n in range(len(probs))]
    classes = [str(n) for n in range(10)]
    ontology = [{"task": "label", "label": name, "exclusive": True} for name in classes]
    opened = opened_of(tmp_path, probs, annotation, classes, item=item, ontology=ontology)
    assert len(measured.findings(opened, "outlier/suspicious_label")) <= 0.01 * len(probs)
    for quiet in (
        "bias/class_imbalance", "bias/split_shift", "bias/missing_class_in_split", "bias/unused_class", "outlier/prediction_invalid",
    ):  # fmt: skip
        assert measured.findings(opened, quiet) == [], quiet
    # One label for each item, by nobody named: of people and votes there is nothing to look at.
    for silent in ("bias/annotator_concentration", "consistency/contradictory_votes", "outlier/low_agreement", "outlier/too_fast"):
        assert measured.asked(opened, silent)[0].outcome == "skipped", silent
