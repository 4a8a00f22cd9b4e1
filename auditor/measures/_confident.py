"""Confident learning over arrays: thresholds, the joint of given and true labels, and the filters that pick candidates from it.

Classes are 0..K-1, `given` is the label given. All functions are pure; `Largest` is a running selection over batches. What they
pick equals what cleanlab 2.9 picks by the filters of the same names. Where equal numbers compete for the last places, so that
either would do, they follow the order in which NumPy sorts, as cleanlab does; of equal margins (`Largest`) the first place wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.integer[Any]]
    Mask = npt.NDArray[np.bool_]

SLACK = 1e-6  # probabilities that differ by less count as equal, as in cleanlab
_LEAST = 2 * SLACK  # a threshold lies above the slack
_NEVER = 2.0  # no probability reaches it
_POOL = 1 << 18  # margins held before they are cut to the largest


def thresholds(total: Floats, number: Floats) -> Floats:
    """Mean probability of each class over the rows labelled so (Northcutt et al. 2021, equation 2).

    Args:
        total: sum of the probabilities of the given label, by class, shape (K,).
        number: rows with that label, shape (K,).

    Returns:
        Shape (K,), 0..1; 2 for a class that nobody gave: nothing is confidently of it.

    >>> thresholds(np.array([1.5, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.75, 2.0]
    """
    mean = np.divide(total, number, out=np.full(len(total), _NEVER), where=number > 0)
    return np.asarray(np.maximum(mean, _LEAST))


def reaches(threshold: Floats) -> npt.NDArray[np.float32]:
    """The smallest single-precision number that reaches `threshold` less the slack, so that comparing needs no wider numbers."""
    exact = threshold - SLACK
    near = exact.astype(np.float32)
    return np.where(near.astype(np.float64) < exact, np.nextafter(near, np.float32(np.inf)), near)


def confident_class(probs: npt.NDArray[Any], predicted: Ints, reach: npt.NDArray[Any]) -> Ints:
    """The class that each row is confidently of: the only one that reaches its threshold, or the likeliest if several do.

    Where several classes reach theirs and the likeliest does not, the likeliest counts all the same: so does cleanlab, and its
    candidates are what ours are compared with; the paper's equation 1 would take the likeliest among those that reach.

    Args:
        probs: shape (n, K).
        predicted: the likeliest class, shape (n,).
        reach: as `reaches` gives, shape (K,).

    Returns:
        The class, or -1 where none is reached, shape (n,).

    >>> confident_class(np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([0, 0]), np.array([0.8, 0.3])).tolist()
    [1, 0]
    """
    found = predicted.copy()
    rest = np.flatnonzero(probs[np.arange(len(probs)), predicted] < reach[predicted])
    above = probs[rest] >= reach
    number = above.sum(axis=1)
    found[rest] = np.where(number == 1, above.argmax(axis=1), np.where(number == 0, -1, predicted[rest]))
    return found


def round_rows(matrix: Floats) -> Ints:
    """Whole numbers near `matrix` whose rows sum to what its rows sum to, rounded.

    >>> round_rows(np.array([[1.5, 1.5, 1.0], [0.4, 0.4, 0.2]])).tolist()
    [[1, 2, 1], [0, 1, 0]]
    """
    whole = np.rint(matrix)
    for row in np.flatnonzero(np.rint(matrix.sum(axis=1)) != whole.sum(axis=1)):
        missing = int(np.rint(matrix[row].sum()) - whole[row].sum())
        while missing:
            # What was rounded down most gains, what was rounded up most loses.
            # Not a stable sort: of equal remainders those gain that NumPy's own order puts last, as in cleanlab.
            by = np.argsort(matrix[row] - whole[row])
            step, several = (1, by[::-1]) if missing > 0 else (-1, by)
            changed = several[: abs(missing)]
            whole[row, changed] += step
            missing -= step * len(changed)
    return whole.astype(np.int64)


def calibrate(counts: Ints, number: Floats) -> Ints:
    """The confident joint scaled to the labels that there are (Northcutt et al. 2021, equation 3).

    Args:
        counts: rows that are labelled i and confidently of j, shape (K, K).
        number: rows labelled i, shape (K,).

    Returns:
        Estimated rows that are labelled i and truly j, shape (K, K); row i sums to number[i].

    >>> calibrate(np.array([[8, 1], [0, 4]]), np.array([18.0, 5.0])).tolist()
    [[16, 2], [0, 5]]
    """
    # Column by column, so that the sum below adds in the same order as cleanlab's: its last digit decides some remainders.
    joint = np.array(counts, order="F")
    # Every class has one right example at least.
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
    scaled = (joint.T / joint.sum(axis=1) * number).T
    return round_rows(scaled / max(float(scaled.sum()), 1e-100) * number.sum())


def removals(joint: Ints, least: int = 1) -> Ints:
    """How many rows of each given label are to be taken out for each other true label, so that `least` right ones remain.

    Args:
        joint: as `calibrate` gives, shape (K, K).
        least: rows that each class keeps.

    Returns:
        Shape (K, K), row i for the given label i; the diagonal holds what stays.

    >>> removals(np.array([[16, 2], [3, 0]])).tolist()
    [[16, 2], [2, 1]]
    """
    stays = np.maximum(joint.diagonal(), least)
    raised = stays - joint.diagonal()
    others = np.maximum(np.count_nonzero(joint, axis=1) - 1, 1)
    left: Ints = np.maximum(joint - (raised / others)[:, None], 0).astype(np.int64)
    np.fill_diagonal(left, stays)
    return left


def lowest(values: npt.NDArray[Any], count: int) -> Ints:
    """Places of the `count` smallest values, in order of place.

    >>> lowest(np.array([0.3, 0.1, 0.2, 0.2]), 2).tolist()
    [1, 2]
    """
    if count <= 0:
        return np.empty(0, np.int64)
    if count >= len(values):
        return np.arange(len(values))
    edge = np.partition(values, count - 1)[count - 1]
    within = np.asarray(np.flatnonzero(values <= edge), np.int64)
    if len(within) == count:
        return within
    return np.sort(np.asarray(np.argsort(values.astype(np.float64))[:count], np.int64))


def lowest_of_each(values: npt.NDArray[Any], given: Ints, count: Ints, least: int = 1) -> Mask:
    """The `count[k]` smallest values among the rows labelled k, for classes with more than `least` rows.

    Args:
        values: shape (n,).
        given: shape (n,); -1 for rows that do not take part.
        count: shape (K,).
        least: classes with so few rows lose none.

    Returns:
        Mask of shape (n,).

    >>> lowest_of_each(np.array([0.9, 0.1, 0.5, 0.4]), np.array([0, 0, 1, 1]), np.array([1, 1])).tolist()
    [False, True, False, True]
    """
    picked = np.zeros(len(values), np.bool_)
    by = np.argsort(given, kind="stable")
    edge = np.searchsorted(given[by], np.arange(len(count) + 1))
    for k in np.flatnonzero((count > 0) & (np.diff(edge) > least)):
        rows = by[edge[k] : edge[k + 1]]
        picked[rows[lowest(values[rows], int(count[k]))]] = True
    return picked


class Largest:
    """For every pair of a given label and another one, the rows in which the other leads by most; fed in batches.

    Args:
        wanted: how many rows of each pair, shape (K, K), row for the given label; the diagonal is not used.
        ahead: count only rows in which the other label leads; or, if false, only those in which it does not.

    >>> most = Largest(np.array([[5, 1], [0, 5]]))
    >>> most.add(np.array([[0.2, 0.8], [0.1, 0.9], [0.6, 0.4]], np.float32), np.array([0, 0, 1]), np.arange(3))
    >>> most.places().tolist(), most.missing().tolist()
    ([1], [[0, 0], [0, 0]])
    """

    def __init__(self, wanted: Ints, *, ahead: bool = True) -> None:
        self._classes = len(wanted)
        self._wanted = wanted * ~np.eye(self._classes, dtype=np.bool_)
        self._ahead = ahead
        # What a row must lead by to be among the largest of those seen so far.
        self._bar = np.where(self._wanted > 0, 0.0 if ahead else -np.inf, np.inf)
        self._coarse = self._bar.astype(np.float32)
        self._held: list[tuple[Ints, Floats, Ints]] = []
        self._size = 0
        self._limit = max(_POOL, 2 * int(self._wanted.sum()))

    def add(self, probs: npt.NDArray[np.float32], given: Ints, place: Ints) -> None:
        """Take a batch: probabilities (n, K), labels (n,), and a place for each row, in any order (n,)."""
        own = probs[np.arange(len(given)), given]
        # In single precision first, with room for its rounding; the few that pass are compared exactly.
        lead = probs - own[:, None]
        pick = lead >= self._coarse[given]
        if not self._ahead:
            pick &= lead <= SLACK
        row, other = np.nonzero(pick)
        label = given[row]
        exact = probs[row, other].astype(np.float64) - own[row].astype(np.float64)
        keep = (exact >= self._bar[label, other]) & ((exact > 0) == self._ahead)
        self._held.append((label[keep] * self._classes + other[keep], exact[keep], place[row[keep]]))
        self._size += int(keep.sum())
        if self._size > self._limit:
            self._cut()

    def _cut(self) -> None:
        code, lead, place = (np.concatenate(part) for part in zip(*self._held, strict=True))
        by = np.lexsort((place, -lead, code))
        code, lead, place = code[by], lead[by], place[by]
        nth = np.arange(len(code)) - np.searchsorted(code, code)
        wanted = self._wanted.ravel()[code]
        keep = nth < wanted
        last = nth == wanted - 1
        self._bar.ravel()[code[last]] = lead[last]
        self._coarse = (self._bar - SLACK).astype(np.float32)
        self._held = [(code[keep], lead[keep], place[keep])]
        self._size = int(keep.sum())

    def places(self) -> Ints:
        """Places of the chosen rows, in order, each once."""
        if not self._held:
            return np.empty(0, np.int64)
        self._cut()
        return np.unique(self._held[0][2])

    def missing(self) -> Ints:
        """How many rows each pair still lacks, shape (K, K)."""
        code = np.concatenate([np.empty(0, np.int64), *(part[0] for part in self._held)])
        got = np.bincount(code, minlength=self._classes**2).reshape(self._classes, self._classes)
        lacking: Ints = np.maximum(self._wanted - got, 0)
        return lacking
