"""Intervals of ratios of sums over clusters, by drawing clusters again; no I/O.

Errors over words, matched over all objects, seconds of error over seconds of speech: each item brings its part of both sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import Z95, clustered

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

REPLICATES = 1000  # bootstrap samples
MIN_CLUSTERS = 10  # drawing from fewer gives the same few samples again and again
MOST_CLUSTERS = 5_000  # beyond, the normal interval of the linearised ratio is as good, and cheaper
_CHUNK = 1 << 22  # numbers held at once


def summed(group: Ints, cluster: Ints, *values: Floats) -> tuple[Ints, list[Floats]]:
    """Sums for each group and cluster that occur together, ordered by group.

    >>> group, sums = summed(np.array([0, 0, 1]), np.array([4, 4, 4]), np.array([1.0, 2.0, 5.0]))
    >>> group.tolist(), sums[0].tolist()
    ([0, 1], [3.0, 5.0])
    """
    width = int(cluster.max(initial=0)) + 1
    code, place = np.unique(group * width + cluster, return_inverse=True)
    return code // width, [np.asarray(np.bincount(place, value, len(code)), np.float64) for value in values]


def ratios(group: Ints, x: Floats, n: Floats, groups: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """sum(x) / sum(n) of each group, with the percentile interval (95 %) of a bootstrap of its clusters.

    Groups with equally many clusters share their draws. Beyond `MOST_CLUSTERS` the interval is the normal one of the linearised
    ratio.

    Args:
        group: of each cluster, ascending, shape (clusters,).
        x: numerators, shape (clusters,).
        n: denominators, 0 or more, shape (clusters,).
        groups: how many groups there are.
        seed: of the bootstrap.

    Returns:
        Ratio, low, high, each of shape (groups,); the ratio is NaN where the denominators sum to 0, the interval also for fewer
        than `MIN_CLUSTERS` clusters.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; Cochran, Sampling Techniques, 1977, 6.3.

    >>> value, low, high = ratios(np.zeros(50, np.int64), np.arange(50) % 5.0, np.full(50, 10.0), 1)
    >>> float(value[0]), bool(low[0] < 0.2 < high[0])
    (0.2, True)
    """
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    sums = [np.asarray(np.bincount(group, value, groups), np.float64) for value in (x, n, n * n, x * n, x * x)]
    value, variance = clustered(size.astype(np.float64), sums[1], sums[0], sums[2], sums[3], sums[4])
    half = np.where(size > MOST_CLUSTERS, Z95 * np.sqrt(variance), np.nan)
    low, high = value - half, value + half
    for many in np.unique(size[(size >= MIN_CLUSTERS) & (size <= MOST_CLUSTERS)]):
        rng = np.random.default_rng([seed, int(many)])
        drawn = rng.multinomial(many, np.full(many, 1 / many), size=REPLICATES).astype(np.float64)
        which = np.flatnonzero(size == many)
        for part in np.array_split(which, -(-len(which) * (REPLICATES + many) // _CHUNK)):
            place = first[part][:, None] + np.arange(many)
            with np.errstate(invalid="ignore", divide="ignore"):
                sample = (drawn @ x[place].T) / (drawn @ n[place].T)
            known = np.isfinite(sample).all(axis=0)  # a sample without a denominator has no ratio
            low[part[known]], high[part[known]] = np.quantile(sample[:, known], [0.025, 0.975], axis=0)
            for column in np.flatnonzero(~known):
                some = sample[np.isfinite(sample[:, column]), column]
                if len(some):
                    low[part[column]], high[part[column]] = np.quantile(some, [0.025, 0.975])
    return value, low, high
