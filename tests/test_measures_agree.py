"""The measures of agreement on labels, pairs, slices and sets, through the stage as in an audit."""

from __future__ import annotations

import itertools

import krippendorff
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import cohen_kappa_score

from auditor.formats import long
from auditor.measures import agreement_label
from auditor.stage import Source
from tests import measured

KIND = pa.map_(pa.string(), pa.string())


def answers(rng, items=200, people="abcdef", labels="xyz", right=0.7, asked=0.6):
    """Rows (item, person, label) with errors at random."""
    rows = []
    for item in range(items):
        truth = labels[rng.integers(len(labels))]
        rows += [
            (f"{item:04d}", who, truth if rng.random() < right else labels[rng.integers(len(labels))])
            for who in people if rng.random() < asked
        ]  # fmt: skip
    return rows


def matrix(rows, people, codes):
    items = sorted({item for item, *_ in rows})
    data = np.full((len(people), len(items)), np.nan)
    for item, who, label in rows:
        data[people.index(who), items.index(item)] = codes.index(label)
    return data


def test_labels(tmp_path):
    rng = np.random.default_rng(1)
    rows = answers(rng)
    found = {
        row["label"]: row for row in measured.table(measured.of_rows(tmp_path, annotation=measured.votes(rows)), "agreement_label")
    }
    data = matrix(rows, list("abcdef"), list("xyz"))
    assert set(found) == set("xyz")
    for code, label in enumerate("xyz"):
        one = np.where(np.isnan(data), np.nan, data == code)
        expected = krippendorff.alpha(reliability_data=one, level_of_measurement="nominal")
        assert found[label]["alpha"] == pytest.approx(expected, abs=1e-9)
        rest = [found[other]["specific"] for other in "xyz" if other != label]
        assert found[label]["others"] == pytest.approx(np.median(rest))
        pairs = {other: 0 for other in "xyz" if other != label}
        for column in data.T:
            for a, b in itertools.permutations(column[~np.isnan(column)], 2):
                if a == code != b:
                    pairs["xyz"[int(b)]] += 1
        assert found[label]["confused"] == max(pairs, key=pairs.get)
        assert found[label]["confused_share"] == pytest.approx(max(pairs.values()) / sum(pairs.values()))


def test_the_median_of_others_is_that():
    rng = np.random.default_rng(2)
    for size in range(1, 9):
        specific = rng.integers(0, 5, size) / 4
        low = np.where(rng.random(size) < 0.7, 0.1, np.nan)
        for at, got in enumerate(agreement_label.others(specific, low)):
            rest = [specific[other] for other in range(size) if other != at and not np.isnan(low[other])]
            assert got == pytest.approx(np.median(rest) if rest else np.nan, nan_ok=True)


def test_pairs(tmp_path):
    rng = np.random.default_rng(3)
    rows = answers(rng)
    opened = measured.of_rows(tmp_path, annotation=measured.votes(rows))
    found = {(row["annotator_id"], row["other_annotator"]): row for row in measured.table(opened, "agreement_pair")}
    data = matrix(rows, list("abcdef"), list("xyz"))
    assert set(found) == set(itertools.combinations("abcdef", 2))
    for (one, other), row in found.items():
        x, y = data["abcdef".index(one)], data["abcdef".index(other)]
        both = ~np.isnan(x) & ~np.isnan(y)
        assert row["n"] == both.sum()
        assert row["kappa"] == pytest.approx(cohen_kappa_score(x[both], y[both]), abs=1e-9)
        assert row["kappa_low"] < row["kappa"] < row["kappa_high"]
        assert (row["kappa_linear"], row["tau_b"]) == (None, None)


def test_few_shared_items_make_no_pair(tmp_path):
    rows = [(i, p, "x" if i % 2 else "y") for i in range(19) for p in "ab"]
    opened = measured.of_rows(tmp_path / "a", annotation=measured.votes(rows))
    assert measured.table(opened, "agreement_pair") == []
    rows += [(19, p, "x") for p in "ab"]
    (row,) = measured.table(measured.of_rows(tmp_path / "b", annotation=measured.votes(rows)), "agreement_pair")
    assert (row["n"], row["kappa"], row["bias"]) == (20, 1, 0)
    assert row["kappa_low"] < 0.75


def test_declared_order_and_unused_labels(tmp_path):
    rng = np.random.default_rng(4)
    labels = ["low", "mid", "high", "never"]
    rows = answers(rng, labels=labels[:3], asked=1.0, people="abc")
    ontology = [{"task": "label", "label": label, "exclusive": True, "ordinal": n} for n, label in enumerate(labels)]
    opened = measured.of_rows(tmp_path, annotation=measured.votes(rows), ontology=ontology)
    found = {row["metric"]: row for row in measured.table(opened, "agreement")}
    data = matrix(rows, list("abc"), labels)
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="ordinal")
    assert found["alpha_ordinal"]["value"] == pytest.approx(expected, abs=1e-9)
    raw = found["percent"]["value"]
    assert found["bennett_s"]["value"] == pytest.approx((4 * raw - 1) / 3)  # four labels may be given, though one never was
    assert found["kendall_w"]["items"] == 200
    assert 0 < found["kendall_w"]["low"] < found["kendall_w"]["value"] < 1
    assert found["gwet_ac2"]["value"] > found["gwet_ac1"]["value"]
    assert found["fleiss_kappa"]["bias"] < 0.1
    assert 1 / 3 < found["fleiss_kappa"]["prevalence"] < 0.5
    (pair, *_) = measured.table(opened, "agreement_pair")
    both = data[:2].astype(int)
    assert pair["kappa_quadratic"] == pytest.approx(cohen_kappa_score(*both, weights="quadratic", labels=range(4)), abs=1e-9)


def test_people_who_use_labels_differently_are_biased(tmp_path):
    rows = [(i, p, "y" if p == "a" and i % 10 < 7 else "x" if i % 2 else "y") for i in range(200) for p in "ab"]
    found = {row["metric"]: row for row in measured.table(measured.of_rows(tmp_path, annotation=measured.votes(rows)), "agreement")}
    assert found["fleiss_kappa"]["bias"] > 0.2


def test_numbers_of_the_same_people(tmp_path):
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 2, 60)
    rows = [
        {"item_id": f"{i:02d}", "annotator_id": p, "type": "value", "value": float(round(truth[i] + shift + rng.normal(), 1))}
        for i in range(60) for p, shift in zip("abc", (0, 1, 2), strict=True)
    ]  # fmt: skip
    rows += [{"item_id": f"{i:02d}", "annotator_id": "d", "type": "value", "value": 1.0} for i in range(10)]
    found = {row["metric"]: row for row in measured.table(measured.of_rows(tmp_path, annotation=rows), "agreement")}
    assert "alpha_ratio" not in found  # some numbers are negative
    assert found["icc_3"]["value"] > found["icc_2"]["value"] + 0.05  # people differ in level, not in order
    assert (found["icc_3"]["items"], found["icc_3"]["annotators"], found["icc_3"]["votes"]) == (60, 3, 180)
    assert found["icc_2"]["low"] < found["icc_2"]["value"] < found["icc_2"]["high"]
    assert found["icc_2k"]["value"] > found["icc_2"]["value"]
    assert (found["icc_1"]["items"], found["icc_1"]["annotators"]) == (60, 4)


def test_sets_of_labels(tmp_path):
    rng = np.random.default_rng(6)
    universe = [frozenset(one) for size in (1, 2, 3) for one in itertools.combinations("wxyz", size)]
    data = np.full((3, 80), np.nan)
    rows = []
    for item in range(80):
        truth = rng.integers(len(universe))
        for person in range(3):
            if rng.random() < 0.85:
                data[person, item] = truth if rng.random() < 0.6 else rng.integers(len(universe))
                rows += [(f"{item:02d}", "abc"[person], label) for label in sorted(universe[int(data[person, item])])]
    opened = measured.of_rows(
        tmp_path, annotation=[*measured.votes(rows), *measured.votes(rows[:5])]
    )  # a label said twice is said once
    found = {row["metric"]: row for row in measured.table(opened, "agreement")}
    assert set(found) == {"alpha_jaccard", "alpha_masi", "percent"}

    def apart(a, b, **_):
        return np.vectorize(lambda x, y: 1 - len(universe[int(x)] & universe[int(y)]) / len(universe[int(x)] | universe[int(y)]))(
            a, b
        )

    expected = krippendorff.alpha(reliability_data=data, level_of_measurement=apart, value_domain=list(range(len(universe))))
    assert found["alpha_jaccard"]["value"] == pytest.approx(expected, abs=1e-9)
    assert found["alpha_jaccard"]["low"] < expected < found["alpha_jaccard"]["high"]
    said = (~np.isnan(data)).sum(axis=0)
    assert (found["alpha_masi"]["items"], found["alpha_masi"]["items_any"]) == ((said > 1).sum(), (said > 0).sum())


def test_slices(tmp_path):
    rng = np.random.default_rng(7)
    easy = answers(rng, items=200, right=0.9)
    hard = [(f"h{item}", who, label) for item, who, label in answers(rng, items=200, right=0.3)]
    rows = easy + hard
    items = sorted({item for item, *_ in rows})
    item = pa.table({
        "item_id": items, "split": ["train" if n % 2 else "test" for n in range(len(items))],
        "attributes": pa.array([[("site", "north" if one.startswith("h") else "south")] for one in items], KIND),
    })  # fmt: skip
    opened = measured.of_rows(tmp_path, annotation=measured.votes(rows), item=item)
    found = {(row["of"], row["value"]): row for row in measured.table(opened, "agreement_slice")}
    assert set(found) == {("split", "train"), ("split", "test"), ("attribute", "north"), ("attribute", "south")}
    north = found["attribute", "north"]
    expected = krippendorff.alpha(reliability_data=matrix(hard, list("abcdef"), list("xyz")), level_of_measurement="nominal")
    assert north["alpha"] == pytest.approx(expected, abs=1e-9)
    assert north["rest"] == pytest.approx(found["attribute", "south"]["alpha"])
    assert north["low"] < north["alpha"] < north["high"] < north["rest"]
    assert north["difference_high"] < -0.3
    assert north["q"] < 1e-6
    assert found["split", "train"]["q"] > 0.01
    assert sum(row["items"] for (of, _), row in found.items() if of == "split") == north["items"] + north["rest_items"]


@pytest.mark.data
def test_crowd_pairs_and_labels(tmp_path, shared_data):
    folder = shared_data / "crowd" / "duck"
    source = Source(folder / "answer.csv", "long", {"item_id": "question", "annotator_id": "worker", "label": "answer"})
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    pairs = measured.table(opened, "agreement_pair")
    assert len(pairs) == 39 * 38 / 2
    assert {row["n"] for row in pairs} == {108}
    labels = measured.table(opened, "agreement_label")
    # Of two labels both have the same alpha, and it is that of the task.
    assert [row["alpha"] for row in labels] == pytest.approx([0.1255] * 2, abs=1e-4)
