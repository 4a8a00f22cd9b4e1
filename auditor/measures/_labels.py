"""Agreement on each label: does one person give it where another does?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._sample import percentiles, sample

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.measures._alpha import Patterns

    Floats = npt.NDArray[np.float64]

STATISTICS = ("specific", "alpha", "kappa", "third")
_AT_ONCE = 500  # labels


def by_label(patterns: Patterns, seed: int = 0) -> dict[str, Floats]:
    """Agreement on each label against all others.

    Args:
        patterns: votes; units with one vote are left out.
        seed: of the bootstrap of items.

    Returns:
        Arrays of shape (labels,), NaN where nothing can be told: `votes` for the label, `items` where it occurs, `prevalence`, and
        with an interval (`_low`, `_high`) each of
        specific: share of the other votes on its items that give it too, one vote for the label being given, 0..1;
        alpha: Krippendorff's alpha of the label against the rest; kappa: Fleiss' kappa of the same;
        third: share of third votes that give it where two others do, 0..1: what slips from common labels cannot lower much.

    Source:
        Specific agreement: Cicchetti and Feinstein, J. Clinical Epidemiology 43, 1990, of two people 2a / (2a + b + c); of many:
        pairs of votes (Fleiss, Psychological Bulletin 76, 1971, section 4).

    >>> from auditor.measures._alpha import Patterns
    >>> from scipy import sparse
    >>> two = Patterns(sparse.csr_array(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])), np.array([40, 10, 50]))
    >>> by_label(two)["specific"].round(4).tolist()  # 2 * 40 / (2 * 40 + 10)
    [0.8889, 0.9091]
    """
    from scipy import sparse

    size = np.asarray(patterns.counts.sum(axis=1), np.float64)
    patterns = patterns.of(size > 1)
    size = size[size > 1]
    labels = patterns.counts.shape[1]
    names = [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]
    found = {name: np.full(labels, np.nan) for name in ("votes", "items", "prevalence", *names)}
    if not len(size):
        return found
    items = patterns.items.astype(np.float64)
    drawn = sample(patterns.items, seed)
    # Votes and items of a whole sample are the same for every label.
    whole = np.stack([size, np.ones(len(size))], axis=1)
    base, bases = items @ whole, drawn.sums(whole)
    for start in range(0, labels, _AT_ONCE):
        some = slice(start, min(start + _AT_ONCE, labels))
        counts = sparse.csc_array(patterns.counts[:, some]).tocsr()
        c, n = counts.data, size[np.repeat(np.arange(len(size)), np.diff(counts.indptr))]
        differ = 2 * c * (n - c)
        each = [
            sparse.csr_array((part, counts.indices, counts.indptr), shape=counts.shape)
            for part in (
                c, c * (c - 1), c * (n - 1), differ / (n - 1), differ / (n * (n - 1)), c * (c - 1) * (c - 2), c * (c - 1) * (n - 2)
            )
        ]  # fmt: skip
        value = _statistics([items @ part for part in each], base)
        low, high = percentiles(_statistics([drawn.sums(part) for part in each], bases).reshape(len(bases), -1))
        found["votes"][some] = items @ each[0]
        found["items"][some] = items @ (counts > 0)
        found["prevalence"][some] = found["votes"][some] / base[0]
        for name, a, b, d in zip(STATISTICS, value, low.reshape(value.shape), high.reshape(value.shape), strict=True):
            known = np.isfinite(a)
            found[name][some] = np.where(known, a, np.nan)
            found[f"{name}_low"][some], found[f"{name}_high"][some] = np.where(known, b, np.nan), np.where(known, d, np.nan)
    return found


def _statistics(sums: list[Floats], base: Floats) -> Floats:
    """`STATISTICS` of sums of shape (labels,) or (samples, labels), stacked before the labels."""
    given, same, possible, differ, per_item, thirds, of_thirds = sums
    votes, items = base[..., :1], base[..., 1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = 2 * given * (votes - given)
        return np.stack(
            [
                same / possible, 1 - differ * (votes - 1) / chance, 1 - per_item / items * votes**2 / chance, thirds / of_thirds
            ],
            axis=-2,
        )  # fmt: skip
