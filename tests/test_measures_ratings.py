"""Numbers given by people: shifts and correlations against a count by hand, false alarms, and real ratings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auditor.formats import long
from auditor.stage import Source
from tests import measured


def ratings(matrix):
    """Rows from a matrix of people x items; NaN is a missing answer."""
    return [
        {"item_id": f"i{item:03}", "annotator_id": f"p{person:03}", "type": "value", "value": float(value)}
        for person, row in enumerate(matrix)
        for item, value in enumerate(row)
        if not np.isnan(value)
    ]


def test_shift_correlation_and_spread_are_those_counted_by_hand(tmp_path):
    rng = np.random.default_rng(2)
    matrix = rng.normal(3, 1, 60) + rng.normal(0, 0.7, (9, 60)) + rng.normal(0, 0.3, (9, 1))
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    matrix[:, 0] = np.nan
    matrix[0, 0] = 3.0  # an item with one number is compared with nobody's
    opened = measured.of_rows(tmp_path, annotation=ratings(matrix))
    rows = measured.table(opened, "annotator_rating")
    assert len(rows) == 9
    for person, row in enumerate(rows):
        others = np.array([np.nanmean(np.delete(matrix[:, item], person)) if item else np.nan for item in range(60)])
        used = ~np.isnan(matrix[person]) & ~np.isnan(others)
        given, other = matrix[person][used], others[used]
        assert row["compared"] == used.sum()
        assert row["shift"] == pytest.approx(np.mean(given - other), abs=1e-8)
        interval = stats.ttest_1samp(given - other, 0).confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), abs=1e-7)
        assert row["distance"] == pytest.approx(np.mean(np.abs(given - other)), abs=1e-8)
        found = stats.pearsonr(given, other)
        assert row["correlation"] == pytest.approx(found.statistic, abs=1e-8)
        bounds = found.confidence_interval()
        assert (row["correlation_low"], row["correlation_high"]) == pytest.approx((bounds.low, bounds.high), abs=1e-7)
        assert row["p"] == pytest.approx(stats.ttest_1samp(given - other, row["peer_shift"]).pvalue, rel=1e-5)
    items = {row["item_id"]: row for row in measured.table(opened, "item_rating")}
    assert "i000" not in items
    assert items["i001"]["deviation"] == pytest.approx(np.nanstd(matrix[:, 1], ddof=1), abs=1e-8)
    pooled = np.nansum((matrix[:, 1:] - np.nanmean(matrix[:, 1:], axis=0)) ** 2) / np.sum(
        (~np.isnan(matrix[:, 1:])).sum(axis=0) - 1
    )
    assert items["i001"]["usual"] == pytest.approx(np.sqrt(pooled), abs=1e-7)


def test_the_strict_the_guesser_and_the_torn_item_are_named(tmp_path):
    rng = np.random.default_rng(5)
    truth = rng.integers(1, 6, 80)
    matrix = np.clip(np.rint(truth + rng.normal(0, 0.6, (30, 80))), 1, 5)
    matrix[3] = np.clip(np.rint(truth - 2 + rng.normal(0, 0.6, 80)), 1, 5)
    matrix[7] = rng.integers(1, 6, 80)
    matrix[:, 11] = np.where(np.arange(30) % 2, 1, 5)
    opened = measured.of_rows(tmp_path, annotation=ratings(matrix))
    assert [row["annotator_id"] for row in measured.findings(opened, "bias/annotator_severity")] == ["p003"]
    assert [row["annotator_id"] for row in measured.findings(opened, "outlier/low_rating_agreement")] == ["p007"]
    assert [row["item_id"] for row in measured.findings(opened, "outlier/rating_dispersion")] == ["i011"]


def test_people_who_vary_as_people_do_are_left_alone(tmp_path):
    rng = np.random.default_rng(6)
    matrix = np.clip(np.rint(rng.normal(3, 1, 60) + rng.normal(0, 0.8, (60, 60)) + rng.normal(0, 0.5, (60, 1))), 1, 5)
    opened = measured.of_rows(tmp_path, annotation=ratings(matrix))
    for check in ("bias/annotator_severity", "outlier/low_rating_agreement", "outlier/rating_dispersion"):
        assert measured.findings(opened, check) == [], check


def test_people_who_all_say_the_same(tmp_path):
    matrix = np.tile(np.arange(30) % 5 + 1.0, (5, 1))
    opened = measured.of_rows(tmp_path, annotation=ratings(matrix))
    assert measured.findings(opened, "bias/annotator_severity") == []
    assert measured.findings(opened, "outlier/rating_dispersion") == []
    matrix[4] += 1
    shifted = measured.of_rows(tmp_path / "shifted", annotation=ratings(matrix))
    assert [row["annotator_id"] for row in measured.findings(shifted, "bias/annotator_severity")] == ["p004"]


def test_labels_are_no_numbers(tmp_path):
    opened = measured.of_rows(tmp_path, annotation=measured.votes([(i, p, "cat") for i in range(9) for p in "abc"]))
    assert measured.asked(opened, "bias/annotator_severity")[0].outcome == "skipped"


@pytest.mark.data
def test_popquorn(tmp_path, shared_data):
    mapping = {"item_id": "instance_id", "annotator_id": "user_id", "value": "offensiveness"}
    source = Source(shared_data / "popquorn" / "offensiveness.csv", "long", mapping)
    opened = measured.session(tmp_path, lambda stage: long.read(source, stage))
    assert measured.findings(opened, "bias/annotator_severity") == []
    assert measured.findings(opened, "outlier/rating_dispersion") == []
    # Four of 262 people rate as if they had not read: no correlation with anybody, where the median person has 0.57.
    found = measured.findings(opened, "outlier/low_rating_agreement")
    assert len(found) == 4
    assert all(row["correlation"] < 0.01 and row["n"] >= 40 for row in found)
