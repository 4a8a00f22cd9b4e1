"""How often a check is right, from what people said of its findings: a Beta posterior, so that few answers say little."""

from __future__ import annotations

from dataclasses import dataclass

# Jeffreys' prior for a share: Beta(1/2, 1/2).
PRIOR = 0.5
LEVEL = 0.95


@dataclass(frozen=True)
class Precision:
    """What is known of a check's precision: the share of its findings that are faults.

    Of the findings that somebody judged, that is: where these were the worst ones, the share among all of them is lower.

    Attributes:
        n: findings that somebody called a fault or not.
        faults: of these, faults; one on which people differ counts by the share of them who call it one.
        disputed: of these, findings on which people differ.
        mean: of the posterior.
        low, high: ends of its 95 % interval, equal tails.
    """

    n: int
    faults: float
    disputed: int
    mean: float
    low: float
    high: float


def posterior(faults: float, n: int, disputed: int = 0) -> Precision:
    """The posterior of a check's precision under Jeffreys' prior.

    It assumes that the judged findings are a fair sample of those that it is used for, and judged one by one.

    Args:
        faults: findings that are faults, 0..n; a part of one where people differ.
        n: findings that were judged.
        disputed: of these, those on which people differ.

    Returns:
        Mean and 95 % interval, each 0..1; without answers those of the prior: 0.5 [0.002, 0.998].

    Raises:
        ValueError: more faults than findings.

    Source: Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion, Statistical Science 16, 2001, section 4.3,
    without its change of the ends at 0 and n of n: these are the quantiles of the posterior throughout.

    >>> found = posterior(9, 10)
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
    (0.864, 0.619, 0.989)
    """
    from scipy import special

    if not 0 <= faults <= n:
        raise ValueError(f"{faults} faults of {n} findings")
    a, b = faults + PRIOR, n - faults + PRIOR
    low, high = (float(special.betaincinv(a, b, at)) for at in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Precision(n, faults, disputed, a / (a + b), low, high)
