"""The right number of each item, where people give numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

N_ITER = 50  # rounds at most
TOL = 1e-6  # change of every weight, as a share of it
STRENGTH = 4.0  # answers of the usual variance in a person's


@dataclass(frozen=True)
class Means:
    """Weighted means.

    Attributes:
        value: of each item, shape (items,).
        error: its standard error, were the people's errors independent, shape (items,).
        variance: of each person about the items' values, shape (people,).
        iterations: rounds done.
    """

    value: Floats
    error: Floats
    variance: Floats
    iterations: int


def weighted(item: Ints, person: Ints, value: Floats, n_iter: int = N_ITER, tol: float = TOL) -> Means:
    """Means weighted by the inverse variance of the people, learnt from the same means.

    A person's variance is that of their residuals, each over 1 - its weight's share of its item (what is left of it after the mean
    has moved towards it), drawn towards the usual one by `STRENGTH` answers: nobody's weight runs away (Cochran, J. Royal
    Statistical Society Supplement 4, 1937, iterated as by Raykar et al., JMLR 11, 2010, section 5).

    Args:
        item: of each answer, 0.., shape (n,).
        person: of each answer, 0.., shape (n,).
        value: the answers, shape (n,).
        n_iter: rounds at most.
        tol: largest change of a weight, as a share of it, at which the rounds end.

    >>> item, person = np.repeat(np.arange(50), 3), np.tile(np.arange(3), 50)
    >>> value = np.array([0.0, 0.0, 5.0])[person] * np.where(item % 2, 1, -1)  # the third is far off, now above, now below
    >>> float(np.abs(weighted(item, person, value).value).max().round(1)) < 1
    True
    """
    items, people = int(item.max(initial=-1)) + 1, int(person.max(initial=-1)) + 1
    given = np.bincount(person, minlength=people)
    weight = np.ones(people)
    variance: Floats = weight
    centre: Floats = np.zeros(items)
    total: Floats = np.ones(items)
    done = 0
    while done < n_iter:
        mine = weight[person]
        total = np.asarray(np.bincount(item, mine, items), np.float64)
        centre = np.asarray(np.bincount(item, mine * value, items) / total, np.float64)
        left = 1 - mine / total[item]
        square = np.where(left > 1e-9, np.square(value - centre[item]) / np.maximum(left, 1e-9), 0.0)
        usable = np.bincount(person, left > 1e-9, people)
        squares = np.bincount(person, square, people)
        pooled = squares.sum() / max(1.0, usable.sum())
        if pooled <= 0:
            break
        # A geometric mean: the variance of one wild person is not everybody's.
        own = np.log(np.maximum(squares / np.maximum(usable, 1), pooled / 1e4))
        usual = float(np.exp((usable * own).sum() / usable.sum()))
        variance = (squares + STRENGTH * usual) / (usable + STRENGTH)
        before, weight, done = weight, usual / variance, done + 1
        if np.abs(weight / before - 1)[given > 0].max(initial=0) < tol:
            break
    scale = float((weight * variance)[given > 0].mean()) if done and items else 0.0
    return Means(centre, np.sqrt(scale / total), variance if done else np.zeros(people), done)
