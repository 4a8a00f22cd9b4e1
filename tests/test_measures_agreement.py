"""Agreement, votes and annotators: published values, an independent library, and a count by hand over any data."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import finding, summary
from auditor.formats import long
from auditor.measures import _stats, _tally, _variance, vote
from auditor.stage import Source
from tests import measured

# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011: the example of section C, 4 observers, 12 units, missing answers.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def coefficients(opened):
    return {(row["task"], row["metric"]): row for row in measured.table(opened, "agreement")}


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "alpha", "kappa", "right", "shape"),
    [("duck", 0.1255, 0.1253, 0.7593, (108, 39, 4212)), ("product", 0.1575, 0.1574, 0.8966, (8315, 176, 24945))],
)
def test_crowd(tmp_path, shared_data, name, alpha, kappa, right, shape):
    opened = measured.crowd(tmp_path, shared_data, name)
    found = coefficients(opened)
    nominal = found["label", "alpha_nominal"]
    assert nominal["value"] == pytest.approx(alpha, abs=1e-4)
    assert found["label", "fleiss_kappa"]["value"] == pytest.approx(kappa, abs=1e-4)
    assert nominal["low"] < nominal["value"] < nominal["high"] < nominal["low"] + 0.06
    assert (nominal["items"], nominal["annotators"], nominal["votes"]) == shape
    gold = {row["item"]: row["gold"] for row in measured.table(opened, "vote") if row["source"] == vote.GOLD}
    tops = {row["item"]: row["top_code"] for row in measured.table(opened, "item_vote")}
    assert np.mean([tops[item] == label for item, label in gold.items()]) == pytest.approx(right, abs=1e-4)


@pytest.mark.data
def test_popquorn(tmp_path, shared_data):
    mapping = {"item_id": "instance_id", "annotator_id": "user_id", "value": "offensiveness"}
    source = Source(shared_data / "popquorn" / "offensiveness.csv", "long", mapping)
    found = coefficients(measured.session(tmp_path, lambda stage: long.read(source, stage)))
    complete = {"icc_2", "icc_2k", "icc_3", "icc_3k", "kendall_w"}
    assert {metric for _, metric in found} == complete | {
        "percent", "alpha_ordinal", "alpha_interval", "alpha_ratio", "gwet_ac2", "icc_1", "icc_1k",
    }  # fmt: skip
    # Everybody rated 50 of 1,500 texts: nothing that needs the same people on the same items can be told.
    assert {found["label", metric]["reason"] for metric in complete} == {_variance.NO_BLOCK}
    assert found["label", "alpha_ordinal"]["value"] == pytest.approx(0.2865, abs=1e-4)
    assert found["label", "alpha_interval"]["value"] == pytest.approx(0.2872, abs=1e-4)


@pytest.mark.parametrize(("kind", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(tmp_path, kind, expected):
    answers = [(unit, person, value) for person, row in enumerate(PUBLISHED) for unit, value in enumerate(row) if value is not None]
    if kind == "nominal":
        opened = measured.of_rows(tmp_path, annotation=measured.votes([(u, p, f"label {v}") for u, p, v in answers]))
    else:
        rows = [{"item_id": str(u), "annotator_id": str(p), "type": "value", "value": float(v)} for u, p, v in answers]
        opened = measured.of_rows(tmp_path, annotation=rows)
    row = coefficients(opened)["label", f"alpha_{kind}"]
    assert round(row["value"], 3) == expected
    assert (row["items"], row["items_any"], row["votes"]) == (11, 12, 40)


def test_perfect_agreement_one_label_and_missing_answers(tmp_path):
    rows = [
        *measured.votes([(i, p, "cat" if i else "dog") for i in range(4) for p in "abc"], task="perfect"),
        *measured.votes([(i, p, "cat") for i in range(4) for p in "abc"], task="one label"),
        *measured.votes([(i, p, None if p == "c" else "cat" if i else "dog") for i in range(4) for p in "abc"], task="missing"),
        *measured.votes([(i, "a", "cat" if i else "dog") for i in range(4)], task="alone"),
    ]
    found = coefficients(measured.of_rows(tmp_path, annotation=rows))
    assert found["perfect", "alpha_nominal"]["value"] == found["perfect", "fleiss_kappa"]["value"] == 1
    assert found["one label", "alpha_nominal"]["value"] == found["one label", "gwet_ac1"]["value"] == 1
    assert found["one label", "alpha_nominal"]["low"] is None
    assert "one label" in found["one label", "alpha_nominal"]["reason"]
    assert found["one label", "percent"]["value"] == 1
    assert found["missing", "alpha_nominal"]["value"] == 1
    assert found["missing", "alpha_nominal"]["votes"] == 8
    assert found["alone", "alpha_nominal"]["value"] is None
    assert found["alone", "alpha_nominal"]["items"] == 0


def by_hand(rows):
    """What `vote.judge` says, in plain Python; rows of (item, task, source, annotator or -1, label), all numbers."""
    people, gold = defaultdict(lambda: defaultdict(list)), defaultdict(set)
    for n, (item, task, source, who, label) in enumerate(rows):
        if source == vote.GOLD:
            gold[item, task].add(label)
        elif source == vote.HUMAN:
            people[item, task][who if who >= 0 else f"unknown {n}"].append((n, label))
    found = []
    for n, (item, task, source, who, label) in enumerate(rows):
        place = item, task
        single = {one: said[0][1] for one, said in people[place].items() if len({label for _, label in said}) == 1}
        first = several = repeat = False
        others = -1
        if source == vote.HUMAN:
            me = who if who >= 0 else f"unknown {n}"
            said = people[place][me]
            several = me not in single
            repeat = any(m < n and other == label for m, other in said)
            first = n == min(m for m, other in said if other == min(other for _, other in said)) if several else n == said[0][0]
            mine = single.pop(me, None) is not None and first
        else:
            mine = True
        best = Counter(single.values()).most_common(2)
        if mine and best and (len(best) == 1 or best[0][1] > best[1][1]):
            others = best[0][0]
        truth = gold[place]
        found.append((first, several, repeat, others, min(truth) if len(truth) == 1 else -1))
    return found


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([0, 0, 0, 1, 4]), st.integers(-1, 3), st.integers(0, 2)),
        min_size=1, max_size=40,
    ).map(lambda rows: sorted(rows, key=lambda row: row[0]))
)  # fmt: skip
def test_votes_equal_a_count_by_hand(rows):
    got = vote.judge(*(np.array(column) for column in zip(*rows, strict=True)))
    assert list(zip(*(got[name].tolist() for name in ("first", "several", "repeat", "others", "gold")), strict=True)) == by_hand(
        rows
    )


def test_votes_and_their_counts_of_a_whole_source(tmp_path):
    rng = np.random.default_rng(11)
    rows = [
        (f"{rng.integers(60):02d}", "tu"[rng.integers(2)], "human" if rng.random() < 0.9 else "gold", "abcdef"[rng.integers(6)], "xyz"[rng.integers(3)])
        for _ in range(600)
    ]  # fmt: skip
    names = ("item_id", "task", "source", "annotator_id", "label")
    annotation = [dict(zip(names, row, strict=True), annotation_id=f"{n:03d}", type="class") for n, row in enumerate(rows)]
    opened = measured.of_rows(tmp_path, annotation=annotation)
    got = measured.table(opened, "vote")
    code = {(row["kind"], row["code"]): row["text"] for row in measured.table(opened, "vote_code")}
    items = {row["item"]: row["item_id"] for row in measured.table(opened, "vote_item")}
    stored = sorted(range(600), key=lambda n: (rows[n][0], n))
    for n, row in zip(stored, got, strict=True):
        told = items[row["item"]], code["task", row["task"]], vote.SOURCES[row["source"]], code["annotator", row["annotator"]]
        assert (*told, code["label", row["label"]]) == rows[n]
    people = defaultdict(lambda: defaultdict(set))
    for item, task, source, who, label in rows:
        if source == "human":
            people[item, task][who].add(label)
    counted = {(row["item_id"], row["task"]): row for row in measured.table(opened, "item_vote")}
    assert counted.keys() == people.keys()
    for place, row in counted.items():
        labels = Counter(min(said) for said in people[place].values() if len(said) == 1)
        assert (row["annotators"], row["votes"], row["labels"]) == (len(people[place]), labels.total(), len(labels))
        if labels:
            most = max(labels.values())
            assert row["top"] == min(label for label in labels if labels[label] == most)
            assert row["tie"] == (list(labels.values()).count(most) > 1)
            assert row["top_share"] == pytest.approx(most / labels.total())
            shares = np.array(list(labels.values())) / labels.total()
            assert row["entropy"] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-9)


def test_batches_cut_anywhere_give_the_same_votes(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    rows = measured.votes([(f"{i:03d}", p, str(rng.integers(3))) for i in range(150) for p in range(int(rng.integers(1, 6)))])
    whole = measured.table(measured.of_rows(tmp_path / "a", annotation=rows), "vote")
    monkeypatch.setattr(vote, "BATCH", 7)
    assert measured.table(measured.of_rows(tmp_path / "b", annotation=rows), "vote") == whole


def test_order_falls_back_where_keys_do_not_fit_one_number():
    rng = np.random.default_rng(0)
    keys = [rng.integers(0, 1 << 40, 200), rng.integers(0, 3, 200), rng.integers(0, 1 << 40, 200)]
    keys[0][:100] = keys[0][0]
    assert _tally.order(*keys).tolist() == np.lexsort(keys[::-1]).tolist()


def test_confusion_is_every_pair_of_people(tmp_path):
    rng = np.random.default_rng(5)
    rows = [(i, p, ["cat", "dog", "cow"][rng.integers(3)]) for i in range(30) for p in range(4)]
    opened = measured.of_rows(tmp_path, annotation=[*measured.votes(rows), *measured.votes([(0, "gold", "cat")], source="gold")])
    expected = Counter()
    for item in range(30):
        for one, other in combinations([label for i, _, label in rows if i == item], 2):
            if one != other:
                expected[tuple(sorted((one, other)))] += 1
    got = [row for row in measured.table(opened, "confusion") if row["kind"] == "annotators"]
    assert {(row["label_a"], row["label_b"]): row["pairs"] for row in got} == expected
    assert sum(row["share"] for row in got) == pytest.approx(1)
    gold = {(row["label_a"], row["label_b"]): row["pairs"] for row in measured.table(opened, "confusion") if row["kind"] == "gold"}
    assert gold == {(label, "cat"): n for label, n in Counter(label for i, _, label in rows if i == 0).items() if label != "cat"}


def test_annotators_are_summed_up(tmp_path):
    rows = [(f"{i:02d}", p, "cat" if i % 2 else "dog") for i in range(40) for p in "abcd"]
    rows += [(f"{i:02d}", "e", "cat") for i in range(40)]
    annotation = measured.votes(rows, seconds=10.0)
    for row in annotation:
        row["seconds"] = 1.0 if row["annotator_id"] == "e" else 9.0 + ord(row["annotator_id"]) % 4
    annotation += measured.votes([(f"{i:02d}", None, "dog") for i in range(10)], source="gold")
    opened = measured.of_rows(tmp_path, annotation=annotation)
    people = {row["annotator_id"]: row for row in measured.table(opened, "annotator_summary")}
    last = people["e"]
    assert (last["compared"], last["agreed"], last["gold_compared"], last["gold_agreed"]) == (40, 20, 10, 0)
    # Wilson interval of 20 of 40, from the formula's closed form: centre 0.5, half width 0.1480
    assert (round(last["agreement_low"], 4), round(last["agreement_high"], 4)) == (0.3520, 0.6480)
    assert (last["slip_given"], last["slip_others"], last["slip_votes"]) == ("cat", "dog", 20)
    assert (last["longest_run"], last["run_label"], last["entropy"]) == (40, "cat", 0.0)
    assert last["run_chance"] == pytest.approx(0.5**40)
    assert people["a"]["longest_run"] is None
    assert people["a"]["agreement"] == 1
    assert people["a"]["entropy"] == pytest.approx(1)
    assert last["median_seconds"] == 1
    assert [row["annotator_id"] for row in measured.findings(opened, "outlier/too_fast")] == ["e"]
    assert [row["annotator_id"] for row in measured.findings(opened, "outlier/low_agreement")] == ["e"]
    shift = {(row["annotator_id"], row["label"]): row for row in measured.table(opened, "annotator_label")}
    assert shift["e", "cat"]["shift"] == pytest.approx(0.5)
    assert shift["e", "dog"]["shift"] == pytest.approx(-0.5)
    assert shift["a", "cat"]["shift"] == 0
    assert [(row["annotator_id"], row["label"]) for row in measured.findings(opened, "bias/annotator_label_shift")] == [
        ("e", "cat")
    ]


def test_runs_follow_time(tmp_path):
    import datetime as dt

    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001  # tables hold UTC without a zone
    labels = ["cat", "dog"] * 5 + ["cow"] * 6 + ["dog", "cat"]
    rows = [
        {
            "item_id": f"{(n * 7) % 18:02d}",
            "annotator_id": "a",
            "type": "class",
            "label": label,
            "created_at": start + dt.timedelta(minutes=n),
        }
        for n, label in enumerate(labels)
    ]
    opened = measured.of_rows(tmp_path, annotation=[*rows, *measured.votes([(i, "b", "cat") for i in range(3)])])
    runs = {row["annotator"]: row for row in measured.table(opened, "annotator_run")}
    code = {row["code"]: row["text"] for row in measured.table(opened, "vote_code") if row["kind"] == "label"}
    assert (runs[0]["votes"], runs[0]["run"], code[runs[0]["label"]]) == (18, 6, "cow")


def test_a_source_without_classes_has_no_votes(tmp_path):
    box = {"item_id": "a", "type": "box", "annotator_id": "p", "label": "cat", "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0}
    opened = measured.of_rows(tmp_path, annotation=[box])
    assert measured.table(opened, "vote") == []
    for name in ("item_vote", "agreement", "confusion", "annotator_summary", "annotator_label"):
        assert opened.measure(name).reason == "no annotation is a class or a number", name


def test_wilson_and_benjamini_hochberg_match_published_values():
    # Newcombe, Statistics in Medicine 17, 1998, table I: 15 of 148, and 0 of 20
    low, high = _stats.wilson(np.array([15.0, 0.0]), np.array([148.0, 20.0]))
    assert low.round(4).tolist() == [0.0624, 0.0]
    assert high.round(4).tolist() == [0.1605, 0.1611]
    # Benjamini and Hochberg 1995, section 4.2: 15 p values, of which the procedure rejects 4 at 0.05
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (_stats.benjamini_hochberg(np.array(p)) <= 0.05).sum() == 4


@pytest.mark.parametrize(("items", "told"), [(2, False), (9, False), (10, True)])
def test_few_items_have_a_coefficient_and_no_interval(tmp_path, items, told):
    rows = measured.votes([(i, p, "cat" if (i + (p == "b" and i == 0)) % 2 else "dog") for i in range(items) for p in "ab"])
    opened = measured.of_rows(tmp_path, annotation=rows)
    row = coefficients(opened)["label", "alpha_nominal"]
    assert row["value"] is not None
    assert (row["low"] is not None, row["high"] is not None, row["reason"] is None) == (told, told, told)
    assert told or row["reason"] == "no interval from fewer than 10 items with two votes"
    con = duckdb.connect()
    finding.create(con)
    assert bool(summary.summarise(opened, con, {"agreement": None}).agreement) == told
