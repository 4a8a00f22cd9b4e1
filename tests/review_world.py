"""Votes in which one person slips and one has answered little, with texts, times and hostile values."""

from __future__ import annotations

import csv
import datetime as dt
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("cat", "dog", "fox")
SLIPPING, NEW = "w4", "new1"


def votes(path: Path, *, items: int = 120, hostile: str = "") -> Path:
    """Six people label every item, w4 says cat for fox and half as quickly; new1 has seven answers.

    Args:
        path: where to write.
        items: how many.
        hostile: put before every text, label and id.
    """
    rng = random.Random(3)
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["item_id", "annotator_id", "label", "seconds", "created_at", "text"])
        for nth in range(items):
            true = LABELS[nth % 3]
            for who, skill in enumerate((0.95, 0.9, 0.85, 0.9, 0.8, 0.92)):
                other = rng.choice([label for label in LABELS if label != true])
                label = true if rng.random() < skill else other
                if who == 4 and true == "fox" and rng.random() < 0.5:
                    label = "cat"
                at += dt.timedelta(seconds=rng.randint(4, 20))
                took = 5.0 if who == 4 else round(9 + rng.random(), 1)
                table.writerow(
                    [f"{hostile}i{nth:03}", f"{hostile}w{who}", f"{hostile}{label}", took, at.isoformat(), f"{hostile} text {nth}"]
                )
            if nth < 7:
                table.writerow(
                    [f"{hostile}i{nth:03}", f"{hostile}{NEW}", f"{hostile}cat", 8, at.isoformat(), f"{hostile} text {nth}"]
                )
    return path
