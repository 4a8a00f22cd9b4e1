"""Bootstrap samples of items, for statistics that are functions of sums over items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.measures._alpha import BOOTSTRAP_PATTERNS, REPLICATES

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    Floats = npt.NDArray[np.float64]

BLOCKS = 1000  # blocks of items drawn by lot, where there are too many patterns to draw each


@dataclass(frozen=True)
class Sample:
    """`REPLICATES` samples of as many items as there are, drawn with replacement.

    Attributes:
        weights: how often each pattern, or block, was drawn; shape (`REPLICATES`, patterns or blocks).
        fold: items of each pattern in each block, shape (blocks, patterns); None where patterns are drawn themselves.
    """

    weights: Floats
    fold: sparse.csr_array | None

    def sums(self, parts: Any) -> Floats:
        """Sums in each sample of what one item of each pattern adds: `parts` of shape (patterns, s), dense or sparse.

        Returns:
            Shape (`REPLICATES`, s).
        """
        return np.asarray(self.weights @ (parts if self.fold is None else self.fold @ parts), np.float64)


def sample(items: npt.NDArray[np.int64], seed: int = 0) -> Sample:
    """Draw items, of which `items` have each pattern.

    Above `BOOTSTRAP_PATTERNS` patterns, items are dealt to `BLOCKS` blocks by lot, and blocks are drawn: their sums are sums of
    independent items too, so the spread is that of drawing items, and costs no more than reading them.

    >>> drawn = sample(np.array([30, 70]))
    >>> drawn.weights.shape, set(drawn.weights.sum(axis=1).tolist())
    ((1000, 2), {100.0})
    """
    from scipy import sparse

    rng = np.random.default_rng(seed)
    number = int(items.sum())
    if len(items) <= BOOTSTRAP_PATTERNS:
        return Sample(rng.multinomial(number, items / number, size=REPLICATES).astype(np.float64), None)
    pattern = np.repeat(np.arange(len(items)), items)
    dealt = sparse.coo_array((np.ones(number), (rng.integers(0, BLOCKS, number), pattern)), shape=(BLOCKS, len(items)))
    weights = rng.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), size=REPLICATES)
    return Sample(weights.astype(np.float64), sparse.csr_array(dealt))


def percentiles(sampled: Floats) -> tuple[Floats, Floats]:
    """95 % percentile intervals over the samples, shape (s,) from (samples, s); samples without a value do not count."""
    bad = ~np.isfinite(sampled)
    if not bad.any():
        low, high = np.quantile(sampled, [0.025, 0.975], axis=0)
        return low, high
    low, high = (np.full(sampled.shape[1], np.nan) for _ in range(2))
    some = np.flatnonzero(~bad.all(axis=0))
    low[some], high[some] = np.nanquantile(np.where(bad, np.nan, sampled)[:, some], [0.025, 0.975], axis=0)
    return low, high
