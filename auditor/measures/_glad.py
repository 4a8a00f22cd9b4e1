"""Ability and difficulty together: people who know more, and items that are easier, give the right label more often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._truth import FLOOR

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.measures._ballots import Ballots, Ints

    Floats = npt.NDArray[np.float64]

N_ITER = 100  # rounds at most
TOL = 1e-5  # rise of the objective, per vote and label
STEPS = 25  # of the conjugate gradient in a round
STEP_TOL = 1e-2  # its gradient's largest entry where it stops
_NODES = 15  # of the quadrature over difficulties


@dataclass(frozen=True)
class Glad:
    """Abilities and difficulties.

    Attributes:
        ability: of each person, 1 is usual, 0 guesses, shape (people,).
        ease: logarithm of the inverse difficulty of each item, 1 is usual, shape (items,).
        probability: posteriors, shape (items, labels).
        iterations: rounds done.
    """

    ability: Floats
    ease: Floats
    probability: Floats
    iterations: int


def glad(votes: Ballots, n_iter: int = N_ITER, tol: float = TOL) -> Glad:
    """P(right) = 1 / (1 + exp(-ability * exp(ease))), wrong labels equally likely (Whitehill et al., NIPS 2009, section 2).

    Normal priors of mean 1 and variance 1 on both, equally likely labels, and the rule of crowd-kit 1.4: a conjugate gradient of at
    most `STEPS` steps in each round; the objective, per vote and label, must rise by `tol` (the first round always counts as a
    rise).

    Args:
        votes: the votes, of at least two labels.
        n_iter: rounds at most.
        tol: smallest rise.

    Returns:
        The fit; its posteriors are those of the last round's start, as crowd-kit's.
    """
    from scipy import optimize

    item = np.repeat(np.arange(votes.items), np.diff(votes.start))
    person, label = votes.person[votes.pair], votes.label[votes.pair]
    point = np.ones(votes.people + votes.items)
    more = np.log(max(1, votes.labels - 1))

    def parts(at: Floats) -> tuple[Floats, Floats, Floats]:
        ability, scale = at[: votes.people][person], np.exp(at[votes.people :][item])
        return ability, scale, ability * scale

    def expected(at: Floats) -> Floats:
        product = parts(at)[2]
        # log P(right) - log P(this wrong label) is the product, plus the number of ways to be wrong.
        start = np.bincount(item * votes.labels + label, product + more, votes.items * votes.labels)
        probability = start.reshape(votes.items, votes.labels)
        probability = np.exp(probability - probability.max(axis=1, keepdims=True))
        return np.asarray(probability / probability.sum(axis=1, keepdims=True), np.float64)

    def objective(at: Floats, right: Floats) -> float:
        product = parts(at)[2]
        wrong = np.maximum(product, 0) + np.log1p(np.exp(-np.abs(product)))  # log(1 + exp(product))
        # No product of vectors: BLAS sums in an order that depends on threads, and the search would take another path.
        value = -(right * (wrong - product) + (1 - right) * (wrong + more)).sum()
        value -= 0.5 * np.square(at - 1).sum() + 0.5 * len(at) * np.log(2 * np.pi)
        return float(value) if not np.isnan(value) else -np.inf

    def gradient(at: Floats, right: Floats) -> Floats:
        from scipy import special

        ability, scale, product = parts(at)
        off = (right - special.expit(product)) * scale
        rise = np.concatenate([np.bincount(person, off, votes.people), np.bincount(item, off * ability, votes.items)])
        return np.asarray(rise - (at - 1), np.float64)

    probability = expected(point)
    right = probability[item, label]
    best, done = objective(point, right), 0
    while done < n_iter:
        probability = expected(point)
        right = probability[item, label]
        found = optimize.minimize(
            lambda at, right: -objective(at, right), point, (right,), "CG", lambda at, right: -gradient(at, right),
            tol=STEP_TOL, options={"maxiter": STEPS},
        )  # fmt: skip
        point, done, before = found.x, done + 1, best
        best = objective(point, right) / (votes.votes * votes.labels)
        if best - before < tol:
            break
    return Glad(point[: votes.people], point[votes.people :], probability, done)


def nodes(votes: Ballots, ability: Floats) -> list[tuple[float, Floats]]:
    """What people with these abilities say of items whose difficulty nobody knows.

    Args:
        votes: whose pairs.
        ability: of each person, shape (people,).

    Returns:
        Points of the normal distribution of the ease: weight and errors, shape (pairs, labels).
    """
    from scipy import special

    ease, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    right = votes.label[:, None] == np.arange(votes.labels)
    made = []
    for one, share in zip(1 + ease, weight / weight.sum(), strict=True):
        skill = special.expit(ability * np.exp(one))[votes.person][:, None]
        made.append((float(share), np.clip(np.where(right, skill, (1 - skill) / max(1, votes.labels - 1)), FLOOR, 1 - FLOOR)))
    return made


def seen(votes: Ballots) -> Ints:
    """Votes of each person, shape (people,)."""
    return np.bincount(votes.person[votes.pair], minlength=votes.people)
