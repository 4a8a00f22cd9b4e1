"""How far two answers lie apart: distances between labels, ranks, numbers and sets, summed over all pairs without forming them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    Floats = npt.NDArray[np.float64]

# A table of distances between this many different numbers takes 32 MB; ranks, intervals, names and sets need none.
MOST_NUMBERS = 2000


class Distance(Protocol):
    """A distance D between V answers, of which only sums over pairs are asked."""

    def rows(self, counts: sparse.csr_array) -> Floats:
        """Sum of D over the ordered pairs of votes of each row, c D c, shape (rows,)."""

    def apply(self, totals: Floats) -> Floats:
        """D n, shape (V,): the distance of each answer to all votes."""

    def pairs(self, totals: Floats) -> Floats:
        """The sum over all pairs of votes, n D n, for each row of totals, shape (b,)."""


@dataclass(frozen=True)
class Names:
    """0 where two answers are equal, else 1."""

    def rows(self, counts: sparse.csr_array) -> Floats:
        """As in `Distance`."""
        return np.asarray(np.asarray(counts.sum(axis=1)) ** 2 - np.asarray((counts * counts).sum(axis=1)), np.float64)

    def apply(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        return np.asarray(totals.sum() - totals, np.float64)

    def pairs(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        return np.asarray(totals.sum(axis=-1) ** 2 - (totals**2).sum(axis=-1), np.float64)


@dataclass(frozen=True)
class Squares:
    """Squared difference of the places of two answers on a scale.

    Attributes:
        place: shape (V,); or (b, V) where `pairs` has a scale for each of its rows.
    """

    place: Floats

    def rows(self, counts: sparse.csr_array) -> Floats:
        """As in `Distance`."""
        size = np.asarray(counts.sum(axis=1), np.float64)
        return np.asarray(2 * (size * (counts @ self.place**2) - (counts @ self.place) ** 2))

    def apply(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        return np.asarray(totals.sum() * self.place**2 + totals @ self.place**2 - 2 * (totals @ self.place) * self.place)

    def pairs(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        first, second = (totals * self.place).sum(axis=-1), (totals * self.place**2).sum(axis=-1)
        return np.asarray(2 * (totals.sum(axis=-1) * second - first**2))


@dataclass(frozen=True)
class Likeness:
    """1 - Z, where Z is a sparse symmetric likeness of answers.

    Attributes:
        likeness: 0..1, shape (V, V), 1 on the diagonal.
    """

    likeness: sparse.csr_array

    def rows(self, counts: sparse.csr_array) -> Floats:
        """As in `Distance`."""
        like = (counts @ self.likeness).multiply(counts).sum(axis=1)
        return np.asarray(np.asarray(counts.sum(axis=1)) ** 2 - np.asarray(like).ravel(), np.float64)

    def apply(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        return np.asarray(totals.sum() - self.likeness @ totals, np.float64)

    def pairs(self, totals: Floats) -> Floats:
        """As in `Distance`."""
        like = ((self.likeness @ totals.T).T * totals).sum(axis=-1)
        return np.asarray(totals.sum(axis=-1) ** 2 - like, np.float64)


def midranks(totals: Floats) -> Floats:
    """Position of each label among all votes: the ordinal distance of Krippendorff is the difference of these.

    >>> midranks(np.array([2.0, 4.0])).tolist()
    [1.0, 4.0]
    """
    return np.cumsum(totals, axis=-1) - totals / 2


def ratios(numbers: Floats) -> Likeness:
    """Krippendorff's ratio distance ((a - b) / (a + b))^2 of numbers that are not negative (Content Analysis, 2018, section 12.4).

    Args:
        numbers: shape (V,), at most `MOST_NUMBERS` of them.

    >>> ratios(np.array([1.0, 3.0])).pairs(np.array([1.0, 1.0])).tolist()
    0.5
    """
    from scipy import sparse

    total = numbers[:, None] + numbers
    apart = np.divide(numbers[:, None] - numbers, total, out=np.zeros_like(total), where=total > 0)
    return Likeness(sparse.csr_array(1 - apart**2))


def sets(members: sparse.csr_array, kind: Literal["jaccard", "masi"]) -> Likeness:
    """Distance of sets of labels: 1 - |A and B| / |A or B| (Jaccard), or 1 - that times M (MASI).

    M is 1 for equal sets, 2/3 where one contains the other, 1/3 where they overlap otherwise, 0 where they do not (Passonneau,
    Measuring Agreement on Set-valued Items, LREC 2006, section 3).

    Args:
        members: 1 where a set has a label, shape (V, labels); no set is empty.
        kind: which distance.

    >>> from scipy import sparse
    >>> two = sparse.csr_array(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    >>> 1 - sets(two, "jaccard").likeness.toarray()[0, 1], (1 - sets(two, "masi").likeness.toarray()[0, 1]).round(4).item()
    (np.float64(0.5), 0.6667)
    """
    from scipy import sparse

    size = np.asarray(members.sum(axis=1), np.float64)
    common = sparse.coo_array(members @ members.T)
    both, one, other = common.data, size[common.row], size[common.col]
    like = both / (one + other - both)
    if kind == "masi":
        like = like * np.where((both == one) & (both == other), 1.0, np.where((both == one) | (both == other), 2 / 3, 1 / 3))
    return Likeness(sparse.csr_array((like, (common.row, common.col)), shape=common.shape))
