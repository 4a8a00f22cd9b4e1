"""Models of annotators by expectation and maximisation: who errs how, and so which label is right.

All start from the shares of the votes (MACE from drawn parameters) and iterate: posteriors of the right labels from the errors,
errors from the posteriors. They stop after `n_iter` rounds, or when a round raises the log likelihood by less than `tol` nats a
vote. The rounds are those of crowd-kit 1.4; its rule of stopping is not ours, since its bound counts the labels' shares once a vote
and may fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._ballots import expect, expect_shares

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from auditor.measures._ballots import Ballots, Expected

    Floats = npt.NDArray[np.float64]

N_ITER = 50  # rounds at most
TOL = 1e-6  # nats a vote
FLOOR = 1e-10  # no probability below: a label that somebody gave is never impossible
# Answers, in a person's first guess at their errors, that are everybody's: people with few answers look like the others.
STRENGTH = 4.0


@dataclass(frozen=True)
class Fit:
    """A model of annotators.

    Attributes:
        error: probability of each pair's label by its person where each label is right, shape (pairs, labels): estimated last.
        prior: share of each label, shape (labels,): estimated last.
        used_error: the errors from which the posteriors follow.
        used_prior: the shares from which the posteriors follow.
        likelihood: log likelihood of the votes under these, in nats.
        iterations: rounds done.
        converged: whether the likelihood stopped rising.
    """

    error: Floats
    prior: Floats
    used_error: Floats
    used_prior: Floats
    likelihood: float
    iterations: int
    converged: bool


def _iterate(votes: Ballots, errors: Callable[[Expected], Floats], n_iter: int, tol: float, *, level: bool = False) -> Fit:
    """Rounds of posteriors and errors; with `level` all labels stay equally likely beforehand."""

    def shares(sums: Expected) -> Floats:
        return np.full(votes.labels, 1 / max(1, votes.labels)) if level else np.maximum(sums.total / max(1, votes.items), FLOOR)

    first = expect_shares(votes)
    error, prior = errors(first), shares(first)
    likelihood, done, converged = -np.inf, 0, False
    used_error, used_prior = error, prior
    while done < n_iter and not converged:
        used_error, used_prior = error, prior
        sums = expect(votes, np.log(used_error), np.log(used_prior))
        error, prior = errors(sums), shares(sums)
        converged = sums.likelihood - likelihood < tol * votes.votes
        likelihood, done = sums.likelihood, done + 1
    return Fit(error, prior, used_error, used_prior, likelihood, done, converged)


def dawid_skene(votes: Ballots, n_iter: int = N_ITER, tol: float = TOL) -> Fit:
    """A confusion matrix for each person (Dawid and Skene, Applied Statistics 28, 1979, equations 2.3 to 2.5).

    Labels that a person never gave are not among the outcomes of that person.

    Args:
        votes: the votes.
        n_iter: rounds at most.
        tol: smallest rise of the log likelihood per vote, in nats, that makes another round worth while.

    Returns:
        The errors: of each person and right label they sum to 1 over the person's pairs.

    >>> from auditor.measures._ballots import ballots
    >>> item, person = np.repeat(np.arange(20), 3), np.tile(np.arange(3), 20)
    >>> label = np.where(person < 2, item % 2, 0)  # two who know, one who always says 0
    >>> dawid_skene(ballots(item, person, label)).error.round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """

    def errors(sums: Expected) -> Floats:
        kept = np.maximum(sums.counts, FLOOR)
        return kept / votes.of_people(kept)[votes.person]

    return _iterate(votes, errors, n_iter, tol)


def dawid_skene_map(votes: Ballots, n_iter: int = N_ITER, tol: float = TOL, strength: float = STRENGTH) -> Fit:
    """As `dawid_skene`, with a Dirichlet prior: `strength` answers of everybody together, in every row of a person's matrix.

    The mean of each row's posterior distribution given the expected counts (Kim and Ghahramani, Bayesian Classifier Combination,
    AISTATS 2012, section 2, with the prior's mean learnt from all people). Everybody's matrix has half an answer in each cell on
    top.

    Args:
        votes: the votes.
        n_iter: rounds at most.
        tol: smallest rise of the log likelihood per vote, in nats.
        strength: weight of everybody's errors, in answers.

    Returns:
        The errors; over a person's pairs they sum to 1 or less, since labels that were not given keep what the prior says of them.
    """
    return _iterate(votes, lambda sums: shrunk(votes, sums.counts, strength), n_iter, tol)


def everybody(votes: Ballots, counts: Floats) -> Floats:
    """The errors of all people, half an answer added to each cell, shape (labels given, labels right); columns sum to 1."""
    total = np.full((votes.labels, votes.labels), 0.5)
    np.add.at(total, votes.label, counts)
    return np.asarray(total / total.sum(axis=0), np.float64)


def shrunk(votes: Ballots, counts: Floats, strength: float) -> Floats:
    """Errors of each pair, drawn towards everybody's, shape (pairs, labels)."""
    usual = everybody(votes, counts)[votes.label]
    return (counts + strength * usual) / (votes.of_people(counts) + strength)[votes.person]


def one_coin(votes: Ballots, n_iter: int = N_ITER, tol: float = TOL) -> Fit:
    """One accuracy for each person; wrong labels are equally likely (Zhang, Chen, Zhou, Jordan, JMLR 17, 2016, section 2).

    Args:
        votes: the votes.
        n_iter: rounds at most.
        tol: smallest rise of the log likelihood per vote, in nats.
    """
    given = votes.of_people(votes.tally())
    return _iterate(votes, lambda sums: coins(votes, own(votes, sums.counts) / given), n_iter, tol)


def own(votes: Ballots, counts: Floats) -> Floats:
    """Expected right answers of each person, shape (people,)."""
    return votes.of_people(counts[np.arange(len(votes.label)), votes.label])


def coins(votes: Ballots, skill: Floats) -> Floats:
    """Errors of people of whom only the accuracy is known, shape (pairs, labels).

    Args:
        votes: whose pairs.
        skill: accuracy, shape (people,).
    """
    right = votes.label[:, None] == np.arange(votes.labels)
    mine = skill[votes.person][:, None]
    return np.clip(np.where(right, mine, (1 - mine) / max(1, votes.labels - 1)), FLOOR, 1 - FLOOR)


def majority(votes: Ballots, n_iter: int = N_ITER, tol: float = TOL) -> Fit:
    """One accuracy for all people together: all labels equally likely beforehand, so the most probable is the one with most votes.

    Args:
        votes: the votes.
        n_iter: rounds at most.
        tol: smallest rise of the log likelihood per vote, in nats.
    """

    def errors(sums: Expected) -> Floats:
        return coins(votes, np.full(votes.people, own(votes, sums.counts).sum() / max(1, votes.votes)))

    return _iterate(votes, errors, n_iter, tol, level=True)


def mace(
    votes: Ballots, start: tuple[Floats, Floats] | None = None, n_iter: int = N_ITER, *, seed: int = 0, restarts: int = 3
) -> Fit:
    """Each person knows the label, or answers from a distribution of their own (Hovy, Berg-Kirkpatrick, Vaswani, Hovy, NAACL 2013).

    Variational Bayes with Beta(0.5, 0.5) on guessing and Dirichlet(10) on the distributions, as crowd-kit does; all labels equally
    likely beforehand. Of several starts the one with the highest likelihood is kept.

    Args:
        votes: the votes.
        start: guess or know of each person, shape (people, 2), and their distribution, shape (people, labels); drawn where None.
        n_iter: rounds, all of them done.
        seed: of the draws.
        restarts: starts that are drawn.
    """
    rng = np.random.default_rng(seed)
    starts = [start] if start else [_drawn(rng, votes) for _ in range(restarts)]
    fits = [_mace(votes, *one, n_iter) for one in starts]
    return max(fits, key=lambda fit: fit.likelihood)


def _drawn(rng: np.random.Generator, votes: Ballots) -> tuple[Floats, Floats]:
    guess, theta = (rng.uniform(1, 2.5, (votes.people, k)) for k in (2, votes.labels))
    return guess / guess.sum(axis=1, keepdims=True), theta / theta.sum(axis=1, keepdims=True)


def _mace(votes: Ballots, guess: Floats, theta: Floats, n_iter: int) -> Fit:
    from scipy import special

    prior = np.full(votes.labels, 1 / votes.labels)
    right = votes.label[:, None] == np.arange(votes.labels)

    def normal(counts: Floats, beforehand: float) -> Floats:
        total = np.exp(special.digamma((counts + beforehand).sum(axis=1, keepdims=True)))
        return np.asarray(np.exp(special.digamma(counts + beforehand)) / total, np.float64)

    def error() -> tuple[Floats, Floats]:
        blind = (guess[votes.person, 0] * theta[votes.person, votes.label])[:, None]
        return blind, blind + guess[votes.person, 1][:, None] * right

    blind, table = error()
    sums = expect(votes, np.log(table), np.log(prior))
    for _ in range(n_iter):
        strategy = (sums.counts * blind / table).sum(axis=1)
        knowing = (sums.counts * (1 - blind / table)).sum(axis=1)
        given = np.zeros((votes.people, votes.labels))
        given[votes.person, votes.label] = strategy
        guess = normal(np.stack([votes.of_people(strategy), votes.of_people(knowing)], axis=1), 0.5)
        theta = normal(given, 10.0)
        blind, table = error()
        sums = expect(votes, np.log(table), np.log(prior))
    return Fit(table, prior, table, prior, sums.likelihood, n_iter, converged=True)
