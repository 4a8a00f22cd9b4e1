"""Coefficients of agreement: published worked examples, and independent libraries to 1e-9."""

from __future__ import annotations

import itertools
from collections import Counter

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from auditor.measures import _alpha, _distance, _kappa, _labels, _sample, _variance

# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C; the same data are Gwet's (2014) table of 4 raters.
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Gwet, Handbook of Inter-Rater Reliability, 2014: two abstractors and 100 pregnancies (Ectopic, AIU, NIU).
ABSTRACTORS = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
# Shrout and Fleiss, Psychological Bulletin 86, 1979, table 2: 6 targets, 4 judges.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def patterns(matrix, numeric=True):
    """Rows are annotators, columns units, NaN is missing; units with one vote stay."""
    data = np.asarray(matrix, dtype=float)
    units = [Counter(value for value in column if not np.isnan(value)) for column in data.T]
    values = np.unique(data[~np.isnan(data)])
    counts = np.array([[unit[value] for value in values] for unit in units if unit], dtype=float)
    counts = counts.reshape(-1, len(values)) if counts.size else np.zeros((0, len(values)))
    return _alpha.Patterns(sparse.csr_array(counts), np.ones(len(counts), np.int64), values if numeric else None)


def of_table(table):
    """Patterns of two people from their table of counts."""
    labels = len(table)
    rows = [(k, m, table[k][m]) for k in range(labels) for m in range(labels) if table[k][m]]
    counts = np.array([np.bincount([k, m], minlength=labels) for k, m, _ in rows], dtype=float)
    return _alpha.Patterns(sparse.csr_array(counts), np.array([n for *_, n in rows]), np.arange(labels, dtype=float))


def pair_of(table):
    table = np.asarray(table, dtype=float)
    k, m = np.nonzero(table)
    return _kappa.Joint(np.zeros(1, int), np.ones(1, int), np.zeros(len(k), int), k, m, table[k, m])


@pytest.mark.parametrize(
    ("metric", "expected", "digits"),
    [
        ("alpha_nominal", 0.743, 3), ("alpha_ordinal", 0.815, 3), ("alpha_interval", 0.849, 3), ("alpha_ratio", 0.797, 3),
        ("alpha_interval", 0.84911, 5), ("gwet_ac1", 0.77544, 5), ("gwet_ac2", 0.914, 5), ("percent", 0.81818, 5), ("bennett_s", 0.77273, 5),
    ],
)  # fmt: skip
def test_four_raters(metric, expected, digits):
    assert round(_alpha.agreement(metric, patterns(FOUR)).value, digits) == expected


def test_two_abstractors():
    # the output of Gwet's own R package irrCAC 1.0, vignettes overview and weighting
    made = of_table(ABSTRACTORS)
    for metric, expected in (
        ("gwet_ac1", 0.8493305),
        ("gwet_ac2", 0.9402369),
        ("bennett_s", 0.835),
        ("alpha_nominal", 0.7972585),
        ("alpha_interval", 0.8926487),
        ("fleiss_kappa", 0.7962397),
    ):
        assert _alpha.agreement(metric, made).value == pytest.approx(expected, abs=5e-8), metric
    found = _kappa.figures(pair_of(ABSTRACTORS), 3, np.arange(3.0))
    for name, expected in (
        ("raw", 0.89),
        ("kappa", 0.7964094),
        ("scott_pi", 0.7962397),
        ("pabak", 0.835),
        ("kappa_quadratic", 0.8921569),
    ):
        assert found[name][0] == pytest.approx(expected, abs=5e-8), name


@pytest.mark.parametrize("kind", ["nominal", "ordinal", "interval", "ratio"])
@settings(max_examples=60, deadline=None)
@given(
    matrix=st.integers(2, 5).flatmap(
        lambda people: st.lists(
            st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=people, max_size=people), min_size=2, max_size=10
        )
    )
)
def test_alpha_equals_krippendorff(kind, matrix):
    data = np.array(matrix, dtype=float).T
    got = _alpha.agreement(f"alpha_{kind}", patterns(data))
    pairable = data[:, (~np.isnan(data)).sum(axis=0) > 1]
    if len(np.unique(pairable[~np.isnan(pairable)])) < 2:
        assert got.value == (1 if pairable.size else None)
        assert got.low is None
        assert got.reason
        return
    with np.errstate(invalid="ignore", divide="ignore"):  # of 0 and 0 the library's ratio distance is NaN
        if kind == "ratio" and (pairable == 0).any():
            metric = lambda a, b, **_: np.where(a + b == 0, 0, ((a - b) / np.where(a + b == 0, 1, a + b)) ** 2)  # noqa: E731
        else:
            metric = kind
        expected = krippendorff.alpha(reliability_data=data, level_of_measurement=metric)
    assert got.value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=12))
def test_fleiss_equals_statsmodels(rows):
    table, _ = inter_rater.aggregate_raters(np.array(rows))
    got = _alpha.agreement("fleiss_kappa", patterns(np.array(rows).T)).value
    if len(np.unique(rows)) == 1:  # the library says NaN
        assert got == 1
        return
    assert got == pytest.approx(inter_rater.fleiss_kappa(table, method="fleiss"), abs=1e-9)


@pytest.mark.parametrize(
    "metric",
    [
        "percent",
        "fleiss_kappa",
        "bennett_s",
        "gwet_ac1",
        "gwet_ac2",
        "alpha_nominal",
        "alpha_interval",
        "alpha_ordinal",
        "alpha_ratio",
    ],
)
def test_the_linearised_interval_is_that_of_the_bootstrap(metric, monkeypatch):
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 5, 1500)
    data = np.where(rng.random((4, 1500)) < 0.6, truth, rng.integers(1, 5, (4, 1500))).astype(float)
    data[rng.random(data.shape) < 0.3] = np.nan
    made = patterns(data)
    by_bootstrap = _alpha.agreement(metric, made)
    assert by_bootstrap == _alpha.agreement(metric, made)  # seeded
    monkeypatch.setattr(_alpha, "BOOTSTRAP_PATTERNS", 10)
    linear = _alpha.agreement(metric, made)
    assert linear.value == by_bootstrap.value
    assert linear.high - linear.low == pytest.approx(by_bootstrap.high - by_bootstrap.low, rel=0.12)


def test_blocks_spread_as_items_do(monkeypatch):
    rng = np.random.default_rng(2)
    items = rng.integers(1, 40, 300)
    parts = rng.random((300, 2))
    means = [drawn[:, 0] / drawn[:, 1] for drawn in (_sample.sample(items).sums(parts),)]
    monkeypatch.setattr(_sample, "BOOTSTRAP_PATTERNS", 10)
    drawn = _sample.sample(items)
    assert drawn.fold.shape == (1000, 300)
    means.append(drawn.sums(parts)[:, 0] / drawn.sums(parts)[:, 1])
    assert np.std(means[0]) == pytest.approx(np.std(means[1]), rel=0.15)


def test_sets():
    # Passonneau, LREC 2006, section 3: M is 1 for equal sets, 2/3 for one within the other, 1/3 for overlap, 0 for none
    members = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], dtype=float))
    jaccard, masi = (_distance.sets(members, kind).likeness.toarray() for kind in ("jaccard", "masi"))
    assert np.diag(masi).tolist() == [1, 1, 1, 1]
    assert jaccard[0] == pytest.approx([1, 1 / 2, 1 / 3, 0])
    assert masi[0] == pytest.approx([1, 1 / 2 * 2 / 3, 1 / 3 * 1 / 3, 0])


@pytest.mark.parametrize("kind", ["jaccard", "masi"])
def test_alpha_of_sets_equals_krippendorff_with_that_distance(kind):
    rng = np.random.default_rng(3)
    universe = [frozenset(one) for size in (1, 2, 3) for one in itertools.combinations(range(4), size)]
    members = np.array([[label in one for label in range(4)] for one in universe], dtype=float)
    data = rng.integers(0, len(universe), (4, 60)).astype(float)
    data[:, :30] = data[0, :30]
    data[rng.random(data.shape) < 0.2] = np.nan

    def apart(a, b, **_):
        def one(x, y):
            left, right = universe[int(x)], universe[int(y)]
            jaccard = len(left & right) / len(left | right)
            if kind == "jaccard":
                return 1 - jaccard
            m = 1 if left == right else 2 / 3 if left <= right or right <= left else 1 / 3 if left & right else 0
            return 1 - jaccard * m

        return np.vectorize(one)(a, b)

    counts = np.array([[np.sum(column == v) for v in range(len(universe))] for column in data.T], dtype=float)
    made = _alpha.Patterns(sparse.csr_array(counts[counts.sum(axis=1) > 0]), np.ones(int((counts.sum(axis=1) > 0).sum()), np.int64))
    got = _alpha.agreement(f"alpha_{kind}", made, apart=_distance.sets(sparse.csr_array(members), kind))
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement=apart, value_domain=list(range(len(universe))))
    assert got.value == pytest.approx(expected, abs=1e-9)
    assert got.low < got.value < got.high


def test_shrout_and_fleiss():
    whole = _variance.two_way(_variance.Block(JUDGES))
    assert {name: round(whole[name].value, 2) for name in _variance.TWO_WAY} == {
        "icc_2": 0.29,
        "icc_3": 0.71,
        "icc_2k": 0.62,
        "icc_3k": 0.91,
    }
    single = _variance.one_way(patterns(JUDGES.T))
    assert {name: round(found.value, 2) for name, found in single.items()} == {"icc_1": 0.17, "icc_1k": 0.44}


def test_kendalls_w():
    # Friedman's chi-squared of items ranked by people is people * (items - 1) * W, ties corrected in both
    rng = np.random.default_rng(4)
    for numbers in (rng.random((12, 5)), rng.integers(0, 3, (10, 4)).astype(float)):
        items, people = numbers.shape
        expected = stats.friedmanchisquare(*numbers).statistic / (people * (items - 1))
        assert _variance.two_way(_variance.Block(numbers))["kendall_w"].value == pytest.approx(expected, abs=1e-9)


def test_numbers_that_say_nothing():
    assert _variance.two_way(_variance.Block(np.ones((5, 3))))["icc_2"].reason == _variance.CONSTANT
    assert _variance.one_way(patterns(np.ones((3, 5))))["icc_1"].reason == _variance.CONSTANT


def test_specific_agreement_of_many_is_that_of_pairs():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 80)
    data = np.where(rng.random((4, 80)) < 0.6, truth, rng.integers(0, 3, (4, 80))).astype(float)
    data[rng.random(data.shape) < 0.2] = np.nan
    found = _labels.by_label(patterns(data, numeric=False))
    pairable = data[:, (~np.isnan(data)).sum(axis=0) > 1]
    for label in range(3):
        same = given_ = thirds = of_thirds = 0
        for column in pairable.T:
            said = column[~np.isnan(column)]
            for a, b in itertools.permutations(said, 2):
                given_ += a == label
                same += a == b == label
            for a, b, c in itertools.permutations(said, 3):
                of_thirds += a == b == label
                thirds += a == b == c == label
        assert found["specific"][label] == pytest.approx(same / given_)
        assert found["third"][label] == pytest.approx(thirds / of_thirds)
        one = np.where(np.isnan(data), np.nan, data == label)
        assert found["alpha"][label] == pytest.approx(
            krippendorff.alpha(reliability_data=one, level_of_measurement="nominal"), abs=1e-9
        )
        assert found["specific_low"][label] < found["specific"][label] < found["specific_high"][label]
    table, _ = inter_rater.aggregate_raters(rng.integers(0, 2, (50, 3)))
    both = _labels.by_label(_alpha.Patterns(sparse.csr_array(table.astype(float)), np.ones(50, np.int64)))
    assert both["kappa"] == pytest.approx([inter_rater.fleiss_kappa(table)] * 2, abs=1e-9)


def crowd(rng, people=7, units=60, labels=4, missing=0.3):
    truth = rng.integers(0, labels, units)
    said = np.where(rng.random((people, units)) < 0.5, truth, rng.integers(0, labels, (people, units)))
    asked = rng.random(said.shape) > missing
    person, unit = np.nonzero(asked)
    return said, asked, unit, person, said[asked]


def test_pairs_equal_scikit_learn_statsmodels_and_scipy():
    said, asked, unit, person, label = crowd(np.random.default_rng(6))
    found = {}
    for joint in _kappa.joints(unit, person, label, 10):
        figures = _kappa.figures(joint, 4, np.arange(4.0))
        for at, pair in enumerate(zip(joint.a.tolist(), joint.b.tolist(), strict=True)):
            assert pair not in found
            found[pair] = {name: values[at] for name, values in figures.items()}
    assert set(found) == {(a, b) for a, b in itertools.combinations(range(7), 2) if (asked[a] & asked[b]).sum() >= 10}
    for (a, b), got in found.items():
        both = asked[a] & asked[b]
        x, y = said[a][both], said[b][both]
        assert got["n"] == both.sum()
        for name, weights in (("kappa", None), ("kappa_linear", "linear"), ("kappa_quadratic", "quadratic")):
            assert got[name] == pytest.approx(cohen_kappa_score(x, y, weights=weights, labels=range(4)), abs=1e-9)
        table = np.zeros((4, 4))
        np.add.at(table, (x, y), 1)
        for name, kind in (("kappa", None), ("linear", "linear"), ("quadratic", "quadratic")):
            theirs = inter_rater.cohens_kappa(table, wt=kind)
            value = got["kappa" if kind is None else f"kappa_{name}"]
            assert theirs.kappa == pytest.approx(value, abs=1e-9)
            assert value - got[f"{name}_low"] == pytest.approx(1.959963984540054 * theirs.std_kappa, abs=1e-9)
        assert got["tau_b"] == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)
        assert got["raw"] == np.mean(x == y)
        assert got["pabak"] == pytest.approx((4 * np.mean(x == y) - 1) / 3)
        assert got["scott_pi"] == pytest.approx(
            inter_rater.fleiss_kappa(np.array([np.bincount(two, minlength=4) for two in zip(x, y, strict=True)])), abs=1e-9
        )


def test_pairs_in_small_pieces_are_the_same(monkeypatch):
    _, _, unit, person, label = crowd(np.random.default_rng(7), people=12)

    def all_of():
        return [(joint.a.tolist(), _kappa.figures(joint, 4, np.arange(4.0))) for joint in _kappa.joints(unit, person, label, 5)]

    (whole,) = all_of()
    monkeypatch.setattr(_kappa, "_WORK", 1)
    monkeypatch.setattr(_kappa, "_CELLS", 1)
    pieces = all_of()
    assert len(pieces) == 11
    for name, values in whole[1].items():
        assert np.concatenate([piece[1][name] for piece in pieces]) == pytest.approx(values, nan_ok=True)


def test_many_numbers_have_a_quadratic_kappa_only(monkeypatch):
    _, _, unit, person, label = crowd(np.random.default_rng(8), people=3)
    (joint,) = _kappa.joints(unit, person, label, 5)
    full = _kappa.figures(joint, 4, np.arange(4.0))
    monkeypatch.setattr(_kappa, "MOST_LABELS", 3)
    few = _kappa.figures(joint, 4, np.arange(4.0))
    assert few["kappa_quadratic"] == pytest.approx(full["kappa_quadratic"])
    assert np.isnan(few["kappa"]).all()


def test_pairs_who_always_agree_or_never_vary():
    agree = _kappa.figures(pair_of([[30, 0], [0, 20]]), 2, None)
    assert agree["kappa"][0] == 1
    assert agree["kappa_high"][0] == 1
    assert 0.8 < agree["kappa_low"][0] < 0.9  # 50 equal answers are not proof of endless ones
    constant = _kappa.figures(pair_of([[50, 0], [0, 0]]), 2, None)
    assert np.isnan(constant["kappa"][0])
    assert np.isnan(constant["scott_pi"][0])
    assert (constant["raw"][0], constant["pabak"][0], constant["prevalence"][0], constant["bias"][0]) == (1, 1, 1, 0)
    # Byrt, Bishop, Carlin 1993: high agreement, low kappa, because one label is common
    byrt = _kappa.figures(pair_of([[118, 5], [2, 0]]), 2, None)
    assert byrt["kappa"][0] < 0 < byrt["pabak"][0]
    assert byrt["prevalence"][0] == pytest.approx(118 / 125)
    assert byrt["bias"][0] == pytest.approx(3 / 125)
