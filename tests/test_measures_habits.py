"""Habits of annotators and of groups: runs, slips, labels given what a model sees; against brute force and SciPy."""

from __future__ import annotations

import csv
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.formats import long
from auditor.measures import annotator_run, annotator_slip
from auditor.stage import Source
from tests import measured

VOTES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2), st.integers(0, 5)), max_size=40
)


@given(votes=VOTES, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_longest_runs_equal_brute_force_wherever_batches_are_cut(votes, cuts):
    votes = sorted(votes, key=lambda vote: (vote[0], vote[1], vote[4]))
    expected = {}
    for person, mine in groupby(votes, key=lambda vote: vote[:2]):
        own = list(mine)
        runs = []
        for label, same in groupby(own, key=lambda vote: vote[2]):
            run = list(same)
            runs.append((-len(run), label, sum(vote[3] >= 0 for vote in run), sum(vote[3] == vote[2] for vote in run)))
        best = min(runs)
        expected[person] = (len(own), len({vote[4] for vote in own}), -best[0], *best[1:])
    edges = sorted({0, len(votes), *(cut for cut in cuts if cut <= len(votes))})
    batches = [tuple(np.array([vote[n] for vote in votes[a:b]], np.int64) for n in range(5)) for a, b in pairwise(edges)]
    found = annotator_run.longest(batches)
    rows = zip(
        *(found[name].tolist() for name in ("task_code", "annotator", "votes", "times", "run", "label", "compared", "agreed")),
        strict=True,
    )
    assert {row[:2]: row[2:] for row in rows} == expected


def test_a_run_that_the_others_share_is_no_straight_line(tmp_path):
    import datetime as dt

    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001  # tables hold UTC without a zone
    labels = ["cat", "dog"] * 20 + ["dog"] * 30 + ["cat", "dog"] * 20

    def answers(who, said):
        return [
            {
                "item_id": f"{n:03}",
                "annotator_id": who,
                "type": "class",
                "label": label,
                "created_at": start + dt.timedelta(minutes=n),
            }
            for n, label in enumerate(said)
        ]

    sorted_items = [answers(who, labels) for who in "abcd"]
    opened = measured.of_rows(tmp_path / "sorted", annotation=[row for rows in sorted_items for row in rows])
    assert measured.findings(opened, "outlier/straight_line") == []
    mixed = ["cat", "dog"] * 55
    pressing = mixed[:40] + ["cat"] * 30 + mixed[70:]
    opened = measured.of_rows(
        tmp_path / "pressing", annotation=[row for who in "abcd" for row in answers(who, mixed)] + answers("e", pressing)
    )
    found = measured.findings(opened, "outlier/straight_line")
    assert [(row["annotator_id"], row["label"]) for row in found] == [("e", "cat")]
    assert found[0]["run_agreement"] == pytest.approx(0.5, abs=0.05)


def test_the_slip_test_is_the_pooled_score_test():
    rng = np.random.default_rng(3)
    n, peer_n = rng.integers(5, 300, 50).astype(float), rng.integers(5, 3000, 50).astype(float)
    x, peer_x = np.floor(n * rng.random(50)), np.floor(peer_n * rng.random(50))
    for row in zip(annotator_slip.higher(x, n, peer_x, peer_n), x, n, peer_x, peer_n, strict=True):
        p, a, b, c, d = row
        # the two-sided chi-squared test of the 2 x 2 table without correction is the square of the same z
        chi = stats.chi2_contingency([[a, b - a], [c, d - c]], correction=False).pvalue if 0 < a + c < b + d else np.nan
        expected = chi / 2 if a / b > c / d else 1 - chi / 2
        assert p == pytest.approx(expected, nan_ok=True)


def test_a_habit_is_found_and_chance_is_not(tmp_path):
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 3, 400)

    def votes(biased):
        rows = []
        for who in range(12):
            for item, label in enumerate(truth):
                slip = label == 2 and who == 5 and biased and rng.random() < 0.4
                rows.append((item, f"p{who}", str(0 if slip else rng.integers(0, 3) if rng.random() < 0.1 else label)))
        return measured.votes(rows)

    found = measured.findings(measured.of_rows(tmp_path / "habit", annotation=votes(biased=True)), "bias/annotator_confusion")
    assert [(row["annotator_id"], row["label"], row["truth"]) for row in found] == [("p5", "0", "2")]
    assert (
        measured.findings(measured.of_rows(tmp_path / "chance", annotation=votes(biased=False)), "bias/annotator_confusion") == []
    )


@pytest.mark.data
@pytest.mark.parametrize(("name", "people"), [("product", 16), ("duck", 9)])
def test_the_habits_of_a_crowd_are_errors_against_the_truth_too(name, people, shared_data, tmp_path):
    """The check sees only the other answers; against the true labels everyone it names errs the same way, far more than the crowd."""
    folder = shared_data / "crowd" / name
    source = Source(folder / "answer.csv", "long", {"item_id": "question", "annotator_id": "worker", "label": "answer"})
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    found = measured.findings(opened, "bias/annotator_confusion")
    assert len(found) == people
    with (folder / "truth.csv").open() as stream:
        truth = {row["question"]: row["truth"] for row in csv.DictReader(stream)}
    with (folder / "answer.csv").open() as stream:
        answers = [(row["worker"], truth[row["question"]], row["answer"]) for row in csv.DictReader(stream)]
    for row in found:
        own = [given == row["label"] for who, true, given in answers if who == row["annotator_id"] and true == row["truth"]]
        rest = [given == row["label"] for who, true, given in answers if who != row["annotator_id"] and true == row["truth"]]
        assert np.mean(own) > np.mean(rest) + 0.15, row


def scanned(tmp_path, camera_rate, seed):
    """400 items, a quarter from a camera; a model sees the truth; people call the camera's eights threes at some rate."""
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    classes = ["3", "8"]
    truth = rng.integers(0, 2, 400)
    camera = np.arange(400) % 4 == 0
    wrong = np.where(camera & (truth == 1), camera_rate, 0.03)
    labels = [classes[1 - t] if rng.random() < w else classes[t] for t, w in zip(truth, wrong, strict=True)]
    item = pa.table({
        "item_id": [str(n) for n in range(400)],
        "attributes": pa.array([[("scanner", "camera" if one else "flatbed")] for one in camera], pa.map_(pa.string(), pa.string())),
    })  # fmt: skip
    probs = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
    prediction = pa.table({
        "item_id": [str(n) for n in range(400)], "task": ["label"] * 400, "model": ["m"] * 400,
        "probs": pa.array(probs.tolist(), pa.list_(pa.float32())),
    })  # fmt: skip
    model = pa.table({"model": ["m"], "task": ["label"], "classes": [classes]})
    annotation = measured.votes([(n, "p", label) for n, label in enumerate(labels)])
    return measured.of_rows(tmp_path, annotation=annotation, item=item, prediction=prediction, model=model), labels, truth, camera


def test_a_scanner_whose_eights_are_threes(tmp_path):
    opened, labels, truth, camera = scanned(tmp_path, 0.4, 1)
    found = measured.findings(opened, "bias/label_by_group_given_prediction")
    assert [(row["value"], row["predicted"], row["label"]) for row in found] == [("camera", "8", "3")]
    row = found[0]
    mine = [label == "3" for label, t, c in zip(labels, truth, camera, strict=True) if t == 1 and c]
    rest = [label == "3" for label, t, c in zip(labels, truth, camera, strict=True) if t == 1 and not c]
    assert (row["n"], row["x"]) == (len(mine), sum(mine))
    # one annotation per item: the clustered variance is that of independent shares, and the test is Welch's
    welch = stats.ttest_ind(mine, rest, equal_var=False)
    rows = {(r["value"], r["predicted"], r["label"]): r for r in measured.table(opened, "group_difference")}
    assert rows["camera", "8", "3"]["p"] == pytest.approx(welch.pvalue)


def test_no_group_differs_by_chance(tmp_path):
    alarms = sum(
        len(measured.findings(scanned(tmp_path / str(seed), 0.03, seed)[0], "bias/label_by_group_given_prediction"))
        for seed in range(20)
    )
    assert alarms == 0
