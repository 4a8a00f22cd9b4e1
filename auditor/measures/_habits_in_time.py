"""What the order of a person's answers shows: slopes of agreement, sittings, repeating patterns. Vectorised over people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._stats import Z95
from auditor.measures._tally import starts

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

SITTING = 30 * 60 * 1_000_000  # microseconds without an answer that end a sitting
HOUR = 3_600 * 1_000_000
MOST_CELLS = 20_000_000  # kinds of items of all people of a batch, times labels
LAGS = range(2, 13)  # periods looked for, in answers


def slope(group: Ints, groups: int, x: Floats, y: Floats, people: Ints | None = None) -> tuple[Floats, Floats, Floats]:
    """Slope of y over x for each person, with a variance that allows for unequal scatter, and its two-sided p value.

    Args:
        group: person of each value (or sitting, where slopes within sittings are put together), 0.., shape (n,).
        groups: how many.
        x: shape (n,).
        y: shape (n,).
        people: person of each group, shape (groups,); None where groups are people.

    Returns:
        Slope, standard error, p (Student's t with n - 1 - groups degrees of freedom; White, Econometrica 48, 1980, HC1), each of
        shape (people,); NaN where x does not vary or fewer than 3 degrees of freedom are left.

    >>> found = slope(np.zeros(5, np.int64), 1, np.arange(5.0), np.array([0.0, 1.1, 1.9, 3.1, 3.9]))
    >>> [round(float(part[0]), 3) for part in found]
    [0.98, 0.026, 0.0]
    """
    from scipy import special

    n = np.bincount(group, minlength=groups)
    size = np.maximum(n, 1)
    x = x - (np.bincount(group, x, groups) / size)[group]
    y = y - (np.bincount(group, y, groups) / size)[group]
    owner = np.arange(groups) if people is None else people
    persons = int(owner.max(initial=-1)) + 1
    mine = owner[group]
    spread = np.bincount(mine, x * x, persons)
    freedom = np.bincount(owner, n, persons) - np.bincount(owner[n > 0], minlength=persons) - 1
    good = (spread > 1e-12) & (freedom > 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        steep = np.where(good, np.bincount(mine, x * y, persons) / spread, np.nan)
        rest = y - np.nan_to_num(steep)[mine] * x
        total = freedom + 1 + np.bincount(owner[n > 0], minlength=persons)
        error = np.sqrt(np.bincount(mine, np.square(x * rest), persons) * total / np.maximum(freedom, 1)) / spread
        p = np.where(good & (error > 0), 2 * special.stdtr(np.maximum(freedom, 1), -np.abs(steep / error)), np.nan)
    return steep, np.where(good, error, np.nan), p


def ranks(person: Ints, time: Ints) -> Floats:
    """Place of each answer between a person's first (-0.5) and last (0.5), equal times at their mean place.

    Args:
        person: ascending, shape (n,).
        time: ascending within a person, shape (n,).

    >>> ranks(np.array([0, 0, 0, 1]), np.array([5, 5, 9, 1])).tolist()
    [-0.25, -0.25, 0.5, 0.0]
    """
    begins = np.flatnonzero(starts(person))
    size = np.diff(begins, append=len(person))
    place = np.arange(len(person)) - np.repeat(begins, size)
    tied = np.flatnonzero(starts(person, time))
    count = np.diff(tied, append=len(person))
    mean = np.repeat(np.add.reduceat(place, tied) / count, count) if len(tied) else place.astype(np.float64)
    return np.asarray(mean / np.repeat(np.maximum(size - 1, 1), size) - 0.5 * (np.repeat(size, size) > 1), np.float64)


def sittings(person: Ints, time: Ints) -> tuple[Ints, Floats]:
    """Sitting of each answer, 0.., ended by half an hour without one, and the hours since it began, both of shape (n,)."""
    new = starts(person)
    new[1:] |= np.diff(time) > SITTING
    number = np.cumsum(new) - 1
    return number, (time - time[np.flatnonzero(new)][number]) / HOUR if len(time) else np.empty(0)


def repeats(person: Ints, people: int, label: Ints, others: Ints) -> dict[str, Any]:
    """The lag at which a person's answers repeat most beyond what the items explain.

    Given the items, answers of one who looks at them are independent. How likely two answers are the same follows from what the
    others say of both items (or that they say nothing) and from how the person answers such items.

    Args:
        person: ascending, each in the order of time, shape (n,).
        people: how many.
        label: codes without gaps, shape (n,).
        others: codes among the same, -1 for none, shape (n,).

    Returns:
        period (lag; -1 without one), pairs, same (share of the pairs), expected (share), others_same (share of pairs for which the
        others' labels are the same), beside (share of the same at the lags one shorter and one longer), p (normal, for the best of
        all lags).
    """
    from scipy import special

    labels = int(max(label.max(initial=0), others.max(initial=0))) + 1
    _, row = np.unique(person * (labels + 1) + others + 1, return_inverse=True)
    if (int(row.max(initial=-1)) + 1) * labels > MOST_CELLS:
        row, labels, label, others = row * 0, 1, label * 0, others * 0  # texts rather than classes: nothing is said of them
    counts = np.bincount(row * labels + label, minlength=(int(row.max(initial=-1)) + 1) * labels).reshape(-1, labels)
    table = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    at = {lag: _lag(lag, person, people, label, others, table, row) for lag in range(1, LAGS[-1] + 2)}
    z = np.stack([np.nan_to_num(at[lag]["z"], nan=-np.inf) for lag in LAGS])
    best = z.argmax(axis=0)
    top = z[best, np.arange(people)] if people else np.empty(0)

    def of(name: str, shift: int = 0) -> Floats:
        every = np.stack([at[lag + shift][name] for lag in LAGS])
        return np.asarray(every[best, np.arange(people)], np.float64)

    known = np.isfinite(top)
    return {
        "period": np.where(known, best + LAGS[0], -1), "pairs": of("pairs"), "same": of("same"), "expected": of("expected"),
        "others_same": of("others_same"), "beside": (of("same", -1) + of("same", 1)) / 2,
        "p": np.where(known, np.minimum(1.0, len(LAGS) * special.ndtr(-np.where(known, top, 0.0))), np.nan),
    }  # fmt: skip


def _lag(lag: int, person: Ints, people: int, label: Ints, others: Ints, table: Floats, row: Ints) -> dict[str, Floats]:
    """Pairs of answers `lag` apart: how many are the same, and how many would be."""
    later = np.flatnonzero(person[lag:] == person[:-lag]) + lag if len(person) > lag else np.empty(0, np.int64)
    who, a, b = person[later], row[later], row[later - lag]
    both = (table[a] * table[b]).sum(axis=1)
    variance = np.bincount(who, both * (1 - both), people)
    # Two pairs that share an answer are not independent unless labels are equally likely.
    chained = later[later >= 2 * lag]
    chained = chained[person[chained - 2 * lag] == person[chained]]
    first, middle, last = row[chained], row[chained - lag], row[chained - 2 * lag]
    joint = (table[first] * table[middle] * table[last]).sum(axis=1)
    apart = (table[first] * table[middle]).sum(axis=1) * (table[middle] * table[last]).sum(axis=1)
    variance += 2 * np.bincount(person[chained], joint - apart, people)
    pairs, same = np.bincount(who, minlength=people), np.bincount(who, label[later] == label[later - lag], people)
    expected = np.bincount(who, both, people)
    other = np.bincount(who, (others[later] == others[later - lag]) & (others[later] >= 0), people)
    said = np.bincount(who, (others[later] >= 0) & (others[later - lag] >= 0), people)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(variance > 1e-9, (same - expected - 0.5) / np.sqrt(np.maximum(variance, 1e-9)), np.nan)
        return {
            "pairs": pairs.astype(np.float64), "same": same / pairs, "expected": expected / pairs, "others_same": other / said,
            "z": z,
        }  # fmt: skip


def means(person: Ints, people: int, side: npt.NDArray[np.bool_], y: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean of y, its variance, and n of each person on one side; the form that `_stats.difference` takes."""
    n = np.bincount(person[side], minlength=people).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(person[side], y[side], people) / n
        square = np.bincount(person[side], np.square(y[side] - mean[person[side]]), people)
        return mean, square / (n - 1) / n, n


def bounds(value: Floats, error: Floats) -> tuple[Floats, Floats]:
    """95 % interval of a normal estimate."""
    return value - Z95 * error, value + Z95 * error
