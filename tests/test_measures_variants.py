"""Masks, values, spans, label sets, neighbours and the built-in model beside independent computations."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.formats import rle
from auditor.measures import _areas, _neighbours, _sklearn
from tests import measured

NAMES = ["ant", "bee", "cat"]


def text_of(masks):
    codes = [rle.of_mask(mask).encode() for mask in masks]
    return np.frombuffer(b"".join(codes), np.uint8), np.cumsum([len(code) for code in codes])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_iou_of_masks_is_that_of_their_pixels(height, width, seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((5, height, width)) < rng.random()
    sizes = np.full(5, height), np.full(5, width)
    told = _areas.areas(5, _areas.runs_of_masks(*text_of(masks), *sizes))
    a, b = (one.ravel() for one in np.meshgrid(np.arange(5), np.arange(5)))
    shared = (masks[a] & masks[b]).sum(axis=(1, 2))
    union = (masks[a] | masks[b]).sum(axis=(1, 2))
    assert told.pixels.tolist() == masks.sum(axis=(1, 2)).tolist()
    assert _areas.iou(told, a, b) == pytest.approx(shared / np.maximum(union, 1), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 9), st.integers(0, 2**32 - 1))
def test_a_polygon_holds_the_pixels_whose_centres_lie_inside(points, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 20, (2, points))
    told = _areas.areas(1, _areas.runs_of_polygons(x, y, np.zeros(points, np.int64), np.zeros(points, np.int64)))
    row, column = np.mgrid[0:20, 0:20] + 0.5
    inside = np.zeros((20, 20), bool)
    for one in range(points):
        x0, y0, x1, y1 = x[one], y[one], x[(one + 1) % points], y[(one + 1) % points]
        crosses = (x0 > column) != (x1 > column)
        inside ^= crosses & (row >= y0 + (column - x0) * (y1 - y0) / (x1 - x0))
    assert told.pixels.tolist() == [int(inside.sum())]


def test_masks_are_judged_as_boxes_of_the_same_pixels(tmp_path):
    rng = np.random.default_rng(3)
    boxes, masks = [], []
    for n in range(120):
        x, y, w, h = (int(v) for v in (*rng.integers(0, 60, 2), *rng.integers(5, 30, 2)))
        row = {
            "item_id": f"{n // 10:02d}", "annotation_id": f"{n:04d}", "label": NAMES[int(rng.integers(3))],
            "source": "model" if n % 2 else "human", "annotator_id": "m" if n % 2 else "p",
            "confidence": float(rng.uniform(0.5, 1)) if n % 2 else None,
        }  # fmt: skip
        mask = np.zeros((100, 100), bool)
        mask[y : y + h, x : x + w] = True
        ring = [float(v) for v in (x, y, x + w, y, x + w, y + h, x, y + h)]
        drawn = (
            {"type": "mask", "mask": {"height": 100, "width": 100, "counts": rle.of_mask(mask)}}
            if n % 3
            else {"type": "polygon", "polygon": [ring]}
        )
        boxes.append(row | {"type": "box", "x": float(x), "y": float(y), "w": float(w), "h": float(h)})
        masks.append(row | drawn)
    expected = measured.table(measured.of_rows(tmp_path / "b", annotation=boxes), "box_quality")
    got = measured.table(measured.of_rows(tmp_path / "m", annotation=masks), "mask_quality")
    assert len(got) == len(expected) >= 60
    for one, other in zip(got, expected, strict=True):
        assert {k: v for k, v in one.items() if not isinstance(v, float)} == {
            k: v for k, v in other.items() if not isinstance(v, float)
        }
        for name, value in other.items():
            if isinstance(value, float):
                assert one[name] == pytest.approx(value, abs=1e-9), name


def sets_world(rng, rows=400, flip=0.0):
    truth = rng.random((rows, 3)) < 0.4
    probs = np.where(truth, rng.beta(8, 2, (rows, 3)), rng.beta(2, 8, (rows, 3))).astype(np.float32)
    turned = rng.random((rows, 3)) < flip
    return probs, truth ^ turned, turned


def sets_opened(folder, probs, given_):
    annotation = [
        {"item_id": f"{n:05d}", "annotation_id": f"{n:05d}{k}", "type": "class", "label": NAMES[k], "annotator_id": "p"}
        for n, k in zip(*np.nonzero(given_), strict=True)
    ]
    lists = pa.array([row.tolist() for row in probs], pa.list_(pa.float32()))
    ids = [f"{n:05d}" for n in range(len(probs))]
    prediction = pa.table({"item_id": ids, "task": ["label"] * len(ids), "model": ["m"] * len(ids), "probs": lists})
    return measured.of_rows(
        folder, annotation=annotation, prediction=prediction, model=[{"model": "m", "task": "label", "classes": NAMES}],
        ontology=[{"task": "label", "label": name, "exclusive": False} for name in NAMES],
    )  # fmt: skip


def test_scores_of_label_sets_are_those_of_cleanlab(tmp_path):
    from cleanlab.multilabel_classification import get_label_quality_scores

    probs, given_, _ = sets_world(np.random.default_rng(4), flip=0.05)
    got = {row["item_id"]: row["score"] for row in measured.table(sets_opened(tmp_path, probs, given_), "multilabel_quality")}
    some = np.flatnonzero(given_.any(axis=1))
    labels = [np.flatnonzero(row).tolist() for row in given_]
    expected = get_label_quality_scores(labels, probs.astype(np.float64))
    assert [got[f"{n:05d}"] for n in some] == pytest.approx(expected[some].tolist(), abs=1e-9)


def test_planted_faults_of_label_sets_are_found_and_sound_sets_are_quiet(tmp_path):
    probs, given_, _ = sets_world(np.random.default_rng(5), rows=2000)
    sound = measured.findings(sets_opened(tmp_path / "s", probs, given_), "outlier/suspicious_label_set", max_class_score=0.2)
    assert len(sound) <= 0.005 * len(probs)
    probs, given_, turned = sets_world(np.random.default_rng(6), rows=2000, flip=0.03)
    found = measured.findings(sets_opened(tmp_path / "f", probs, given_), "outlier/suspicious_label_set", max_class_score=0.2)
    named = {(int(row["item_id"]), NAMES.index(row["label"])) for row in found}
    due = {(n, k) for n, k in zip(*np.nonzero(turned & given_.any(axis=1)[:, None]), strict=True)}
    assert len(named & due) >= 0.5 * len(due)
    assert len(named - due) <= 0.1 * len(named)


def test_residuals_follow_the_stated_formula(tmp_path):
    rng = np.random.default_rng(7)
    value, predicted = rng.normal(50, 10, (2, 60))
    rows = []
    for n in range(60):
        row = {"item_id": f"{n:03d}", "type": "value"}
        rows.append(row | {"annotation_id": f"h{n:03d}", "value": value[n], "annotator_id": "p"})
        rows.append(row | {"annotation_id": f"m{n:03d}", "value": predicted[n], "annotator_id": "m", "source": "model"})
    got = measured.table(measured.of_rows(tmp_path, annotation=rows), "value_quality")
    residual = value - predicted
    usual = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    z = (residual - np.median(residual)) / usual
    assert [row["z"] for row in got] == pytest.approx(z, abs=1e-9)
    assert [row["score"] for row in got] == pytest.approx(np.exp(-z * z / 2), abs=1e-9)
    # cleanlab's plain score of residuals: exp(-|residual|).
    assert [row["residual_score"] for row in got] == pytest.approx(np.exp(-np.abs(residual)), abs=1e-9)


def test_a_slip_of_a_digit_is_found_and_noise_with_long_tails_is_not(tmp_path):
    rng = np.random.default_rng(8)
    truth = rng.uniform(20, 100, 1000)
    given_ = truth + rng.standard_t(6, 1000)
    wrong = rng.permutation(1000)[:20]
    given_[wrong] *= 10
    rows = []
    for n in range(1000):
        row = {"item_id": f"{n:04d}", "type": "value"}
        rows.append(row | {"annotation_id": f"h{n:04d}", "value": given_[n], "annotator_id": "p"})
        rows.append(row | {"annotation_id": f"m{n:04d}", "value": truth[n], "annotator_id": "m", "source": "model"})
    found = {
        int(row["item_id"]) for row in measured.findings(measured.of_rows(tmp_path, annotation=rows), "outlier/suspicious_value")
    }
    assert found >= set(wrong.tolist())
    assert len(found) <= 25


@pytest.mark.parametrize("blocks", [1, 7])
def test_neighbours_are_those_of_a_brute_force_search(blocks, monkeypatch):
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(9)
    units, good = _neighbours.unit_rows(rng.normal(size=(200, 8)).astype(np.float32))
    assert good.all()
    monkeypatch.setattr(_neighbours, "_CELLS", 200 * 200 // blocks)
    found, how = _neighbours.nearest(units, np.arange(200), 5)
    distance, at = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(units).kneighbors()
    assert found.tolist() == at.tolist()
    assert how == pytest.approx(1 - distance, abs=2e-6)  # float32, rounded to six digits


def embedded(folder, label, vectors):
    ids = [f"{n:05d}" for n in range(len(label))]
    lists = pa.array([row.tolist() for row in vectors], pa.list_(pa.float32()))
    annotation = [
        {"item_id": one, "annotation_id": one, "type": "class", "label": NAMES[k]} for one, k in zip(ids, label, strict=True)
    ]
    embedding = pa.table({"item_id": ids, "model": ["e"] * len(ids), "vector": lists})
    return measured.of_rows(folder, annotation=annotation, embedding=embedding)


def test_neighbours_find_planted_labels_and_sound_ones_stay_quiet(tmp_path):
    rng = np.random.default_rng(10)
    label = rng.integers(0, 3, 600)
    vectors = np.eye(3)[label] * 4 + rng.normal(size=(600, 3))
    sound = measured.findings(embedded(tmp_path / "s", label, vectors), "outlier/neighbour_conflict")
    assert len(sound) <= 0.005 * 600
    wrong = rng.permutation(600)[:18]
    label[wrong] = (label[wrong] + 1) % 3
    found = {
        int(row["item_id"]) for row in measured.findings(embedded(tmp_path / "f", label, vectors), "outlier/neighbour_conflict")
    }
    assert len(found & set(wrong.tolist())) >= 12
    assert len(found - set(wrong.tolist())) <= 3


def texts(rng, rows):
    words = [["wing", "leg", "hill"], ["honey", "hive", "sting"], ["purr", "paw", "claw"]]
    label = rng.integers(0, 3, rows)
    return label, [
        " ".join([*rng.choice(words[k], 4), *rng.choice(["a", "the", "of", "and"], 4), f"n{n}"]) for n, k in enumerate(label)
    ]


def test_the_built_in_model_is_that_of_scikit_learn(tmp_path):
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline

    label, content = texts(np.random.default_rng(11), 250)
    fold = _sklearn.folds(np.arange(250), 5, 0)
    got = _sklearn.of_texts(content, label, fold, 3, lambda _done: None)
    plain = {"n_features": 1 << 16, "alternate_sign": False, "norm": None}
    features = sparse.hstack([
        HashingVectorizer(ngram_range=(1, 2), **plain).transform(content),
        HashingVectorizer(ngram_range=(3, 4), analyzer="char_wb", **plain).transform(content),
    ], format="csr")  # fmt: skip
    model = make_pipeline(TfidfTransformer(sublinear_tf=True), LogisticRegression(C=10.0, max_iter=100))
    expected = cross_val_predict(model, features, label, cv=PredefinedSplit(fold), method="predict_proba")
    assert got == pytest.approx(expected, abs=1e-6)  # kept as float32


def test_the_built_in_model_finds_planted_labels_and_names_what_it_needs(tmp_path, monkeypatch):
    rng = np.random.default_rng(12)
    label, content = texts(rng, 600)
    wrong = rng.permutation(600)[:18]
    label[wrong] = (label[wrong] + 1) % 3
    item = [{"item_id": f"{n:04d}", "text": text} for n, text in enumerate(content)]
    annotation = [{"item_id": f"{n:04d}", "type": "class", "label": NAMES[k]} for n, k in enumerate(label)]
    opened = measured.of_rows(tmp_path / "a", annotation=annotation, item=item)
    found = {int(row["item_id"]) for row in measured.findings(opened, "outlier/suspicious_label_built_in")}
    assert len(found & set(wrong.tolist())) >= 14
    assert len(found - set(wrong.tolist())) <= 2
    monkeypatch.setattr("auditor.run.find_spec", lambda _name: None)
    again = measured.of_rows(tmp_path / "b", annotation=annotation, item=item)
    result, _ = measured.asked(again, "outlier/suspicious_label_built_in")
    assert (result.outcome, result.reason, result.supply) == (
        "skipped", "needs scikit-learn", "pip install label-auditor[models]",
    )  # fmt: skip


def test_probabilities_of_labels_that_all_may_hold_are_kept_as_they_are(tmp_path):
    from auditor.formats import arrays, long
    from auditor.stage import Source

    probs = np.array([[0.9, 0.8, 0.1], [0.0, 0.0, 0.0], [0.2, 0.9, 0.7]], np.float32)
    np.save(tmp_path / "labels.npy", np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]], bool))
    np.save(tmp_path / "net.npy", probs)
    source = Source(tmp_path / "labels.npy", "arrays", predictions=tmp_path / "net.npy")
    opened = measured.session(tmp_path / "a", lambda stage: arrays.read(source, stage))
    kept = pq.read_table(opened.tables.paths["prediction"]).sort_by("item_id")["probs"].to_pylist()
    assert np.array(kept, np.float32).tolist() == probs.tolist()
    assert any("not brought to sum 1" in note for note in opened.tables.notes)
    (tmp_path / "long.csv").write_text("item_id,annotator_id,label\na,p,ant\na,p,bee\nb,p,cat\nc,p,bee\nc,p,cat\n")
    (tmp_path / "net.csv").write_text("item_id,ant,bee,cat\na,0.9,0.8,0.1\nb,0.1,0.9,0.2\nc,0.2,0.9,0.7\n")
    source = Source(tmp_path / "long.csv", "long", predictions=tmp_path / "net.csv")
    opened = measured.session(tmp_path / "l", lambda stage: long.read(source, stage))
    assert len(measured.table(opened, "multilabel_quality")) >= 3
    assert measured.findings(opened, "outlier/prediction_invalid") == []


def test_answers_to_several_questions_are_no_set(tmp_path):
    from auditor.formats import long
    from auditor.stage import Source

    rows = [f"i{n},p,{task},{label}" for n in range(9) for task, label in (("label", "ant"), ("mood", "bee"))]
    (tmp_path / "long.csv").write_text("item_id,annotator_id,task,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    source = Source(tmp_path / "long.csv", "long", classes=tmp_path / "classes.txt")
    opened = measured.session(tmp_path / "a", lambda stage: long.read(source, stage))
    assert all(row["exclusive"] for row in pq.read_table(opened.tables.paths["ontology"]).to_pylist())
