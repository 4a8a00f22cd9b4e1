"""Groups of annotators: agreement across them and differential item functioning."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from auditor.formats import long
from auditor.measures import _answers, _cross, _dif
from auditor.stage import Source
from tests import measured
from tests.test_measures_groups import opened_of

# The worked example of the reference implementations of Wong, Paritosh, Aroyo 2021: (item, person, answer) of two replications.
X = [
    (1, 1, 1),
    (2, 1, 1),
    (3, 1, 0),
    (4, 1, 0),
    (5, 1, 0),
    (6, 1, 0),
    (1, 2, 1),
    (2, 2, 1),
    (3, 2, 0),
    (4, 2, 0),
    (5, 2, 1),
    (6, 2, 0),
    (2, 3, 1),
    (4, 3, 0),
    (6, 3, 0),
]
Y = [(1, 4, 1), (2, 4, 1), (3, 4, 0), (4, 4, 1), (5, 4, 0), (1, 5, 1), (2, 5, 0), (3, 5, 1), (4, 5, 0), (5, 5, 0)]


def arrays(rows):
    return tuple(np.array(column) for column in zip(*sorted(rows), strict=True))


def matrix(rows):
    items, people = (sorted({row[place] for row in rows}) for place in (0, 1))
    data = np.full((len(people), len(items)), np.nan)
    for item, person, label in rows:
        data[people.index(person), items.index(item)] = label
    return data


def test_the_published_cross_replication():
    item, person, label = arrays(X + Y)
    group = np.array([-1, 0, 0, 0, 1, 1])
    one, other = _cross.reliabilities(_answers.answers(item, person, label, group, 2, 2), None)
    assert one.cross[0] == pytest.approx(0.1818182, abs=5e-8)
    assert one.items == other.items == 5
    assert other.cross[0] == pytest.approx(one.cross[0])
    assert one.within[0] == pytest.approx(krippendorff.alpha(reliability_data=matrix(X), level_of_measurement="nominal"), abs=1e-9)
    assert one.rest[0] == pytest.approx(krippendorff.alpha(reliability_data=matrix(Y), level_of_measurement="nominal"), abs=1e-9)
    # alpha of Y is not positive, so nothing can be normalised by it
    assert one.rest[0] < 0
    assert np.isnan(one.xrr[0])


def world(rng, people=40, items=120, labels=3, asked=0.3, right=0.6, groups=2, spread=0.0):
    """Votes of people who are right at their own rates, and their groups."""
    truth = rng.integers(0, labels, items)
    rate = np.clip(right + spread * rng.standard_normal(people), 0.05, 0.98)
    said = np.where(rng.random((people, items)) < rate[:, None], truth, rng.integers(0, labels, (people, items)))
    person, item = np.nonzero(rng.random(said.shape) < asked)
    by = np.lexsort((person, item))
    return item[by], person[by], said[person[by], item[by]], rng.integers(0, groups, people), truth


def by_hand(rows, place):
    """kappa_x of two lists of (item, person, label), in plain Python."""
    from itertools import product

    def apart(a, b):
        return float(a != b) if place is None else (place[a] - place[b]) ** 2

    sides = []
    for side in rows:
        answers = {}
        for item, _, label in side:
            answers.setdefault(item, []).append(label)
        sides.append(answers)
    shared = sides[0].keys() & sides[1].keys()
    weight = {item: len(sides[0][item]) + len(sides[1][item]) for item in shared}
    seen = sum(weight[i] * np.mean([apart(a, b) for a, b in product(sides[0][i], sides[1][i])]) for i in shared) / sum(
        weight.values()
    )
    one, other = ([label for item in shared for label in side[item]] for side in sides)
    return 1 - seen / np.mean([apart(a, b) for a, b in product(one, other)])


@pytest.mark.parametrize("place", [None, np.array([0.0, 0.2, 1.0])])
def test_cross_and_within_equal_a_count_by_hand(place):
    item, person, label, group, _ = world(np.random.default_rng(1))
    found = _cross.reliabilities(_answers.answers(item, person, label, group, 2, 3), place)
    rows = list(zip(item.tolist(), person.tolist(), label.tolist(), strict=True))
    sides = [[row for row in rows if group[row[1]] == one] for one in range(2)]
    assert found[0].cross[0] == pytest.approx(by_hand(sides, place), abs=1e-9)
    # alpha is of the items on which two people with the attribute voted; the others add nothing to it
    measure = "nominal" if place is None else lambda a, b, **_: (place[a.astype(int)] - place[b.astype(int)]) ** 2
    for one in range(2):
        expected = krippendorff.alpha(reliability_data=matrix(sides[one]), level_of_measurement=measure, value_domain=[0, 1, 2])
        assert found[one].within[0] == pytest.approx(expected, abs=1e-9)
    product = found[0].within[0] * found[0].rest[0]
    assert found[0].xrr[0] == pytest.approx(found[0].cross[0] / np.sqrt(product))
    assert found[0].xrr[1] < found[0].xrr[0] < found[0].xrr[2]


@pytest.mark.parametrize("place", [None, np.array([0.0, 0.2, 1.0])])
def test_the_gap_equals_a_count_by_hand(place, monkeypatch):
    item, person, label, group, _ = world(np.random.default_rng(2), people=12, items=40)
    size = np.bincount(item)
    sums = np.zeros((3, 2))
    for a in range(len(item)):
        for b in range(len(item)):
            if item[a] == item[b] and a != b:
                side = group[person[a]] + group[person[b]]  # 0 within, 1 across, 2 the rest
                weight = 1 / (size[item[a]] - 1)
                far = float(label[a] != label[b]) if place is None else (place[label[a]] - place[label[b]]) ** 2
                sums[side] += weight * far, weight
    mean = sums[:, 0] / sums[:, 1]
    gap, p = _cross.gaps((item, person, label, group), 2, place)
    assert gap == pytest.approx([mean[1] - (mean[0] + mean[2]) / 2] * 2)
    monkeypatch.setattr(_cross, "_DENSE", 0)  # the same from sparse tables
    assert _cross.gaps((item, person, label, group), 2, place)[0] == pytest.approx(gap)
    assert (p > 0).all()


def test_groups_drawn_by_lot_are_seldom_called_different():
    rng = np.random.default_rng(3)
    found = []
    for n in range(200):
        item, person, label, group, _ = world(rng, people=40, items=60, spread=0.25)
        found.append(_cross.gaps((item, person, label, group), 2, None, seed=n)[1][0])
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_groups_that_see_things_differently(tmp_path):
    rng = np.random.default_rng(4)
    item, person, label, group, truth = world(rng, people=60, items=200, asked=0.15, right=0.9)
    # a quarter of the items means another label to the second group
    odd = (item % 4 == 0) & (group[person] == 1) & (rng.random(len(item)) < 0.9)
    label = np.where(odd, (truth[item] + 1) % 3, label)
    annotation = measured.votes([(f"{i:03d}", f"p{p:02d}", "xyz"[v]) for i, p, v in zip(item, person, label, strict=True)])
    annotator = [{"annotator_id": f"p{n:02d}", "attributes": [("site", "ab"[group[n]]), ("lot", "cd"[n % 2])]} for n in range(60)]
    opened = opened_of(tmp_path, annotation, annotator)
    found = {row["value"]: row for row in measured.table(opened, "agreement_group")}
    assert set(found) == set("abcd")
    assert found["a"]["xrr_high"] < 0.9
    assert found["a"]["q"] <= 0.05
    assert found["a"]["within"] == pytest.approx(found["b"]["rest"])
    assert found["c"]["q"] > 0.05
    assert found["c"]["xrr"] > 0.9
    assert found["a"]["clusters"] + found["a"]["rest_clusters"] == 60
    findings = measured.findings(opened, "bias/low_cross_group_reliability")
    assert {row["value"] for row in findings} == {"a", "b"}


@pytest.mark.data
def test_popquorn_groups(tmp_path, shared_data):
    mapping = {"item_id": "instance_id", "annotator_id": "user_id", "value": "offensiveness"}
    mapping |= {f"annotator.{name}": name for name in ("gender", "race", "age", "occupation", "education")}
    opened = measured.session(
        tmp_path, lambda stage: long.read(Source(shared_data / "popquorn" / "offensiveness.csv", "long", mapping), stage)
    )
    rows = {(row["key"], row["value"]): row for row in measured.table(opened, "agreement_group")}
    assert all(row["metric"] == "ordinal" for row in rows.values())
    man, woman = rows["gender", "Man"], rows["gender", "Woman"]
    assert man["cross"] == pytest.approx(0.28, abs=0.03)
    assert 0.8 < man["xrr"] < 1.2
    assert woman["within_low"] < woman["within"] < woman["within_high"]
    for check in ("bias/low_cross_group_reliability", "bias/label_function_by_group"):
        for row in measured.findings(opened, check, max_q=1.0):
            assert row["annotators"] >= 15
        named = {(row["key"], row["value"]) for row in measured.findings(opened, check)}
        assert all(min(rows[one]["clusters"], rows[one]["rest_clusters"]) >= 15 for one in named)


def odds(rows, group, label):
    """Mantel and Haenszel's odds ratio of statsmodels, an item being a table."""
    tables = []
    for item in sorted({row[0] for row in rows}):
        table = np.zeros((2, 2))
        for at, person, said in rows:
            if at == item:
                table[int(group[person] != 0), int(said != label)] += 1
        if table.sum(axis=1).all():
            tables.append(table)
    return StratifiedTable([table + 0.0 for table in tables])


def test_odds_ratios_equal_statsmodels(tmp_path):
    item, person, label, group, _ = world(np.random.default_rng(5), people=40, items=60)
    rows = list(zip(item.tolist(), person.tolist(), label.tolist(), strict=True))
    found = _dif.functioning(_answers.answers(item, person, label, group, 2, 3))
    for one in range(3):
        theirs = odds(rows, group, one)
        assert found["odds_ratio"][0, one] == pytest.approx(theirs.oddsratio_pooled, abs=1e-9)
        assert found["odds_ratio"][1, one] == pytest.approx(1 / theirs.oddsratio_pooled, abs=1e-9)
        # Where people do not differ, votes are as good as people: Robins, Breslow and Greenland's error is near ours.
        spread = np.log(found["high"][0, one] / found["low"][0, one]) / 2 / 2.02
        assert spread == pytest.approx(theirs.logodds_pooled_se, rel=0.3)
        assert found["items"][0, one] == len(theirs.table[0, 0])
    assert found["low"][0] == pytest.approx(1 / found["high"][1])


def test_odds_ratios_in_small_pieces_are_the_same(monkeypatch):
    item, person, label, group, _ = world(np.random.default_rng(6), groups=3)
    answered = _answers.answers(item, person, label, group, 3, 3)
    whole = _dif.functioning(answered)
    monkeypatch.setattr(_dif, "_CELLS", 1)
    for name, values in _dif.functioning(answered).items():
        assert values == pytest.approx(whole[name], nan_ok=True), name


def test_matching_on_items_holds_where_groups_see_other_items():
    """Impact is no DIF: one group gets mostly items of the first label, and votes like everybody."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(150):
        people, items = 40, 100
        truth = (rng.random(items) < np.where(np.arange(items) < 50, 0.8, 0.2)).astype(int)
        group = np.arange(people) % 2
        asked = rng.random((people, items)) < np.where((np.arange(items) < 50)[None] == (group[:, None] == 0), 0.25, 0.08)
        rate = np.clip(0.75 + 0.15 * rng.standard_normal(people), 0.4, 0.98)
        said = np.where(rng.random((people, items)) < rate[:, None], truth, 1 - truth)
        item, person = np.nonzero(asked.T)
        found.append(_dif.functioning(_answers.answers(item, person, said[person, item], group, 2, 2))["p"][0, 1])
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize("habit", [0.0, 0.25])
def test_without_a_difference_few_p_values_are_small(habit):
    """Also where people have strong habits of their own, for which an error over votes would be too small by far."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(200):
        item, person, label, group, _ = world(rng, people=40, items=60)
        prone = rng.random(40) < 0.5
        label = np.where(prone[person] & (rng.random(len(label)) < habit), 0, label)
        found.append(_dif.functioning(_answers.answers(item, person, label, group, 2, 3))["p"][0])
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_a_label_that_a_group_understands_differently(tmp_path):
    rng = np.random.default_rng(9)
    item, person, label, group, truth = world(rng, people=60, items=150, asked=0.15, right=0.8)
    label = np.where((truth[item] == 2) & (group[person] == 1) & (rng.random(len(item)) < 0.6), 1, label)
    annotation = measured.votes([(f"{i:03d}", f"p{p:02d}", "xyz"[v]) for i, p, v in zip(item, person, label, strict=True)])
    annotator = [{"annotator_id": f"p{n:02d}", "attributes": [("site", "ab"[group[n]]), ("lot", "cd"[n % 2])]} for n in range(60)]
    opened = opened_of(tmp_path, annotation, annotator)
    rows = {(row["value"], row["label"]): row for row in measured.table(opened, "group_item_function")}
    assert rows["b", "y"]["odds_ratio"] > 1.5 > 1 > rows["b", "z"]["odds_ratio"]
    assert rows["b", "y"]["delta"] == pytest.approx(-2.35 * np.log(rows["b", "y"]["odds_ratio"]))
    assert rows["b", "y"]["delta"] == pytest.approx(-rows["a", "y"]["delta"])
    assert rows["b", "z"]["class"] == "C"
    assert rows["b", "y"]["low"] < rows["b", "y"]["odds_ratio"] < rows["b", "y"]["high"]
    assert all(row["q"] > 0.05 for (value, _), row in rows.items() if value in "cd")
    found = measured.findings(opened, "bias/label_function_by_group")
    assert {(row["value"], row["label"]) for row in found} == {("a", "z"), ("b", "z")}


def test_fourteen_people_are_never_called_different(tmp_path):
    rng = np.random.default_rng(10)
    annotation = measured.votes(
        [
            (f"{i:03d}", f"p{p:02d}", "x" if p < 14 and rng.random() < 0.8 else "xy"[(i + (rng.random() < 0.1)) % 2])
            for i in range(80)
            for p in range(40)
            if rng.random() < 0.5
        ]
    )
    annotator = [{"annotator_id": f"p{n:02d}", "attributes": [("site", "ab"[n >= 14])]} for n in range(40)]
    opened = opened_of(tmp_path, annotation, annotator)
    assert max(row["q"] for row in measured.table(opened, "group_item_function")) < 0.01
    assert max(row["q"] for row in measured.table(opened, "agreement_group")) < 0.01
    for check in ("bias/label_function_by_group", "bias/low_cross_group_reliability"):
        assert measured.findings(opened, check) == []
