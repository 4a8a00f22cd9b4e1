"""What is known of people: shrunk accuracies, abilities beside difficulties, and how much of their answers comes from the item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._stats import Z95

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

ROUNDS = 50  # of Newton's steps in `rasch`, at most
SETTLED = 1e-6  # logits: the largest step at which they end


def beta_binomial(x: Floats, n: Floats) -> tuple[float, float]:
    """The Beta distribution of people's accuracies that makes their right answers most likely.

    Args:
        x: right answers, shape (people,).
        n: answers, shape (people,).

    Returns:
        Both parameters, their sum between 1 and 10,000. Source: empirical Bayes of the beta-binomial, Casella, American
        Statistician 39, 1985; the likelihood of Skellam, JRSS B 10, 1948.

    >>> rng = np.random.default_rng(0)
    >>> n = np.full(3000, 40.0)
    >>> [round(one) for one in beta_binomial(rng.binomial(40, rng.beta(8, 2, 3000)).astype(float), n)]
    [8, 2]
    """
    from scipy import optimize, special

    used = n > 0
    x, n = x[used], n[used]
    if not len(n):
        return 1.0, 1.0

    def surprise(at: Floats) -> float:
        mean, strength = special.expit(at[0]), np.exp(at[1])
        a, b = mean * strength, (1 - mean) * strength
        return float(-(special.betaln(a + x, b + n - x) - special.betaln(a, b)).sum())

    rate = float(np.clip((x.sum() + 0.5) / (n.sum() + 1), 1e-6, 1 - 1e-6))
    limits = [(special.logit(1e-6), special.logit(1 - 1e-6)), (0.0, np.log(1e4))]
    at = optimize.minimize(surprise, np.array([special.logit(rate), np.log(10.0)]), method="L-BFGS-B", bounds=limits).x
    mean, strength = float(special.expit(at[0])), float(np.exp(at[1]))
    return round(mean * strength, 6), round((1 - mean) * strength, 6)


def shrunk(x: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Accuracies drawn towards everybody's, with 95 % intervals: mean and quantiles of the Beta posterior.

    Args:
        x: right answers, shape (people,).
        n: answers, shape (people,).

    Returns:
        Mean, low, high, each of shape (people,), 0..1; NaN for people without answers.
    """
    from scipy import special

    a, b = beta_binomial(x, n)
    known = n > 0
    mean = np.where(known, (a + x) / (a + b + n), np.nan)
    low, high = (np.where(known, special.betaincinv(a + x, b + n - x, q), np.nan) for q in (0.025, 0.975))
    return mean, low, high


def rasch(item: Ints, person: Ints, right: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Ability of people beside the difficulty of the items they happened to get.

    P(right) = 1 / (1 + exp(-(ability - difficulty))) (Rasch 1960), normal priors on both: difficulties of mean 0, abilities of the
    people's own mean, all of variance 1. Posterior mode by Newton's steps on people and items in turn.

    Args:
        item: of each answer, 0.., shape (n,).
        person: of each answer, 0.., shape (n,).
        right: of each answer, shape (n,).

    Returns:
        Ability in logits and its standard error (given the difficulties), shape (people,); NaN for people without answers;
        difficulty in logits, shape (items,).

    >>> person, item = np.repeat(np.arange(2), 40), np.tile(np.arange(40), 2)
    >>> ability, error, _ = rasch(item, person, (person == 0) | (item % 4 > 0))
    >>> bool(ability[0] > ability[1]), bool(error[1] < 0.6)
    (True, True)
    """
    from scipy import special

    people, items = int(person.max(initial=-1)) + 1, int(item.max(initial=-1)) + 1
    given = np.bincount(person, minlength=people)
    hits, solved = np.bincount(person, right, people), np.bincount(item, right, items)
    mean = float(special.logit(np.clip((right.sum() + 0.5) / (len(right) + 1), 1e-6, 1 - 1e-6)))
    ability, difficulty, information = np.full(people, mean), np.zeros(items), np.asarray(np.ones(people), np.float64)
    for _ in range(ROUNDS):
        chance = special.expit(ability[person] - difficulty[item])
        information = np.asarray(np.bincount(person, chance * (1 - chance), people) + 1, np.float64)
        step = (hits - np.bincount(person, chance, people) - (ability - mean)) / information
        ability = ability + np.clip(step, -2, 2)
        chance = special.expit(ability[person] - difficulty[item])
        other = (np.bincount(item, chance, items) - solved - difficulty) / (np.bincount(item, chance * (1 - chance), items) + 1)
        difficulty = difficulty + np.clip(other, -2, 2)
        if max(np.abs(step).max(initial=0), np.abs(other).max(initial=0)) < SETTLED:
            break
        mean = float(ability[given > 0].mean()) if len(ability) else mean
    known = given > 0
    return np.where(known, ability, np.nan), np.where(known, 1 / np.sqrt(information), np.nan), difficulty


def spammer_score(error: Floats) -> Floats:
    """How much the answers tell of the right label: 1 everything, 0 nothing (Raykar and Yu, JMLR 13, 2012, section 2.2).

    Mean over pairs of right labels of half the squared distance between the answers' distributions; for two labels
    (sensitivity + specificity - 1) squared.

    Args:
        error: probability of each label given (axis 1) where each label is right (axis 2), shape (people, labels, labels).

    Returns:
        Scores, shape (people,), 0..1; NaN for one label.

    >>> spammer_score(np.array([[[0.9, 0.2], [0.1, 0.8]], [[0.3, 0.3], [0.7, 0.7]]])).round(4).tolist()
    [0.49, 0.0]
    """
    labels = error.shape[2]
    if labels < 2:
        return np.full(len(error), np.nan)
    # Over all ordered pairs c, d: sum of squares of (row c - row d) = 2 (labels * sum of squares - square of the sum).
    squares = labels * np.square(error).sum(axis=(1, 2)) - np.square(error.sum(axis=2)).sum(axis=1)
    return np.asarray(np.clip(squares / (labels * (labels - 1)), 0, 1), np.float64)


def informed(person: Ints, truth: Ints, label: Ints, people: int, labels: int) -> dict[str, Floats]:
    """The share of each person's answers that come from the item, as everybody's do, and not from a habit of their own.

    An answer of a person of share s is right with probability s u + (1 - s) h: u is how often everybody gives that label where it
    is right, h how often this person gives it anywhere. The share makes the expected right answers those observed, each answer
    weighted by what it can tell (the score of s at one half). Answers where the habit does as well as everybody tell nothing: who
    always says the common label is judged by the items of the others, and nobody is suspected for being right.

    Args:
        person: of each answer, shape (n,).
        truth: the label that the others make most probable, shape (n,).
        label: the label given, shape (n,).
        people: how many people.
        labels: how many labels.

    Returns:
        informed, informed_low and informed_high (95 %, normal, the habits taken as known), about 0 for who guesses and 1 for
        everybody;
        spammer_p: chance of so few right answers were the share one half. Each of shape (people,), NaN where no answer tells
            anything.

    >>> rng = np.random.default_rng(0)
    >>> truth, person = rng.integers(0, 2, 400), np.repeat([0, 1], 200)  # one who knows, one who guesses
    >>> label = np.where((person == 0) & (rng.random(400) < 0.9), truth, rng.integers(0, 2, 400))
    >>> [round(float(one), 1) for one in informed(person, truth, label, 2, 2)["informed"]]
    [2.1, -0.1]
    """
    from scipy import special

    n = np.bincount(person, minlength=people)
    seen = np.bincount(truth, minlength=labels)
    usual = np.bincount(truth, label == truth, labels) / np.maximum(seen, 1)
    cell = person * labels + truth
    habit = np.bincount(person * labels + label, minlength=people * labels) / np.maximum(n, 1).repeat(labels)
    h, u = habit[cell], usual[truth]
    half = np.clip((h + u) / 2, 0.01, 0.99)
    weight = np.maximum(u - h, 0) / (half * (1 - half))

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(person, values, people), np.float64)

    above, reach = total(weight * ((label == truth) - h)), total(weight * (u - h))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(reach > 1e-9, above / reach, np.nan)
        at = np.clip(np.nan_to_num(share), 0, 1)[person]
        at = np.clip(at * u + (1 - at) * h, 0.01, 0.99)
        error = np.sqrt(total(np.square(weight) * at * (1 - at))) / reach
        z = (above - reach / 2) / np.sqrt(total(np.square(weight) * half * (1 - half)))
    p = np.where(reach > 1e-9, special.ndtr(z), np.nan)
    return {"informed": share, "informed_low": share - Z95 * error, "informed_high": share + Z95 * error, "spammer_p": p}
