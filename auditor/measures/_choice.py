"""Which model of annotators explains votes that it has not seen: the choice of a method without gold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _glad, _truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from auditor.measures._ballots import Ballots

    Floats = npt.NDArray[np.float64]
    Mixture = list[tuple[float, Floats]]

FOLDS = 5  # parts of the items, each held out in turn
SAME = 1e-3  # nats a vote that are no difference to anybody
SAMPLE = 200_000  # votes that the choice looks at, at most
# The simplest first: a number for all, one for each person, a distribution for each, a matrix for each, the difficulty of each
# item.
METHODS = ("majority", "one_coin", "mace", "dawid_skene_map", "dawid_skene", "glad")
GLAD_VOTES = 50_000  # above, the fit of every item's difficulty takes too long


@dataclass(frozen=True)
class Score:
    """How a method predicts votes.

    Attributes:
        method: its name.
        loss: of each item that was held out, -log probability of its votes each given the item's other votes, in nats, shape
            (items,).
        votes: votes of each of these items, shape (items,).
        rounds: rounds of learning, the most of the folds.
    """

    method: str
    loss: Floats
    votes: Floats
    rounds: int

    @property
    def log_loss(self) -> float:
        """Mean over votes, in nats."""
        return float(self.loss.sum() / max(1.0, self.votes.sum()))


def left_out(votes: Ballots, mixture: Mixture, prior: Floats) -> Floats:
    """-log P(vote | the item's other votes), summed over the votes of each item, shape (items,).

    Args:
        votes: votes on items that the model has not seen.
        mixture: weights and errors, shape (pairs, labels); several where items differ in a way that cannot be seen.
        prior: share of each label, shape (labels,).
    """
    item = np.repeat(np.arange(votes.items), np.diff(votes.start))
    whole, rest = [], []
    for weight, error in mixture:
        log_error = np.log(error)
        spoken = votes.of(0, votes.items) @ log_error + np.log(prior) + np.log(weight)
        whole.append(_lse(spoken))
        rest.append(_lse(spoken[item] - log_error[votes.pair]))
    loss = _lse(np.stack(rest, axis=1)) - _lse(np.stack(whole, axis=1))[item]
    return np.asarray(np.bincount(item, loss, votes.items), np.float64)


def _lse(values: Floats) -> Floats:
    """Logarithm of the sum of exponentials of each row."""
    most = values.max(axis=1)
    return np.asarray(most + np.log(np.exp(values - most[:, None]).sum(axis=1)), np.float64)


def scores(votes: Ballots, methods: Sequence[str] = METHODS, seed: int = 0) -> list[Score]:
    """Hold out a fifth of the items in turn, learn people's errors from the others, and predict each vote from its fellows.

    People who are not seen in learning get what the method says of somebody unknown: everybody's accuracy or errors, or the prior's
    mean.

    Args:
        votes: the votes; of more than `SAMPLE` a sample of whole items is used.
        methods: names of `METHODS`; glad is left out above `GLAD_VOTES` votes, one_coin to glad where there is one label only.
        seed: of the sample and the folds.
    """
    rng = np.random.default_rng(seed)
    size = np.diff(votes.start)
    order = rng.permutation(np.flatnonzero(size > 1))
    order = order[: max(FOLDS, int(np.searchsorted(np.cumsum(size[order]), SAMPLE, side="right")))]
    held: dict[str, list[tuple[Floats, Floats, int]]] = {
        name: [] for name in methods if name == "majority" or (votes.labels > 1 and (name != "glad" or votes.votes <= GLAD_VOTES))
    }
    if len(order) < FOLDS:
        return []
    for fold in range(FOLDS):
        chosen = np.sort(order[fold::FOLDS])
        test, learn = votes.take(chosen), votes.take(np.sort(np.delete(order, np.s_[fold::FOLDS])))
        for name, parts in held.items():
            mixture, prior, rounds = learnt(name, learn)
            parts.append((left_out(test, mixture, prior), np.diff(test.start).astype(np.float64), rounds))
    made = []
    for name, parts in held.items():
        loss, answered = (np.concatenate(column) for column in ([part[0] for part in parts], [part[1] for part in parts]))
        made.append(Score(name, loss, answered, max(part[2] for part in parts)))
    return made


def learnt(name: str, votes: Ballots) -> tuple[Mixture, Floats, int]:
    """What a method learns of people: errors (several where it knows of difficulty), labels' shares, rounds."""
    level = np.full(votes.labels, 1 / votes.labels)
    known = _glad.seen(votes) > 0
    if name == "glad":
        found = _glad.glad(votes)
        return _glad.nodes(votes, np.where(known, found.ability, 1.0)), level, found.iterations
    fit = _truth.mace(votes, restarts=1) if name == "mace" else getattr(_truth, name)(votes)
    error = fit.error
    if not known.all():
        strange = ~known[votes.person]
        pooled = np.zeros((votes.labels, votes.labels))
        given = votes.tally()
        np.add.at(pooled, votes.label, error * given[:, None])
        pooled = np.maximum(pooled, _truth.FLOOR)
        error = np.where(strange[:, None], (pooled / pooled.sum(axis=0))[votes.label], error)
    return [(1.0, error)], level if name in {"majority", "mace"} else fit.prior, fit.iterations


def difference(a: Score, b: Score) -> tuple[float, float]:
    """Mean difference of the losses of a vote, a - b, and its standard error with items as the clusters, in nats.

    Source: ratio of sums over clusters, Cochran, Sampling Techniques, 1977, section 6.3.
    """
    n = len(a.loss)
    gap = a.loss - b.loss
    mean = gap.sum() / a.votes.sum()
    return float(mean), float(np.sqrt(n / max(1, n - 1) * np.square(gap - mean * a.votes).sum()) / a.votes.sum())


def chosen(found: Sequence[Score]) -> tuple[str, str]:
    """The simplest method that is within one standard error of the best, and why.

    Source: the one standard error rule of Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, 1984, section
    3.4.3, with the standard error of the difference, since all methods predict the same votes.
    """
    if not found:
        return "majority", f"fewer than {FOLDS} items have two votes: there is nothing to choose by"
    best = min(found, key=lambda score: score.log_loss)
    for score in found:
        gap, error = difference(score, best)
        if gap <= max(error, SAME):
            break
    if score is best:
        return score.method, f"it predicts votes held out best: {score.log_loss:.4f} nats a vote"
    why = (
        f"simpler than {best.method}, and no more than one standard error worse: {gap:.4f} (standard error {error:.4f}) nats a vote"
    )
    return score.method, why
