"""Groups: published means, an independent regression-free check of the clustered interval, false alarms under no difference."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from auditor.formats import long
from auditor.measures import _groups, _stats, split_shift
from auditor.stage import Source
from tests import measured


@pytest.mark.data
def test_popquorn_means(tmp_path, shared_data):
    mapping = {"item_id": "instance_id", "annotator_id": "user_id", "value": "offensiveness"}
    mapping |= {f"annotator.{name}": name for name in ("gender", "race", "age", "occupation", "education")}
    source = Source(shared_data / "popquorn" / "offensiveness.csv", "long", mapping)
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    rows = {(row["key"], row["value"]): row for row in measured.table(opened, "group_value")}
    assert rows["race", "Black or African American"]["mean"] == pytest.approx(2.11, abs=0.005)
    assert rows["race", "White"]["mean"] == pytest.approx(1.85, abs=0.005)
    assert rows["race", "Black or African American"]["clusters"] == 34
    for row in rows.values():
        assert (row["low"] is None) == (row["clusters"] < 2)
    assert all(row["of"] == "annotator" for row in rows.values())
    # No group differs once the 30 comparisons are counted; and none of fewer than 15 people is ever named.
    assert measured.findings(opened, "bias/value_by_group") == []
    assert all(row["annotators"] >= 15 for row in measured.findings(opened, "bias/value_by_group", max_q=1.0, min_effect=0.0))


def people(rng, groups, rate, spread=0.0, items=40):
    """Votes of `groups` x people; a group's annotators vary around its rate."""
    annotation, annotator = [], []
    for group, number in groups.items():
        for n in range(number):
            who = f"{group}{n:03d}"
            annotator.append({"annotator_id": who, "attributes": [("site", group)]})
            own = np.clip(rate[group] + spread * rng.standard_normal(), 0.01, 0.99)
            annotation += measured.votes([(f"i{i}", who, "cat" if rng.random() < own else "dog") for i in range(items)])
    return annotation, annotator


def opened_of(folder, annotation, annotator):
    import pyarrow as pa

    kind = pa.map_(pa.string(), pa.string())
    table = pa.table({
        "annotator_id": [row["annotator_id"] for row in annotator], "attributes": pa.array([row["attributes"] for row in annotator], kind),
    })  # fmt: skip
    return measured.of_rows(folder, annotation=annotation, annotator=table)


def lot(rates, group):
    """p of the group drawn by lot, from the votes of each person."""
    x = np.array([sum(votes) for votes in rates.values()], dtype=float)
    n = np.array([len(votes) for votes in rates.values()], dtype=float)
    mine = np.array([who.startswith(group) for who in rates])
    rest = x - x.sum() / n.sum() * n
    numbers = (mine.sum(), len(x), rest[mine].sum(), (rest**2).sum(), (rest**3).sum())
    return float(_stats.exchanged(*(np.array([float(number)]) for number in numbers))[0])


def test_equal_cluster_sizes_give_welchs_t_of_the_annotators_rates(tmp_path):
    rng = np.random.default_rng(4)
    annotation, annotator = people(rng, {"a": 20, "b": 30}, {"a": 0.5, "b": 0.4}, spread=0.15)
    rates = defaultdict(list)
    for row in annotation:
        rates[row["annotator_id"]].append(row["label"] == "cat")
    means = {group: [np.mean(rates[who]) for who in rates if who[0] == group] for group in "ab"}
    expected = stats.ttest_ind(means["a"], means["b"], equal_var=False)
    rows = {(row["value"], row["label"]): row for row in measured.table(opened_of(tmp_path, annotation, annotator), "group_rate")}
    row = rows["a", "cat"]
    # p is the larger of Welch's and that of the group drawn by lot: with common labels the two are nearly one.
    assert row["p"] == pytest.approx(max(expected.pvalue, lot(rates, "a")), rel=1e-9)
    assert expected.pvalue * (1 - 1e-9) <= row["p"] < 1.5 * expected.pvalue + 0.01
    interval = expected.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (row["n"], row["x"]) == (800, sum(sum(rates[who]) for who in rates if who[0] == "a"))
    assert row["effect"] == pytest.approx(2 * np.arcsin(np.sqrt(row["rate"])) - 2 * np.arcsin(np.sqrt(row["rest"])))
    assert rows["b", "dog"]["difference"] == pytest.approx(row["difference"])
    assert all(row["of"] == "annotator" for row in rows.values())


def test_a_difference_is_found_and_named_once(tmp_path):
    rng = np.random.default_rng(6)
    found = measured.findings(
        opened_of(tmp_path, *people(rng, {"a": 20, "b": 20, "c": 20}, {"a": 0.8, "b": 0.4, "c": 0.4}, spread=0.1)),
        "bias/label_rate_by_group",
    )
    assert [(row["key"], row["value"]) for row in found if row["value"] == "a"] == [("site", "a")]
    assert len(found) == len({(row["key"], row["value"]) for row in found})


def test_fourteen_annotators_are_never_called_different(tmp_path):
    rng = np.random.default_rng(7)
    opened = opened_of(tmp_path, *people(rng, {"a": 14, "b": 40}, {"a": 0.95, "b": 0.2}))
    assert {row["value"]: row["q"] < 1e-6 for row in measured.table(opened, "group_rate")} == {"a": True, "b": True}
    assert measured.findings(opened, "bias/label_rate_by_group") == []


def test_without_a_difference_p_values_are_uniform_though_annotators_vary():
    # 2,000 worlds without any difference between groups, whose annotators vary much: an unclustered test would reject most of them.
    rng = np.random.default_rng(8)
    worlds, people_, items = 2000, 16, 50
    x = rng.binomial(items, np.clip(0.5 + 0.2 * rng.standard_normal((2, worlds, people_)), 0, 1)).astype(float)
    n = np.full(worlds, float(people_ * items))
    sides = []
    for side in x:
        ratio, variance = _stats.clustered(
            np.full(worlds, float(people_)), n, side.sum(axis=1), np.full(worlds, float(people_ * items**2)),
            (side * items).sum(axis=1), (side**2).sum(axis=1),
        )  # fmt: skip
        sides.append((ratio, variance, np.full(worlds, float(people_))))
    p = _stats.difference(*sides)[3]
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.015)
    assert stats.kstest(p, "uniform").pvalue > 0.001


@pytest.mark.parametrize(("share", "heavy"), [(0.1, 0), (0.1, 3), (0.5, 3), (0.02, 0)])
def test_the_lot_is_that_of_drawing_groups_by_lot(share, heavy):
    """Against 40,000 drawn groups, for rare labels of which a few people give most."""
    rng = np.random.default_rng(11)
    n = rng.poisson(40, 200).astype(float) + 1
    x = rng.binomial(n.astype(int), share).astype(float)
    x[:heavy] = n[:heavy]
    rest = x - x.sum() / n.sum() * n
    excess = np.array([rest[rng.permutation(200)[:25]].sum() for _ in range(40_000)])
    for level in (0.2, 0.05, 0.01, 0.002):
        bound = np.quantile(excess, 1 - level / 2)
        numbers = (25.0, 200.0, bound, (rest**2).sum(), (rest**3).sum())
        p = float(_stats.exchanged(*(np.array([number]) for number in numbers))[0])
        assert level / 2 <= p <= 2.5 * level


def table_of(groups, counts):
    """What `_groups.compare` takes: a row for each attribute, value and label."""
    import pyarrow as pa

    n = counts.sum(axis=1)
    rows = []
    for key, values in groups.items():
        for value in np.unique(values):
            mine = values == value
            for x in counts.T:
                sums = []
                for some in (mine, np.ones_like(mine)):
                    a, b = n[some], x[some]
                    sums += [some.sum(), a.sum(), b.sum(), a @ a, b @ a, b @ b, a @ a**2, b @ a**2, b @ (a * b), b @ b**2]
                rows.append({"task": "t", "of": "annotator", "key": key} | dict(zip(NAMES, sums, strict=True)))
    return pa.Table.from_pylist(rows)


NAMES = [*_groups.MOMENTS, *(f"all_{name}" for name in _groups.MOMENTS)]


@pytest.mark.data
def test_groups_made_at_random_seldom_differ(shared_data):
    """262 people, 5 attributes, 160 tests: any q of 0.05 at most in about 5 % of random regroupings (with Welch alone in 40 %)."""
    import duckdb

    file = str(shared_data / "popquorn" / "offensiveness.csv")
    people_ = duckdb.sql(
        "SELECT user_id, any_value(COLUMNS(['gender', 'race', 'age', 'occupation', 'education'])), "
        + ", ".join(f"count(*) FILTER (offensiveness = {n}) AS n{n}" for n in range(1, 6))
        + f" FROM read_csv('{file}', all_varchar = true) GROUP BY user_id ORDER BY user_id"
    ).fetchall()
    groups = {key: np.array([row[place] for row in people_]) for place, key in enumerate("graoe", 1)}
    counts = np.array([row[6:] for row in people_], dtype=float)
    assert counts.shape == (262, 5)
    assert counts.sum() == 13_036
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(200):
        shuffled = rng.permutation(262)
        found = _groups.compare(table_of({key: values[shuffled] for key, values in groups.items()}, counts), ("task", "of"), "h")
        alarms += bool(np.nanmin(found["q"]) <= 0.05)
    assert alarms <= 0.08 * 200


def test_items_are_clusters_too(tmp_path):
    import pyarrow as pa

    rng = np.random.default_rng(9)
    groups = ["north" if n % 2 else "south" for n in range(200)]
    kind = pa.map_(pa.string(), pa.string())
    item = pa.table(
        {"item_id": [f"{n:03d}" for n in range(200)], "attributes": pa.array([[("site", group)] for group in groups], kind)}
    )
    rates = {"north": 0.8, "south": 0.2}
    annotation = measured.votes(
        [(f"{n:03d}", p, "snow" if rng.random() < rates[group] else "grass") for n, group in enumerate(groups) for p in range(3)]
    )
    opened = measured.of_rows(tmp_path, annotation=annotation, item=item)
    assert {(row["of"], row["clusters"], row["n"]) for row in measured.table(opened, "group_rate")} == {("item", 100, 300)}
    assert {row["value"] for row in measured.findings(opened, "bias/item_group_rate")} == {"north", "south"}


def test_names_are_no_groups(tmp_path):
    annotator = [{"annotator_id": f"p{n}", "attributes": [("name", f"n{n}"), ("site", "ab"[n % 2])]} for n in range(60)]
    annotation = measured.votes([(i, f"p{n}", "cat" if i % 2 else "dog") for i in range(4) for n in range(60)])
    assert {row["key"] for row in measured.table(opened_of(tmp_path, annotation, annotator), "group_rate")} == {"site"}


def test_split_shift_is_pearsons_chi_squared(tmp_path):
    counts = {("train", "cat"): 90, ("train", "dog"): 60, ("test", "cat"): 20, ("test", "dog"): 30}
    pairs = [(split, label) for (split, label), number in counts.items() for _ in range(number)]
    item = [{"item_id": f"{n:03d}", "split": split} for n, (split, _) in enumerate(pairs)]
    annotation = [{"item_id": f"{n:03d}", "type": "class", "label": label} for n, (_, label) in enumerate(pairs)]
    rows = measured.table(measured.of_rows(tmp_path, item=item, annotation=annotation), "split_shift")
    expected = stats.chi2_contingency([[90, 60], [20, 30]], correction=False)
    assert len(rows) == 2
    for row in rows:
        assert row["chi2"] == pytest.approx(expected.statistic)
        assert row["p"] == pytest.approx(expected.pvalue)
        assert row["cramers_v"] == pytest.approx(stats.contingency.association([[90, 60], [20, 30]]))
    assert split_shift._chi2(np.array([[5.0, 5.0], [5.0, 5.0]])) == (0.0, 0.0)
