"""Small statistics over arrays: intervals, corrections, comparisons of clustered rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution


def wilson(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    """95 % score interval of shares (Wilson, JASA 22, 1927).

    Args:
        x: successes, shape (k,).
        n: trials, shape (k,).

    Returns:
        Lower and upper bounds, 0..1; NaN where n is 0.

    >>> low, high = wilson(np.array([81.0]), np.array([263.0]))
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.2553, 0.3662)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        p, square = x / n, Z95 * Z95
        centre = (p + square / (2 * n)) / (1 + square / n)
        half = Z95 * np.sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p values (Benjamini and Hochberg, JRSS B 57, 1995); NaN is not part of the family and stays.

    >>> benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03])).round(3).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    by = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[by] * len(by) / np.arange(1, len(by) + 1)
    q[by] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def clustered(m: Floats, n: Floats, x: Floats, nn: Floats, xn: Floats, xx: Floats) -> tuple[Floats, Floats]:
    """Ratio sum(x) / sum(n) over clusters, with its variance by linearisation (Cochran, Sampling Techniques, 1977, section 6.3).

    Args:
        m: number of clusters, shape (k,).
        n: sum of cluster sizes n_i.
        x: sum of cluster totals x_i.
        nn: sum of n_i squared.
        xn: sum of x_i n_i.
        xx: sum of x_i squared.

    Returns:
        Ratio and variance, shape (k,); NaN where there are fewer than 2 clusters.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = x / n
        squares = np.maximum(xx - 2 * ratio * xn + ratio * ratio * nn, 0.0)
        variance = np.where(m > 1, m / (m - 1) * squares / (n * n), np.nan)
    return ratio, variance


def difference(a: tuple[Floats, Floats, Floats], b: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats, Floats, Floats]:
    """Difference of two independent estimates with a 95 % interval and p value (Welch's t, Biometrika 34, 1947).

    Args:
        a: estimate, variance, number of clusters, each of shape (k,).
        b: the same of the other group.

    Returns:
        Difference, low, high, p; NaN where a variance is unknown or both are 0.
    """
    from scipy import special

    gap, variance = a[0] - b[0], a[1] + b[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / (a[1] ** 2 / (a[2] - 1) + b[1] ** 2 / (b[2] - 1))
        known = (variance > 0) & (freedom > 0)
        error = np.sqrt(variance)
        t = np.where(known, gap / error, np.nan)
        half = special.stdtrit(np.where(known, freedom, np.nan), 0.975) * error
        p = 2 * special.stdtr(np.where(known, freedom, np.nan), -np.abs(t))
    return gap, gap - half, gap + half, p


def exchanged(m: Floats, total: Floats, excess: Floats, squares: Floats, cubes: Floats) -> Floats:
    """Two-sided p value of a group's excess, were its clusters drawn from all clusters by lot.

    The first three moments of a sum drawn without replacement are exact; a Pearson type III distribution with these stands for the
    permutation distribution (Mielke and Berry, Permutation Methods, 2007, chapter 2). Its skewness is what a normal or a t
    distribution lacks where few clusters hold all hits.

    Args:
        m: clusters of the group, shape (k,).
        total: all clusters.
        excess: sum of the group's residuals e_i = x_i - R n_i, R being the ratio of all clusters together.
        squares: sum of e_i squared over all clusters.
        cubes: sum of e_i cubed over all clusters.

    Returns:
        p values of shape (k,), 0..1; NaN where nothing varies or fewer than 3 clusters leave nothing to draw.

    >>> # 6 of the 10 hits of 1,000 single answers lie in a group of 100: the hypergeometric test says 0.00013 one-sided
    >>> hits = np.repeat([0.99, -0.01], [10, 990])
    >>> one = np.ones(1)
    >>> exchanged(100 * one, 1000 * one, 5 * one, (hits**2).sum() * one, (hits**3).sum() * one).round(4).tolist()
    [0.0003]
    """
    from scipy import special

    with np.errstate(invalid="ignore", divide="ignore"):
        variance = m * (total - m) / (total * (total - 1)) * squares
        third = m * (total - m) * (total - 2 * m) / (total * (total - 1) * (total - 2)) * cubes
        known = (variance > 0) & (total > 2)
        z = np.where(known, excess / np.sqrt(variance), np.nan)
        skewness = np.where(known, third / variance**1.5, np.nan)
        # A skewness of 0.0001 shifts no digit that is printed, and the gamma's shape would overflow below it.
        skewed = np.abs(skewness) > 1e-4
        shape = 4 / np.where(skewed, skewness, 1.0) ** 2
        gamma = np.maximum(shape + np.sign(skewness) * z * np.sqrt(shape), 0.0)
        above, below = special.gammaincc(shape, gamma), special.gammainc(shape, gamma)
        tail = np.where(skewed, np.minimum(above, below), special.ndtr(-np.abs(z)))
    return np.asarray(np.where(known, np.minimum(2 * tail, 1.0), np.nan), np.float64)
