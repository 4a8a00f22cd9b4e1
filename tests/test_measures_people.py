"""Annotators with planted faults, and statistics of people against independent libraries."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from auditor.measures import _habits_in_time, _skill
from tests import measured
from tests.planted import crowd, people, rows

FAULTS = {0: "spammer", 1: "constant", 2: "periodic", 3: "drift", 4: "spammer", 5: "drift", 6: "periodic"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    item, person, label, _ = crowd(11, items=1600, faults=FAULTS)  # 200 votes each
    return measured.of_rows(tmp_path_factory.mktemp("planted"), annotation=rows(item, person, label))


@pytest.mark.parametrize(
    ("check", "kinds"),
    [
        ("outlier/spammer", {"spammer", "constant", "periodic"}),
        ("outlier/drift", {"drift"}),
        ("outlier/periodic_answers", {"periodic"}),
    ],
)
def test_planted_people_are_found_and_nobody_else(opened, check, kinds):
    planted = {f"p{who:03d}" for who, fault in FAULTS.items() if fault in kinds}
    assert people(measured.findings(opened, check)) == planted


def test_honest_people_are_not_accused(tmp_path):
    item, person, label, _ = crowd(5, people=60, items=800, skill=(0.6, 0.95))
    found = measured.of_rows(tmp_path, annotation=rows(item, person, label))
    for check in ("outlier/spammer", "outlier/drift", "outlier/periodic_answers", "outlier/fatigue"):
        assert measured.findings(found, check) == [], check


def test_items_in_a_fixed_rotation_are_no_pattern_of_the_person(tmp_path):
    n = 300
    truth = np.arange(n) % 3
    rng = np.random.default_rng(1)
    item, person = np.repeat(np.arange(n), 3), np.tile(np.arange(3), n)
    label = np.where(rng.random(3 * n) < 0.9, truth[item], rng.integers(0, 3, 3 * n))
    found = measured.of_rows(tmp_path, annotation=rows(item, person, label))
    assert measured.findings(found, "outlier/periodic_answers") == []
    habits = measured.table(found, "annotator_habit")
    assert all(row["period_same"] is None or row["period_others"] > 0.6 for row in habits if row["period"] in {3, 6, 9, 12})


def test_fatigue_within_sittings(tmp_path):
    rng = np.random.default_rng(0)
    item, person = np.repeat(np.arange(900), 4), np.tile(np.arange(4), 900)
    truth = rng.integers(0, 2, 900)
    hours = (np.arange(900) % 300) * 60 / 3600  # three sittings of five hours, an answer a minute
    wrong = rng.random(3600) < np.where(person == 0, np.minimum(0.1 * hours[item], 0.5), 0.1)
    label = np.where(wrong, 1 - truth[item], truth[item])
    made = rows(item, person, label).to_pylist()
    start = made[0]["created_at"]
    for number, row in enumerate(made):
        at = number // 4
        row["created_at"] = start + np.timedelta64(60 * at + 7200 * (at // 300), "s").item()
    found = measured.of_rows(tmp_path, annotation=made)
    (one,) = measured.findings(found, "outlier/fatigue")
    assert (one["annotator_id"], one["sittings"]) == ("p000", 3)
    assert one["fatigue"] == pytest.approx(-0.1, abs=0.04)


def test_who_knows_the_gold_items(tmp_path):
    rng = np.random.default_rng(3)
    items, size = 600, 12
    item, person = np.repeat(np.arange(items), size), np.tile(np.arange(size), items)
    truth, gold = rng.integers(0, 2, items), np.arange(items) % 4 == 0
    accuracy = np.where((person == 0) & gold[item], 0.98, np.where(person == 0, 0.65, 0.85))
    label = np.where(rng.random(len(item)) < accuracy, truth[item], 1 - truth[item])
    found = measured.of_rows(tmp_path, annotation=rows(item, person, label, gold={i: truth[i] for i in np.flatnonzero(gold)}))
    (one,) = measured.findings(found, "consistency/gold_leak")
    assert one["annotator_id"] == "p000"
    assert one["gold_gap"] == pytest.approx(0.33, abs=0.1)


def test_difficult_items_do_not_make_anybody_look_worse(tmp_path):
    rng = np.random.default_rng(7)
    items, size = 600, 20
    hard = np.arange(items) < 200
    # people 0 to 4 got hard items mostly; all are equally able
    chosen = [rng.choice(size, 6, replace=False, p=_mostly(size, one)) for one in hard]
    item, person = np.repeat(np.arange(items), 6), np.concatenate(chosen)
    truth = rng.integers(0, 4, items)
    right = rng.random(len(item)) < np.where(hard[item], 0.6, 0.95)
    label = np.where(right, truth[item], (truth[item] + rng.integers(1, 4, len(item))) % 4)
    found = {
        row["annotator_id"]: row
        for row in measured.table(measured.of_rows(tmp_path, annotation=rows(item, person, label)), "annotator_skill")
    }
    unlucky, lucky = ([found[f"p{one:03d}"] for one in part] for part in (range(5), range(5, size)))

    def gap(column):
        return np.mean([row[column] for row in lucky]) - np.mean([row[column] for row in unlucky])

    assert gap("accuracy") > 0.1
    assert gap("skill_accuracy") < 0.7 * gap("accuracy")


def _mostly(size, hard):
    weight = np.where(np.arange(size) < 5, 6.0 if hard else 0.4, 1.0)
    return weight / weight.sum()


def test_the_option_shown_first(tmp_path):
    rng = np.random.default_rng(2)
    made = []
    for who in range(8):
        for item in range(60):
            place = 1 if who == 3 and rng.random() < 0.5 else int(rng.integers(1, 5))
            made.append({
                "item_id": f"i{item:02d}", "annotator_id": f"p{who}", "task": "t", "type": "class", "source": "human", "label": "x",
                "attributes": {"position": str(place), "options": "4"},
            })  # fmt: skip
    import pyarrow as pa

    table = pa.Table.from_pylist(
        [{**row, "attributes": list(row["attributes"].items())} for row in made],
        pa.schema(
            [
                *((name, pa.string()) for name in ("item_id", "annotator_id", "task", "type", "source", "label")),
                ("attributes", pa.map_(pa.string(), pa.string())),
            ]
        ),
    )
    found = measured.of_rows(tmp_path, annotation=table)
    assert people(measured.findings(found, "bias/position_bias")) == {"p3"}
    (row,) = (one for one in measured.table(found, "annotator_position") if one["annotator_id"] == "p0")
    assert (row["n"], row["chance"], row["options"]) == (60, 0.25, 4)


def test_slopes_equal_statsmodels():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(3), [40, 5, 80])
    x = rng.normal(size=125)
    y = 0.3 * x + rng.normal(size=125) * (1 + np.abs(x))
    steep, error, p = _habits_in_time.slope(group, 3, x, y)
    for one in range(3):
        mine = group == one
        fit = sm.OLS(y[mine], sm.add_constant(x[mine])).fit(cov_type="HC1", use_t=True)
        assert [steep[one], error[one], p[one]] == pytest.approx([fit.params[1], fit.bse[1], fit.pvalues[1]], abs=1e-9)
    # several sittings of one person: a line with a dummy for each
    steep, error, p = _habits_in_time.slope(group, 3, x, y, np.zeros(3, np.int64))
    fit = sm.OLS(y, np.column_stack([x, *(group == one for one in range(3))]).astype(float)).fit(cov_type="HC1", use_t=True)
    assert [steep[0], error[0], p[0]] == pytest.approx([fit.params[0], fit.bse[0], fit.pvalues[0]], abs=1e-9)


def test_the_beta_binomial_is_the_most_likely_one():
    rng = np.random.default_rng(4)
    n = rng.integers(5, 60, 200).astype(float)
    x = rng.binomial(n.astype(int), rng.beta(6, 3, 200)).astype(float)

    def surprise(at):
        return -stats.betabinom.logpmf(x, n, *np.exp(at)).sum()

    best = optimize.minimize(surprise, [1.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).fun
    assert surprise(np.log(_skill.beta_binomial(x, n))) == pytest.approx(best, abs=1e-4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1000), st.integers(2, 5))
def test_the_spammer_score_is_the_mean_over_pairs_of_labels(seed, labels):
    error = np.random.default_rng(seed).dirichlet(np.ones(labels), (3, labels)).transpose(0, 2, 1)  # columns sum to 1
    for one, score in zip(error, _skill.spammer_score(error), strict=True):
        pairs = [np.square(one[:, c] - one[:, d]).sum() for c in range(labels) for d in range(c)]
        assert score == pytest.approx(sum(pairs) / (labels * (labels - 1)), abs=1e-12)


def test_the_spammer_score_of_two_labels_is_published():
    # Raykar and Yu 2012, section 2.1: (sensitivity + specificity - 1) squared
    assert _skill.spammer_score(np.array([[[0.8, 0.3], [0.2, 0.7]]]))[0] == pytest.approx((0.8 + 0.7 - 1) ** 2)
    assert _skill.spammer_score(np.array([np.eye(4), np.full((4, 4), 0.25)])).tolist() == [1.0, 0.0]


def test_p_values_of_guessers_at_one_half_are_uniform():
    rng = np.random.default_rng(6)
    found = []
    for _ in range(60):
        truth = rng.integers(0, 3, 6000)
        person = np.repeat(np.arange(60), 100)
        knows = rng.random(6000) < np.where(person < 30, 0.5, 1.0)  # half of their answers come from the item
        usual = np.where(rng.random(6000) < 0.85, truth, rng.integers(0, 3, 6000))
        label = np.where(knows, usual, rng.integers(0, 3, 6000))
        # the measure's yardstick is everybody; here half of these are half informed
        everybody = _skill.informed(person[person >= 30] - 30, truth[person >= 30], label[person >= 30], 30, 3)
        assert np.mean(everybody["spammer_p"] < 0.05) == 0
        found.append(_skill.informed(person, truth, label, 60, 3)["spammer_p"][:30])
    # everybody's errors hold the guessers' too, so the half informed are a little better than half of everybody: never too many
    assert np.mean(np.concatenate(found) < 0.05) <= 0.05


def test_causes_of_disagreement(tmp_path):
    rng = np.random.default_rng(1)
    items, size, each, labels = 600, 30, 5, 4
    truth = rng.integers(0, labels, items)
    unclear = rng.random(items) < 0.15
    truth[unclear] = rng.integers(0, 2, unclear.sum())
    person = np.stack([rng.permutation(size)[:each] for _ in range(items)]).ravel()
    item = np.repeat(np.arange(items), each)
    label = np.where(unclear[item], rng.integers(0, 2, len(item)), truth[item])
    slip = (rng.random(len(item)) < 0.03) & ~unclear[item]
    label = np.where(slip, (label + rng.integers(1, labels, len(item))) % labels, label)
    weak = person < 4
    label = np.where(weak & (rng.random(len(item)) < 0.5), rng.integers(0, labels, len(item)), label)
    opened = measured.of_rows(tmp_path, annotation=rows(item, person, label))
    (pair,) = measured.findings(opened, "outlier/confusable_labels")
    assert (pair["label"], pair["other"]) == ("l0", "l1")
    told = {"guideline": [], "retraining": [], "relabel": []}
    for row in measured.table(opened, "ambiguity"):
        at = int(row["item_id"][1:])
        off = (item == at) & (label != truth[at])
        cause = "guideline" if unclear[at] else "retraining" if 2 * (off & weak).sum() >= off.sum() else "relabel"
        told[cause].append(row["route"] == cause)
        assert row["dissent"] == row["able_dissent"] + row["weak_dissent"]
        assert row["votes"] == row["able"] + row["weak"] == each
    assert {cause: np.mean(right) > 0.75 for cause, right in told.items()} == dict.fromkeys(told, True)


def test_where_nothing_is_unclear_no_guideline_is_blamed(tmp_path):
    for seed in range(5):
        item, person, label, _ = crowd(seed, labels=3, items=400, people=20, skill=(0.85, 0.95))
        folder = tmp_path / str(seed)
        folder.mkdir()
        opened = measured.of_rows(folder, annotation=rows(item, person, label))
        assert measured.findings(opened, "outlier/confusable_labels") == []
        assert {row["route"] for row in measured.table(opened, "ambiguity")} <= {"relabel", "retraining"}


@pytest.mark.data
@pytest.mark.parametrize(("name", "named"), [("duck", 9), ("product", 18)])
def test_who_is_called_a_spammer_tells_next_to_nothing_by_gold(tmp_path, shared_data, name, named):
    opened = measured.crowd(tmp_path, shared_data, name)
    codes = {row["text"]: row["code"] for row in measured.table(opened, "vote_code") if row["kind"] == "annotator"}
    cells = [row for row in measured.table(opened, "annotator_confusion") if row["kind"] == "gold"]

    def told(who):
        """Sensitivity + specificity - 1: 1 knows, 0 guesses."""
        mine = [row for row in cells if row["annotator"] == codes[who]]
        of = {truth: sum(row["votes"] for row in mine if row["truth"] == truth) for truth in {row["truth"] for row in mine}}
        return sum(row["votes"] / of[row["truth"]] for row in mine if row["label"] == row["truth"]) - 1

    found = [told(who) for who in people(measured.findings(opened, "outlier/spammer"))]
    assert len(found) == pytest.approx(named, abs=2)
    assert max(found) < 0.4
    assert np.median(found) < 0.1
