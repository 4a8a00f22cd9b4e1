"""Finding the right label: crowd-kit and cleanlab, the published example, real crowds, and what must not depend on order."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from cleanlab import multiannotator
from crowdkit.aggregation import GLAD, MACE, DawidSkene, OneCoinDawidSkene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.measures import _ballots, _choice, _crowdlab, _glad, _numbers, _truth, vote
from tests import measured
from tests.planted import crowd as planted
from tests.planted import rows

# Dawid and Skene 1979, table 1: the readings of 45 patients by observer 1 (three times), 2, 3, 4 and 5.
ANAESTHETISTS = [
    "1111111",
    "3334334",
    "1122122",
    "2223121",
    "2223222",
    "2223322",
    "1222111",
    "3333433",
    "2222223",
    "2322223",
    "4444444",
    "2223343",
    "1111111",
    "2223212",
    "1211111",
    "1112111",
    "1111111",
    "1111111",
    "2222221",
    "2221322",
    "2222222",
    "2222221",
    "2223222",
    "2212222",
    "1111111",
    "1111111",
    "2322222",
    "1111111",
    "1111111",
    "1121121",
    "1111111",
    "3333233",
    "1111111",
    "2222222",
    "2223232",
    "4334343",
    "2212232",
    "2323233",
    "3333432",
    "1111111",
    "1111111",
    "1212111",
    "2322222",
    "1211111",
    "2222222",
]

# crowd-kit 1.4 uses what pandas 3 deprecates
PEER = pytest.mark.filterwarnings("ignore")


def posteriors(votes, fit):
    made = [_ballots.posterior(votes, *block, np.log(fit.used_error), np.log(fit.used_prior))[0] for block in votes.blocks()]
    return np.concatenate(made)


def made_votes(seed, labels=3, items=60, people=12):
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, labels, items), rng.uniform(0.4, 0.95, people)
    answered = rng.random((items, people)) < 0.5
    answered[:, 0] = True  # no item without a vote
    item, person = np.nonzero(answered)
    label = np.where(rng.random(len(item)) < skill[person], truth[item], rng.integers(0, labels, len(item)))
    label[:labels] = np.arange(labels)
    return item, person, label


def frame(item, person, label):
    return pd.DataFrame({"task": item, "worker": person, "label": label})


def theirs(aggregator, item, person, label):
    found = aggregator.fit_predict_proba(frame(item, person, label))
    return found.loc[np.unique(item), np.unique(label)].to_numpy()


@PEER
@pytest.mark.parametrize("labels", [2, 3, 5])
@pytest.mark.parametrize("rounds", [1, 2, 10, 40])
def test_dawid_skene_and_one_coin_equal_crowd_kit(labels, rounds):
    data = made_votes(labels, labels)
    votes = _ballots.ballots(*data)
    for ours, peer in ((_truth.dawid_skene, DawidSkene), (_truth.one_coin, OneCoinDawidSkene)):
        expected = theirs(peer(rounds, tol=-np.inf), *data)
        assert np.abs(posteriors(votes, ours(votes, rounds, -np.inf)) - expected).max() < 1e-8


@PEER
@pytest.mark.parametrize("labels", [2, 4])
def test_glad_equals_crowd_kit(labels):
    data = made_votes(10 + labels, labels, items=40)
    votes = _ballots.ballots(*data)
    for rounds in (1, 2, 100):
        peer = GLAD(rounds)
        expected = theirs(peer, *data)
        found = _glad.glad(votes, rounds)
        assert found.iterations == len(peer.loss_history_)
        assert np.abs(found.probability - expected).max() < 1e-8


@PEER
@pytest.mark.parametrize("rounds", [1, 10, 50])
def test_mace_equals_crowd_kit_where_that_sorts_its_names(rounds):
    # crowd-kit reads its expected counts in the order of names and its parameters in the order of appearance: one order for both here
    item, person, label = made_votes(5, 3)
    by = np.lexsort((item, person))
    first = pd.factorize(label[by])[1]
    label = np.argsort(first)[label]
    expected = theirs(MACE(n_restarts=1, n_iter=rounds), item[by], person[by], label[by])
    start = []
    for columns in (2, 3):
        drawn = np.random.RandomState(0).uniform(0, 1, (12, columns)) * 1.5 + 1
        start.append(drawn / drawn.sum(axis=1, keepdims=True))
    votes = _ballots.ballots(item, person, label)
    assert np.abs(posteriors(votes, _truth.mace(votes, tuple(start), rounds)) - expected).max() < 1e-8


def test_the_published_example():
    observer = [0, 0, 0, 1, 2, 3, 4]
    label = np.array([[int(one) - 1 for one in patient] for patient in ANAESTHETISTS]).ravel()
    votes = _ballots.ballots(np.repeat(np.arange(45), 7), np.tile(observer, 45), label)
    fit = _truth.dawid_skene(votes, 200, 1e-12)
    assert fit.converged
    # Dawid and Skene 1979, table 2: shares of the classes, and the error rates of observer 1
    assert fit.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert fit.error[:4].T.round(2).tolist() == [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_em_never_makes_the_votes_less_likely(seed, labels):
    votes = _ballots.ballots(*made_votes(seed, labels, items=15, people=6))
    for method in (_truth.dawid_skene, _truth.one_coin):
        found = [method(votes, rounds, -np.inf).likelihood for rounds in (1, 2, 3, 8)]
        assert all(b >= a - 1e-7 for a, b in itertools.pairwise(found))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000))
def test_blocks_of_items_change_nothing(seed):
    votes = _ballots.ballots(*made_votes(seed, 3, items=20, people=6))
    whole = _truth.dawid_skene(votes, 5)
    before = _ballots.BLOCK
    _ballots.BLOCK = 9  # three items
    try:
        parts = _truth.dawid_skene(votes, 5)
    finally:
        _ballots.BLOCK = before
    assert np.abs(parts.error - whole.error).max() < 1e-9


def test_the_majority_is_the_majority():
    item, person, label = made_votes(3, 4)
    votes = _ballots.ballots(item, person, label)
    found = posteriors(votes, _truth.majority(votes)).round(9).argmax(axis=1)
    counts = np.zeros((60, 4), np.int64)
    np.add.at(counts, (item, label), 1)
    assert found.tolist() == counts.argmax(axis=1).tolist()


def test_without_self_equals_a_fit_that_never_saw_the_vote():
    votes = _ballots.ballots(*made_votes(8, 3, items=12, people=6))
    fit = _truth.dawid_skene_map(votes)
    error, prior = np.log(fit.used_error), np.log(fit.used_prior)
    best, own = _ballots.without_self(votes, 0, votes.items, error, prior)
    for item in range(votes.items):
        for at in range(votes.start[item], votes.start[item + 1]):
            rest = [one for one in range(votes.start[item], votes.start[item + 1]) if one != at]
            if not rest:
                assert best[at] == -1
                continue
            spoken = error[votes.pair[rest]].sum(axis=0) + prior
            spoken = np.exp(spoken - spoken.max())
            assert best[at] == spoken.argmax()
            assert own[at] == pytest.approx((spoken / spoken.sum())[votes.label[votes.pair[at]]], abs=1e-8)


def test_left_out_votes_are_predicted_as_by_hand():
    votes = _ballots.ballots(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 1]))
    error = np.array([[0.9, 0.2], [0.8, 0.3], [0.1, 0.7]])  # of the three pairs, where label 0 and label 1 is right
    found = _choice.left_out(votes, [(1.0, error)], np.array([0.6, 0.4]))
    whole = 0.6 * 0.9 * 0.8 * 0.1 + 0.4 * 0.2 * 0.3 * 0.7
    rest = [0.6 * 0.8 * 0.1 + 0.4 * 0.3 * 0.7, 0.6 * 0.9 * 0.1 + 0.4 * 0.2 * 0.7, 0.6 * 0.9 * 0.8 + 0.4 * 0.2 * 0.3]
    assert found.tolist() == pytest.approx([-sum(np.log(whole / one) for one in rest)])


@pytest.mark.parametrize("seed", range(3))
def test_crowdlab_equals_cleanlab(seed):
    rng = np.random.default_rng(seed)
    items, people, labels = 200, 15, 4
    truth, skill = rng.integers(0, labels, items), rng.uniform(0.3, 0.95, people)
    table = np.full((items, people), np.nan)
    for item in range(items):
        for person in rng.choice(people, rng.integers(1, 5), replace=False):
            table[item, person] = truth[item] if rng.random() < skill[person] else rng.integers(0, labels)
    probs = rng.dirichlet(np.ones(labels) / 2, items)
    probs[np.arange(items), truth] += 1
    probs /= probs.sum(axis=1, keepdims=True)
    item, person = np.nonzero(~np.isnan(table))
    found = _crowdlab.crowdlab(_ballots.ballots(item, person, table[item, person].astype(int)), probs)
    expected = multiannotator.get_label_quality_multiannotator(
        table, probs, consensus_method="majority_vote", return_weights=True, verbose=False
    )
    assert found.weight == pytest.approx(expected["annotator_weight"], abs=1e-9)
    assert found.model_weight == pytest.approx(expected["model_weight"], abs=1e-9)
    majority = multiannotator.get_majority_vote_label(table, probs, verbose=False)
    agreement = multiannotator._get_annotator_agreement_with_consensus(table, majority)
    posterior, _, _ = multiannotator._get_post_pred_probs_and_weights(
        table, majority, probs, (~np.isnan(table)).sum(axis=1), agreement, verbose=False
    )
    assert np.abs(found.probability - posterior).max() < 1e-8


def test_weighted_means_beat_plain_ones_and_nobody_takes_over():
    rng = np.random.default_rng(2)
    value, scatter = rng.normal(0, 1, 300), np.array([0.1, 0.2, 1.0, 2.0])
    item, person = np.repeat(np.arange(300), 4), np.tile(np.arange(4), 300)
    given_ = value[item] + rng.normal(0, 1, 1200) * scatter[person]
    found = _numbers.weighted(item, person, given_)
    assert np.sqrt(found.variance) == pytest.approx(scatter, rel=0.15, abs=0.05)
    assert np.square(found.value - value).mean() < np.square(given_.reshape(300, 4).mean(axis=1) - value).mean() / 10
    # by the inverse variances that are true, nothing better can be had
    best = (given_.reshape(300, 4) / scatter**2).sum(axis=1) / (1 / scatter**2).sum()
    assert np.square(found.value - value).mean() < 1.1 * np.square(best - value).mean()
    assert np.mean(np.abs(found.value - value) < 1.96 * found.error) == pytest.approx(0.95, abs=0.03)


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("duck", 0.898), ("product", 0.937)])
def test_real_crowds(tmp_path, shared_data, name, least):
    opened = measured.crowd(tmp_path, shared_data, name)
    gold = {row["item"]: row["gold"] for row in measured.table(opened, "vote") if row["source"] == vote.GOLD}
    # plain Dawid-Skene
    seen = [row for row in measured.table(opened, "vote") if row["source"] == vote.HUMAN and row["first"] and not row["several"]]
    item, person, label = (np.array([row[column] for row in seen]) for column in ("item", "annotator", "label"))
    votes = _ballots.ballots(item, person, label)
    codes, truth = np.unique(item), np.array([gold[one] for one in np.unique(item)])
    right = posteriors(votes, _truth.dawid_skene(votes)).argmax(axis=1) == truth
    assert right.mean() >= least
    # the chosen method, chosen without gold, is not below the majority by more than its interval
    methods = {row["method"]: row for row in measured.table(opened, "consensus_method")}
    (used,) = (row for row in methods.values() if row["chosen"])
    assert used["reason"]
    assert used["log_loss"] <= methods["majority"]["log_loss"]
    found = {row["item"]: row for row in measured.table(opened, "consensus")}
    chosen = np.array([found[one]["label_code"] for one in codes]) == truth
    majority = posteriors(votes, _truth.majority(votes)).round(9).argmax(axis=1) == truth
    gain = chosen.astype(float) - majority
    assert gain.mean() + 1.96 * gain.std() / np.sqrt(len(gain)) >= 0
    assert chosen.mean() >= 0.898
    assert all(row["votes"] >= row["label_votes"] and 0 <= row["probability"] <= 1 for row in found.values())


def test_a_model_joins_where_it_knows_every_item(tmp_path):
    item, person, label, truth = planted(4, items=120, people=8, per_item=3)
    probs = np.full((120, 3), 0.05)
    probs[np.arange(120), truth] = 0.9
    model = [{"model": "m", "task": "t", "classes": ["l0", "l1", "l2"]}]
    prediction = [
        {"item_id": f"i{one:05d}", "task": "t", "model": "m", "probs": [float(p) for p in probs[one]]} for one in range(120)
    ]
    opened = measured.of_rows(tmp_path, annotation=rows(item, person, label), model=model, prediction=prediction)
    found = {int(row["item_id"][1:]): row for row in measured.table(opened, "consensus")}
    assert np.mean([found[one]["crowdlab"] == f"l{truth[one]}" for one in range(120)]) > 0.98
    skill = measured.table(opened, "annotator_skill")
    assert all(row["model_n"] == row["votes"] and row["model_low"] < row["model_accuracy"] < row["model_high"] for row in skill)
    (tmp_path / "less").mkdir()
    less = measured.of_rows(tmp_path / "less", annotation=rows(item, person, label), model=model, prediction=prediction[1:])
    assert {row["crowdlab"] for row in measured.table(less, "consensus")} == {None}


def test_numbers_have_a_value_and_single_votes_nothing_to_weigh(tmp_path):
    numbers = [
        {"item_id": str(i), "annotator_id": str(p), "task": "n", "type": "value", "value": float(i + p)}
        for i in range(5) for p in range(3)
    ]  # fmt: skip
    opened = measured.of_rows(tmp_path, annotation=[*numbers, *measured.votes([(i, "a", "cat") for i in range(4)], task="alone")])
    found = measured.table(opened, "consensus")
    assert {row["task"] for row in found} == {"n"}
    assert [row["value"] for row in found] == pytest.approx([1, 2, 3, 4, 5])
    assert {row["label"] for row in found} == {None}
    assert measured.table(opened, "consensus_method") == []
    assert opened.measure("annotator_skill").reason


def test_people_without_an_id_and_contradictions(tmp_path):
    item, person, label, truth = planted(1, items=80, people=10, per_item=4)
    made = rows(item, person, label).to_pylist()
    for row in made:
        if row["annotator_id"] in {"p000", "p001"}:
            row["annotator_id"] = None
    made += [{**made[0], "label": "l0"}, {**made[0], "label": "l1"}]  # two answers of one person are no vote
    found = measured.table(measured.of_rows(tmp_path, annotation=made), "consensus")
    assert len(found) == 80
    assert np.mean([row["label"] == f"l{truth[int(row['item_id'][1:])]}" for row in found]) > 0.9
    codes = {row["annotator"] for row in measured.table(measured.of_rows(tmp_path, annotation=made), "annotator_model")}
    assert -1 in codes


def test_where_everybody_agrees_the_simplest_method_is_used(tmp_path):
    rows_ = measured.votes([(i, p, "cat" if i % 2 else "dog") for i in range(40) for p in "abc"])
    opened = measured.of_rows(tmp_path, annotation=rows_)
    (used,) = (row for row in measured.table(opened, "consensus_method") if row["chosen"])
    assert used["method"] == "majority"
    assert all(row["probability"] > 0.999 and row["entropy"] < 0.01 for row in measured.table(opened, "consensus"))


@pytest.mark.data
@pytest.mark.parametrize("name", ["duck", "product"])
def test_estimated_accuracy_follows_the_true_one(tmp_path, shared_data, name):
    people = [row for row in measured.table(measured.crowd(tmp_path, shared_data, name), "annotator_skill") if row["gold_n"] >= 10]
    assert len(people) == {"duck": 39, "product": 176}[name]
    for column in ("accuracy", "skill"):
        found = stats.spearmanr([row[column] for row in people], [row["gold_accuracy"] for row in people])[0]
        assert found >= 0.8, column
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in people)
