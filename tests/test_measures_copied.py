"""Copied answers: the measure against its definition in plain Python, its tail against exact sums, copiers found, others left alone."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.formats import long
from auditor.measures import _disputes, _pairs, annotator_pair
from auditor.stage import Source
from tests import copied, measured

CHECK = "bias/copied_answers"


# Worlds of people who answer.


def world(rng, *, people=8, items=150, votes=3, labels=4, gold=0.0, error=(0.05, 0.3), hard=0.0, unknown=0.0, copies=None):
    """Votes (item, annotator, label) and gold: hard items and lookalike labels draw everybody to one wrong answer."""
    slip = rng.uniform(*error, people)
    rows, truth = [], {}
    for n in range(items):
        item, right = f"i{n:04}", int(rng.integers(labels))
        who = rng.choice(people, votes, replace=False)
        if copies and rng.random() < 0.4:
            who[:2] = 0, 1
            who[2:] = rng.choice(np.arange(2, people), votes - 2, replace=False)
        more = 4.0 if rng.random() < hard else 1.0
        said = {}
        for person in who:
            like = (right + 1) % labels
            other = like if rng.random() < 0.5 else int((right + rng.integers(1, labels)) % labels)
            said[person] = other if rng.random() < min(0.8, slip[person] * more) else right
        if copies and {0, 1} <= said.keys() and rng.random() < copies:
            said[1] = said[0]
        rows += [
            (item, None if rng.random() < unknown else f"p{person:02}", "abcdefghijkl"[label]) for person, label in said.items()
        ]
        if rng.random() < gold:
            truth[item] = "abcdefghijkl"[right]
    return rows, truth


def annotations(rows, gold=(), task="label"):
    gold = dict(gold)
    return measured.votes(rows, task) + measured.votes([(item, None, label) for item, label in gold.items()], task, source="gold")


def known(rows):
    """Votes without an annotator have no annotator_id, rather than the text None."""
    return [{**row, "annotator_id": None if row["annotator_id"] == "None" else row["annotator_id"]} for row in rows]


def pairs_of(folder, rows, gold):
    opened = measured.of_rows(folder, annotation=known(annotations(rows, gold)))
    if opened.measure("annotator_pair") is not None:
        return {}  # nobody is known
    table = measured.table(opened, "annotator_pair")
    return {tuple(sorted((row["annotator_id"], row["other_annotator"]))): row for row in table}


WORLDS = {
    "three votes": {},
    "some gold": {"gold": 0.4, "hard": 0.2},
    "two votes and gold": {"votes": 2, "gold": 1.0, "error": (0.2, 0.5)},
    "five votes, unknown people": {"votes": 5, "unknown": 0.1, "people": 9, "items": 80},
    "two labels": {"labels": 2, "votes": 4, "items": 100},
    "poor people": {"error": (0.3, 0.8), "gold": 0.2, "votes": 4, "items": 120},
    "a copier": {"copies": 1.0, "items": 200},
    "a copier among four": {"copies": 0.95, "items": 160, "votes": 4, "gold": 0.1},
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_measure_follows_its_definition(name, tmp_path, monkeypatch):
    rows, gold = world(np.random.default_rng(5), **WORLDS[name])
    items = defaultdict(list)
    for item, who, label in rows:
        items[item].append((who, label))
    expected, silent, apart = copied.by_definition(items, gold)
    assert expected
    assert bool(apart) == ("copier" in name)
    assert bool(silent) == (name == "poor people")
    monkeypatch.setattr(_disputes, "_CELLS", 200)  # many blocks
    monkeypatch.setattr(_pairs, "_ROWS", 50)
    got = pairs_of(tmp_path, rows, gold)
    assert got.keys() == expected.keys()
    for pair, (against, same, mean, share, p, q) in expected.items():
        row = got[pair]
        assert (row["against"], row["same"]) == (against, same)
        assert row["expected"] == pytest.approx(mean, rel=1e-6)
        assert row["copied"] == pytest.approx(share, abs=1e-6)
        assert (row["p"], row["q"]) == (pytest.approx(p, rel=1e-6), pytest.approx(q, rel=1e-6))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=40), st.integers(1, 40))
def test_the_tail_is_never_below_the_exact_one(chances, same):
    exact = np.ones(1)
    for p in chances:
        exact = np.convolve(exact, [1 - p, p])
    same = min(same, len(chances))
    one = _pairs.Sums(*(np.array([number]) for number in (0, len(chances), sum(chances), 0, same, 0, 0)))
    p = float(_pairs.excess(one, one).p[0])
    assert p >= min(1.0, exact[same:].sum()) * (1 - 1e-9)


def test_sums_are_the_same_by_sorting_as_by_counting(monkeypatch):
    rng = np.random.default_rng(3)
    parts = [_pairs.Sums(rng.integers(0, 30, 40), *(rng.random(40) for _ in range(6))) for _ in range(3)]
    dense = _pairs.summed(parts, 30)
    monkeypatch.setattr(_pairs, "_DENSE", 1)
    assert all(np.allclose(getattr(dense, name), getattr(_pairs.summed(parts, 30), name)) for name in dense.__dataclass_fields__)


# What it finds, and what it leaves alone.


def test_independent_people_are_left_alone(tmp_path):
    """Thirty worlds as tasks of one dataset: hard items, lookalike labels, gold or none, poor people, and some who say one thing."""
    rng = np.random.default_rng(11)
    annotation = []
    for n in range(30):
        rows, gold = world(
            rng, people=int(rng.integers(4, 16)), items=600, votes=int(rng.integers(3, 5)), labels=int(rng.integers(2, 8)),
            gold=float(rng.choice([0.0, 0.0, 0.2, 1.0])), error=(0.02, 0.25), hard=float(rng.choice([0.0, 0.15])),
        )  # fmt: skip
        people = sorted({who for _, who, _ in rows})
        stuck = set(people[-(len(people) // 4) :]) if n % 2 else set()  # always the same label
        annotation += annotations([(item, who, "a" if who in stuck else label) for item, who, label in rows], gold, f"t{n:02}")
    opened = measured.of_rows(tmp_path, annotation=annotation)
    table = measured.table(opened, "annotator_pair")
    assert len({row["task"] for row in table}) >= 25
    # What Benjamini and Hochberg promise where nobody copies: at a level of 5 %, a pair in at most 5 % of the worlds.
    assert len({row["task"] for row in table if row["q"] <= 0.05}) <= 0.05 * 30
    assert measured.findings(opened, CHECK) == []


@pytest.mark.parametrize("gold", [0.0, 0.2])
@pytest.mark.parametrize("labels", [2, 6])
def test_a_copier_is_found_and_nobody_else(tmp_path, gold, labels):
    rows, truth = world(
        np.random.default_rng(labels), people=10, items=1200, labels=labels, gold=gold, error=(0.05, 0.12), hard=0.1, copies=1.0
    )
    found = measured.findings(measured.of_rows(tmp_path, annotation=annotations(rows, truth)), CHECK)
    assert [(row["annotator_id"], row["other_annotator"]) for row in found] == [("p00", "p01")]
    assert found[0]["copied"] > 0.9


def test_who_always_says_the_same_does_not_copy(tmp_path):
    rng = np.random.default_rng(2)
    rows, gold = world(rng, people=9, items=500, votes=4, gold=0.3)
    rows = [(item, who, "a" if who in {"p00", "p01"} else label) for item, who, label in rows]
    pairs = pairs_of(tmp_path, rows, gold)
    assert ("p00", "p01") not in pairs or pairs["p00", "p01"]["q"] > 0.5


def test_who_gives_the_same_answers_by_chance_does(tmp_path):
    rng = np.random.default_rng(2)
    rows, gold = world(rng, people=9, items=600, votes=4, gold=0.3)
    chance = {item: "abcd"[rng.integers(4)] for item, _, _ in rows}
    rows = [(item, who, chance[item] if who in {"p00", "p01"} else label) for item, who, label in rows]
    found = measured.findings(measured.of_rows(tmp_path, annotation=annotations(rows, gold)), CHECK)
    assert [(row["annotator_id"], row["other_annotator"]) for row in found] == [("p00", "p01")]


def test_the_later_one_is_named(tmp_path):
    rows, gold = world(np.random.default_rng(4), people=8, items=800, error=(0.08, 0.1), copies=1.0)
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001  # the table's times are UTC without saying so
    annotation = annotations(rows, gold)
    for n, row in enumerate(annotation):
        # The second person looks 20 s after the first, but on every tenth item answers an hour before.
        item = int(row["item_id"][1:])
        after = {"p00": 0, "p01": 20 if item % 10 else -3600}.get(row["annotator_id"], n * 7919 % 100_000)
        row["created_at"] = start + dt.timedelta(seconds=item * 10_000 + after)
    found = measured.findings(measured.of_rows(tmp_path, annotation=annotation), CHECK)
    assert [(row["annotator_id"], row["other_annotator"]) for row in found] == [("p01", "p00")]
    row = found[0]
    assert row["timed"] == row["same"] > row["later"] == row["soon"] > 0.8 * row["same"]
    assert f"later than the other on {row['later']} of {row['timed']}, within a minute on {row['soon']}" in row["message"]


def test_large_data_are_sampled_and_crowded_items_left_out(tmp_path, monkeypatch):
    rows, gold = world(np.random.default_rng(6), people=8, items=2000, error=(0.08, 0.1), copies=1.0)
    monkeypatch.setattr(annotator_pair, "MOST_PAIRS", 6000)
    sampled = measured.findings(measured.of_rows(tmp_path / "a", annotation=annotations(rows, gold)), CHECK)
    assert [(row["annotator_id"], row["other_annotator"]) for row in sampled] == [("p00", "p01")]
    monkeypatch.setattr(_disputes, "MOST_VOTES", 2)
    assert measured.table(measured.of_rows(tmp_path / "b", annotation=annotations(rows, gold)), "annotator_pair") == []


def test_texts_are_no_classes(tmp_path, monkeypatch):
    rows, gold = world(np.random.default_rng(6), people=8, items=300, copies=1.0)
    monkeypatch.setattr(annotator_pair, "MOST_LABELS", 3)
    assert pairs_of(tmp_path, rows, gold) == {}


@pytest.mark.parametrize(
    "rows",
    [
        [("i", "p", "a")],
        [("i", None, "a"), ("i", None, "b"), ("j", None, "a")],
        [("i", "p", "a"), ("i", "q", "b")],
        [("i", "p", "1"), ("i", "q", "1"), ("j", "p", "1")],
    ],
)
def test_nothing_to_compare(tmp_path, rows):
    assert pairs_of(tmp_path, rows, {}) == {}


@pytest.mark.data
@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize("name", ["duck", "product"])
def test_real_crowds_are_quiet(tmp_path, shared_data, name, gold):
    folder = shared_data / "crowd" / name
    mapping = {"item_id": "question", "annotator_id": "worker", "label": "answer"}
    source = Source(folder / "answer.csv", "long", mapping, gold=folder / "truth.csv" if gold else None)
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    assert measured.findings(opened, CHECK) == []
    # The likeliest pair of the 500 to 741 is not likely.
    assert min(row["q"] for row in measured.table(opened, "annotator_pair")) > 0.5


@pytest.mark.data
def test_opinions_that_agree_are_no_copies(tmp_path, shared_data):
    mapping = {"item_id": "instance_id", "annotator_id": "user_id", "label": "offensiveness"}
    source = Source(shared_data / "popquorn" / "offensiveness.csv", "long", mapping)
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    assert min(row["q"] for row in measured.table(opened, "annotator_pair")) > 0.5
