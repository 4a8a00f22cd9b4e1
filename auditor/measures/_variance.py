"""Agreement of numbers by parts of their variance: intraclass correlations and Kendall's W."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._alpha import Coefficient, Patterns
from auditor.measures._sample import percentiles, sample

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ONE_WAY = ("icc_1", "icc_1k")
TWO_WAY = ("icc_2", "icc_3", "icc_2k", "icc_3k")
CONSTANT = "all numbers are equal, or those of each item have the same sum"
NO_BLOCK = "no two people rated the same items: those who rated at least half of all are looked at"


def one_way(patterns: Patterns, seed: int = 0) -> dict[str, Coefficient]:
    """ICC(1,1) and ICC(1,k): people are drawn anew for each item, whose numbers of ratings may differ.

    Args:
        patterns: votes whose labels have values; items with one vote are left out.
        seed: of the bootstrap of items.

    Returns:
        icc_1, of one rating; icc_1k, of the mean of an item's ratings.

    Source:
        Shrout and Fleiss, Psychological Bulletin 86, 1979; unequal numbers: Donner, International Statistical Review 54, 1986.
    """
    size = np.asarray(patterns.counts.sum(axis=1), np.float64)
    patterns = patterns.of(size > 1)
    size = size[size > 1]
    if patterns.values is None or not len(size):
        return dict.fromkeys(ONE_WAY, Coefficient(None, reason="no item has two votes"))
    number = patterns.values - patterns.values.mean()
    total, squares = patterns.counts @ number, patterns.counts @ number**2
    parts = np.stack([np.ones(len(size)), size, size**2, total, total**2 / size, squares], axis=1)
    return _judged(ONE_WAY, parts, patterns.items, _one_way, seed)


def _one_way(sums: Floats) -> Floats:
    items, votes, squared, total, between, squares = np.moveaxis(sums, -1, 0)
    among = (between - total**2 / votes) / (items - 1)
    within = np.maximum(squares - between, 0) / (votes - items)
    usual = (votes - squared / votes) / (items - 1)  # ratings of an item, on an average that fits the variance
    return np.stack([(among - within) / (among + (usual - 1) * within), (among - within) / among], axis=-1)


@dataclass(frozen=True)
class Block:
    """Numbers that the same people gave to the same items.

    Attributes:
        numbers: shape (items, people).
    """

    numbers: Floats


def block(item: npt.NDArray[np.int64], person: npt.NDArray[np.int64], number: Floats) -> Block | None:
    """The items that all of those people rated who rated at least half of the items; None for fewer than 2 of either.

    Args:
        item: code of the item, shape (n,); a person rates an item once.
        person: code of the person, shape (n,).
        number: what was given, shape (n,).

    >>> block(np.array([0, 0, 1, 1, 1]), np.array([7, 8, 7, 8, 9]), np.arange(5.0)).numbers.tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    _, row = np.unique(item, return_inverse=True)
    _, column = np.unique(person, return_inverse=True)
    rows = int(row.max(initial=-1)) + 1
    busy = np.bincount(column) > rows / 2 if rows > 1 else np.zeros(0, np.bool_)
    kept = busy[column] if len(busy) else np.zeros(len(item), np.bool_)
    full = np.bincount(row[kept], minlength=rows) == busy.sum()
    kept &= full[row]
    if busy.sum() < 2 or full.sum() < 2:
        return None
    order = np.lexsort((column[kept], row[kept]))
    return Block(number[kept][order].reshape(int(full.sum()), int(busy.sum())))


def two_way(rated: Block, seed: int = 0) -> dict[str, Coefficient]:
    """ICC(2,1), ICC(3,1), ICC(2,k), ICC(3,k) and Kendall's W of people who rated the same items.

    Args:
        rated: numbers, shape (items, people).
        seed: of the bootstrap of items.

    Returns:
        icc_2, icc_2k (agreement; people are a sample of all people), icc_3, icc_3k (consistency; they are the only ones), kendall_w
        (0..1, corrected for ties; the ranks are held fixed in the bootstrap).

    Source:
        Shrout and Fleiss, Psychological Bulletin 86, 1979, tables 2 to 4; Kendall, Rank Correlation Methods, 1948, chapter 6.

    >>> found = two_way(Block(np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])))
    >>> found["icc_3"].value, round(found["icc_2"].value, 3), found["kendall_w"].value
    (1.0, 0.667, 1.0)
    """
    from scipy import stats

    ones = np.ones(len(rated.numbers), np.int64)
    found = _judged(TWO_WAY, _parts(rated.numbers - rated.numbers.mean()), ones, _two_way, seed)
    ranks = stats.rankdata(rated.numbers, axis=0) - (len(ones) + 1) / 2
    return found | _judged(("kendall_w",), _parts(ranks), ones, _kendall, seed)


def _parts(numbers: Floats) -> Floats:
    """What an item adds: 1, its squared sum over the people, its sum of squares, and its numbers."""
    people = numbers.shape[1]
    mean = numbers.sum(axis=1) ** 2 / people
    return np.column_stack([np.ones(len(numbers)), mean, (numbers**2).sum(axis=1), numbers])


def _squares(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, int]:
    """Items, and the sums of squares between items, between people, and in all; and the people."""
    items, between, squares, columns = sums[..., 0], sums[..., 1], sums[..., 2], sums[..., 3:]
    people = columns.shape[-1]
    mean = columns.sum(axis=-1) ** 2 / (items * people)
    return items, between - mean, (columns**2).sum(axis=-1) / items - mean, squares - mean, people


def _two_way(sums: Floats) -> Floats:
    items, rows, columns, whole, people = _squares(sums)
    among, bias = rows / (items - 1), columns / (people - 1)
    rest = np.maximum(whole - rows - columns, 0) / ((items - 1) * (people - 1))
    gain = among - rest
    return np.stack(
        [
            gain / (among + (people - 1) * rest + people * (bias - rest) / items), gain / (among + (people - 1) * rest),
            gain / (among + (bias - rest) / items), gain / among,
        ],
        axis=-1,
    )  # fmt: skip


def _kendall(sums: Floats) -> Floats:
    _, rows, columns, whole, _ = _squares(sums)
    return np.asarray(rows / (whole - columns))[..., None]


def _judged(
    names: tuple[str, ...], parts: Floats, items: npt.NDArray[np.int64], statistic: object, seed: int
) -> dict[str, Coefficient]:
    assert callable(statistic)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = statistic(items.astype(np.float64) @ parts)
        if not np.isfinite(value).all():
            return dict.fromkeys(names, Coefficient(None, reason=CONSTANT))
        low, high = percentiles(statistic(sample(items, seed).sums(parts)))
    return {name: Coefficient(float(a), float(b), float(c)) for name, a, b, c in zip(names, value, low, high, strict=True)}
