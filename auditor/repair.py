"""The fewest items to set right so that the gate passes: a covering problem, solved exactly where that is quick, else greedily.

Each failing check demands that so many of its findings go; an item takes all findings about it away, of several checks at once.
Items that take the same away are alike, so that the problem has as many unknowns as there are kinds of items, not items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

# Kinds of items up to which the exact solution is sought, and branches that it may try: both keep it within seconds.
MAX_KINDS, MAX_NODES = 3_000, 5_000


@dataclass(frozen=True)
class Cover:
    """What was chosen.

    Attributes:
        chosen: indices of items, in their order; taking any one of them away breaks the cover.
        exact: no smaller set does it.
        least: no set smaller than this does it.
        bound: the set has at most so many times the items of the smallest one; 1 where exact.
    """

    chosen: Ints
    exact: bool
    least: int
    bound: float


def fewest(counts: Ints, need: Ints, *, exact: bool = True) -> Cover | None:
    """The fewest rows whose sums reach `need` in every column.

    Args:
        counts: findings of each failing check about each item, shape (items, checks); the preferred items first.
        need: how many findings of each check must go, shape (checks,).
        exact: seek the exact solution where it is quick.

    Returns:
        The cover, or None where all items together do not reach it.

    Source: exact by branch and bound (HiGHS); greedy with the bound H(d), d being the most that one item takes away: Dobson,
    Worst-Case Analysis of Greedy Heuristics for Integer Programming with Nonnegative Data, Math. of OR 7, 1982, theorem 1.

    >>> found = fewest(np.array([[1, 0], [0, 1], [1, 1], [1, 0]]), np.array([2, 1]))
    >>> found.chosen.tolist(), found.exact
    ([0, 2], True)
    """
    need = np.maximum(np.asarray(need, np.int64), 0)
    capped = np.minimum(np.asarray(counts, np.int64).reshape(-1, len(need)), need)
    if (capped.sum(axis=0) < need).any():
        return None
    kinds, kind_of, many = np.unique(capped, axis=0, return_inverse=True, return_counts=True)
    useful = kinds.sum(axis=1) > 0
    many = np.where(useful, many, 0)
    least, found = _lower(kinds, need), None
    if exact and len(kinds) <= MAX_KINDS:
        found, proven = _exact(kinds, many, need)
        least = max(least, proven)
    taken = _greedy(kinds, many, need) if found is None else found
    chosen = _rows(taken, kind_of.reshape(-1))
    if found is None:
        chosen = _pruned(capped, chosen, need)
    size = len(chosen)
    if found is not None or size == least:
        return Cover(chosen, True, size, 1.0)
    most = int(capped.sum(axis=1).max(initial=1))
    return Cover(chosen, False, least, float(min(np.sum(1 / np.arange(1, most + 1)), size / max(least, 1))))


def _lower(kinds: Ints, need: Ints) -> int:
    """No set is smaller than what the best item would have to be taken for each check alone, and for all together."""
    best = kinds.max(axis=0, initial=0)
    alone = [-(-int(n) // int(b)) for n, b in zip(need, best, strict=True) if n]
    together = int(kinds.sum(axis=1).max(initial=0))
    return max([*alone, -(-int(need.sum()) // together) if together else 0], default=0)


def _exact(kinds: Ints, many: Ints, need: Ints) -> tuple[Ints | None, int]:
    """How often each kind is taken, or None where it was not proven in time; and what no set is smaller than."""
    from scipy import optimize

    done = optimize.milp(
        np.ones(len(kinds)),
        integrality=np.ones(len(kinds)),
        bounds=optimize.Bounds(0, many),
        constraints=optimize.LinearConstraint(kinds.T.astype(np.float64), need, np.inf),
        options={"node_limit": MAX_NODES, "mip_rel_gap": 0.0},
    )
    bound = getattr(done, "mip_dual_bound", None)
    proven = int(np.ceil(bound - 1e-6)) if bound is not None and np.isfinite(bound) else 0
    if done.status != 0 or done.x is None:
        return None, proven
    taken = np.rint(done.x).astype(np.int64)
    # What the solver says is looked at again in whole numbers.
    return (taken, int(taken.sum())) if (kinds.T @ taken >= need).all() and (taken <= many).all() else (None, 0)


def _greedy(kinds: Ints, many: Ints, need: Ints) -> Ints:
    left, residual = many.copy(), need.copy()
    taken = np.zeros(len(kinds), np.int64)
    while residual.any():
        gain = np.where(left > 0, np.minimum(kinds, residual).sum(axis=1), 0)
        best = int(gain.argmax())
        row = kinds[best]
        # As often at once as each time brings as much.
        times = int(min(left[best], max(1, (residual[row > 0] // row[row > 0]).min())))
        taken[best] += times
        left[best] -= times
        residual = np.maximum(residual - times * row, 0)
    return taken


def _rows(taken: Ints, kind_of: Ints) -> Ints:
    """The first items of each kind, as many as are taken of it."""
    order = np.argsort(kind_of, kind="stable")
    starts = np.searchsorted(kind_of[order], np.arange(len(taken)))
    place = np.empty(len(kind_of), np.int64)
    place[order] = np.arange(len(kind_of)) - starts[kind_of[order]]
    return np.flatnonzero(place < taken[kind_of]).astype(np.int64)


def _pruned(counts: Ints, chosen: Ints, need: Ints) -> Ints:
    """Without items that are not needed; those that bring least are tried first."""
    kept = np.ones(len(chosen), bool)
    spare = counts[chosen].sum(axis=0) - need
    for nth in np.argsort(counts[chosen].sum(axis=1), kind="stable"):
        if (counts[chosen[nth]] <= spare).all():
            kept[nth] = False
            spare = spare - counts[chosen[nth]]
    return chosen[kept]
