"""Crowds whose faults are known: votes in the order of time, with planted people."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def crowd(seed, *, items=600, people=40, per_item=5, labels=3, faults=None, skill=(0.7, 0.95)):
    """Votes (item, person, label) in the order of time, and the truth; `faults` says which person does what."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, items)
    accuracy = rng.uniform(*skill, people)
    asked = np.stack([rng.permutation(people)[:per_item] for _ in range(items)])
    for who in [one for one, fault in (faults or {}).items() if fault == "copier"]:
        for row in asked:  # who copies answers half of the other's items as well
            if who - 1 in row and who not in row and rng.random() < 0.5:
                row[rng.choice(np.flatnonzero(row != who - 1))] = who
    person = asked.ravel()
    order = rng.permutation(len(person))
    item, person = np.repeat(np.arange(items), per_item)[order], person[order]
    wrong = (truth[item] + rng.integers(1, labels, len(item))) % labels
    label = np.where(rng.random(len(item)) < accuracy[person], truth[item], wrong)
    for who, fault in (faults or {}).items():
        mine = np.flatnonzero(person == who)
        n = len(mine)
        if fault == "spammer":
            label[mine] = rng.integers(0, labels, n)
        elif fault == "constant":
            label[mine] = 0
        elif fault == "periodic":
            label[mine] = np.arange(n) % labels
        elif fault == "drift":
            label[mine] = np.where(rng.random(n) < np.linspace(0, 1, n), rng.integers(0, labels, n), label[mine])
        elif fault == "biased":
            label[mine] = np.where(rng.random(n) < 0.4, 0, label[mine])
        elif fault == "copier":  # takes four in five answers from the person before, where that one answered the item
            said = {i: y for i, p, y in zip(item, person, label, strict=True) if p == who - 1}
            for row in mine:
                if item[row] in said and rng.random() < 0.8:
                    label[row] = said[item[row]]
    return item, person, label, truth


def rows(item, person, label, *, seconds=20, gold=None, **attributes):
    """Annotations of votes, `seconds` apart, and gold labels of some items ({item: label})."""
    start = np.datetime64("2026-01-01", "us")
    told = list((gold or {}).items())
    n = len(item)
    made = {
        "item_id": [f"i{one:05d}" for one in item] + [f"i{one:05d}" for one, _ in told],
        "annotator_id": [f"p{one:03d}" for one in person] + [None] * len(told),
        "task": ["t"] * (n + len(told)),
        "type": ["class"] * (n + len(told)),
        "source": ["human"] * n + ["gold"] * len(told),
        "label": [f"l{one}" for one in label] + [f"l{one}" for _, one in told],
        "created_at": pa.array(
            [*(start + np.arange(n) * np.timedelta64(seconds * 1_000_000, "us")), *[None] * len(told)], pa.timestamp("us")
        ),
    }
    return pa.table(made | attributes)


def people(found):
    """The annotators of findings."""
    return {row["annotator_id"] for row in found}
