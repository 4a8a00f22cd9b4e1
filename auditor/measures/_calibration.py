"""Bringing a model's probabilities to what labels say: one slope and a bias per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.integer[Any]]

FLOOR = 1e-6  # of a probability while the parameters are fitted: a wrong label then costs 14 nats at most, and cannot bend them
TINY = 1e-30  # of a probability in a score, which puts wrong labels in order where a sure model gives them next to nothing
_SLOPES = (0.05, 20.0)  # an order of probabilities is never turned round
_CHUNK = 1 << 16  # probabilities worked on at once while fitting: they stay in the processor's cache
_ROUNDS = 50  # steps, and halvings of a step, at most; 10 to 15 steps are usual
_CLOSE = 1e-8  # nats a label that the next step may still gain
_NOISE = 1e-7  # of the likelihood, relative: single precision ends there


@dataclass(frozen=True)
class Calibration:
    """log p is replaced by slope * log p + bias of the class.

    Attributes:
        slope: above 1 for a model that is less sure than it may be.
        bias: shape (K,); above 0 for a class that the model predicts too seldom.
    """

    slope: float
    bias: Floats


def fit(probs: npt.NDArray[Any], given: Ints) -> Calibration:
    """Fit slope and biases to the labels by maximum likelihood, with a normal prior of deviation 1 around "needs no correction".

    Source: bias-corrected temperature scaling, Alexandari, Kundaje, Shrikumar, Maximum Likelihood with Bias-Corrected Calibration
    is Hard-To-Beat at Label Shift Adaptation, ICML 2020, section 4. It has K + 1 parameters for n labels, and so may be fitted to
    the labels that it then judges: one of them moves it by 1 / n.

    Args:
        probs: rows of sum 1, shape (n, K).
        given: the labels, shape (n,).

    Returns:
        The calibration, rounded to 4 decimals.

    >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.01, 0.99], [0.01, 0.99]] * 50)
    >>> fit(sure, np.array([0, 0, 1, 0] * 50)).slope < 1
    True
    """
    rows, classes = probs.shape
    if not rows:
        return Calibration(1.0, np.zeros(classes))
    logs = np.log(np.maximum(probs, np.float32(FLOOR)), dtype=np.float32)
    at = np.concatenate([[1.0], np.zeros(classes)])
    loss, slide, curve = _derivatives(logs, given, at)
    steps: list[tuple[Floats, Floats]] = []
    for _ in range(_ROUNDS):
        way = _direction(slide, curve, steps)
        # A slope at its bound stays there while the likelihood would have it beyond.
        if not _SLOPES[0] < at[0] + way[0] < _SLOPES[1]:
            way[0] = np.clip(at[0] + way[0], *_SLOPES) - at[0]
        if -(slide @ way) < _CLOSE * rows:
            break
        for _ in range(_ROUNDS):
            found = _derivatives(logs, given, at + way)
            if found[0] <= loss + 1e-4 * (slide @ way) + _NOISE * abs(loss):
                break
            way = way / 2
        if way @ (found[1] - slide) > 0:
            steps = [*steps[-9:], (way, found[1] - slide)]
        at, (loss, slide, curve) = at + way, found
    return Calibration(round(float(at[0]), 4), np.round(at[1:], 4))


def _direction(slide: Floats, curve: Floats, steps: list[tuple[Floats, Floats]]) -> Floats:
    """Where to go: L-BFGS (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4) over the Hessian's diagonal."""
    way, parts = slide.copy(), []
    for step, change in reversed(steps):
        part = (step @ way) / (step @ change)
        parts.append(part)
        way -= part * change
    way /= curve
    for (step, change), part in zip(steps, reversed(parts), strict=True):
        way += (part - (change @ way) / (step @ change)) * step
    return -way


def _derivatives(logs: npt.NDArray[np.float32], given: Ints, at: Floats) -> tuple[float, Floats, Floats]:
    """Negative log posterior of (slope, biases), its gradient and the diagonal of its Hessian, each of shape (K + 1,).

    No product of matrices: their threads would wait for each other where other processes run, twenty times as long as they work.
    """
    rows, classes = logs.shape
    bias = at[1:].astype(np.float32)
    value = float(((at[0] - 1) ** 2 + at[1:] @ at[1:]) / 2)
    slide = np.concatenate([[at[0] - 1], at[1:]])
    curve = np.ones(classes + 1)
    step = max(1, _CHUNK // classes)
    for start in range(0, rows, step):
        part, label = logs[start : start + step], given[start : start + step]
        own = part[np.arange(len(label)), label].astype(np.float64)
        odds = np.float32(at[0]) * part
        odds += bias
        top = odds.max(axis=1)
        odds -= top[:, None]
        # Nothing below exp(-40) counts, and products of smaller numbers leave the range in which processors are fast.
        np.exp(np.maximum(odds, np.float32(-40), out=odds), out=odds)
        total = odds.sum(axis=1)
        odds /= total[:, None]
        value += float((top.astype(np.float64) + np.log(total) - at[0] * own - at[1:][label]).sum())
        mean = np.einsum("ij,ij->i", odds, part)
        share = odds.sum(axis=0, dtype=np.float64)
        slide[0] += mean.sum(dtype=np.float64) - own.sum()
        slide[1:] += share - np.bincount(label, minlength=classes)
        curve[1:] += share - np.einsum("ij,ij->j", odds, odds)
        curve[0] += np.einsum("ij,ij,ij->", odds, part, part) - float((mean.astype(np.float64) ** 2).sum())
    return value, slide, curve


def odds(probs: npt.NDArray[Any], given: Ints, calibration: Calibration) -> tuple[Floats, Ints]:
    """How the given label stands against its strongest rival, after calibration.

    Args:
        probs: shape (n, K), float32 or float64.
        given: the labels, shape (n,).
        calibration: of this model.

    Returns:
        Probability of the given label if it or the rival is right, 0..1, shape (n,); and the rival's class, shape (n,).

    >>> score, rival = odds(np.array([[0.2, 0.6, 0.2]]), np.array([0]), Calibration(1.0, np.zeros(3)))
    >>> score.round(3).tolist(), rival.tolist()
    ([0.25], [1])
    """
    row = np.arange(len(given))
    # slope * log p + bias is largest where p * exp(bias / slope) is: one product a number, and no logarithm.
    weight = np.exp(np.clip(calibration.bias / calibration.slope, -60, 60)).astype(probs.dtype)
    weighted = probs * weight
    weighted[row, given] = -1
    rival = weighted.argmax(axis=1)
    logs = [np.log(np.maximum(probs[row, at].astype(np.float64), TINY)) for at in (given, rival)]
    lead = calibration.slope * (logs[0] - logs[1]) + calibration.bias[given] - calibration.bias[rival]
    return 1 / (1 + np.exp(-np.clip(lead, -700, 700))), rival
