"""CROWDLAB: a model's probabilities and people's votes in one weighted mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditor.measures._ballots import Ballots

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

LEAST = 1e-6  # of weights and of the error of the commonest class, as in cleanlab


@dataclass(frozen=True)
class Crowdlab:
    """Posteriors, shape (items, labels), and the weights of the people, shape (people,), and of the model."""

    probability: Floats
    weight: Floats
    model_weight: float


def crowdlab(votes: Ballots, probs: Floats) -> Crowdlab:
    """Weighted mean of the model and the people (Goh, Tkachenko, Mueller, CROWDLAB, NeurIPS HILL workshop 2022, section 3).

    A person's weight is 1 - error / error of the commonest class, errors being disagreements with the others on the same items; the
    model's is the same against the majority, times the root of the mean number of votes. A vote says its label with the probability
    that a vote is for the majority's.

    Args:
        votes: the votes; an item with one vote counts for no weight.
        probs: the model's probabilities of the labels, in the order of their codes, rows of sum 1, shape (items, labels).

    Returns:
        The posteriors. Ties of the majority go to the label the model finds most probable, then to the rarer one.
    """
    size = np.diff(votes.start)
    item = np.repeat(np.arange(votes.items), size)
    person, label = votes.person[votes.pair], votes.label[votes.pair]
    counts = np.bincount(item * votes.labels + label, minlength=votes.items * votes.labels).reshape(votes.items, votes.labels)
    winner = _winner(counts, probs)
    several = size > 1
    agreed = counts[np.arange(votes.items), winner] / size
    likely = float(agreed[several].mean())
    common = int(np.bincount(winner[several], minlength=votes.labels).argmax())
    baseline = max(float((winner[several] != common).mean()), LEAST)
    same = np.bincount(person, counts[item, label] - 1, votes.people)
    pairs = np.bincount(person, size[item] - 1, votes.people)
    agreement = np.divide(same, pairs, out=np.full(votes.people, np.nan), where=pairs > 0)
    agreement = np.where(np.isnan(agreement), np.nanmean(agreement), agreement)
    weight = np.maximum(1 - (1 - agreement) / baseline, LEAST)
    wrong = float((probs[several].argmax(axis=1) != winner[several]).mean())
    model_weight = max(1 - wrong / baseline, LEAST) * float(np.sqrt(size.mean()))
    mine = weight[person]
    total = np.bincount(item, mine, votes.items)
    given = np.bincount(item * votes.labels + label, mine, votes.items * votes.labels).reshape(votes.items, votes.labels)
    other = (1 - likely) / max(1, votes.labels - 1)
    mixed = probs * model_weight + given * likely + (total[:, None] - given) * other
    return Crowdlab(mixed / (total + model_weight)[:, None], weight, model_weight)


def _winner(counts: Ints, probs: Floats) -> Ints:
    top = counts == counts.max(axis=1, keepdims=True)
    likely = np.where(top, probs, -1.0)
    top &= likely == likely.max(axis=1, keepdims=True)
    return np.asarray(np.where(top, counts.sum(axis=0), np.iinfo(np.int64).max).argmin(axis=1), np.int64)
