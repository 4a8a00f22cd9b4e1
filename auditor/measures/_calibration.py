"""Bringing a model's probabilities to what labels say: one slope and a bias per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

FLOOR = 1e-6  # of a probability while the parameters are fitted: a wrong label then costs 14 nats at most, and cannot bend them
TINY = 1e-30  # of a probability in a score, which puts wrong labels in order where a sure model gives them next to nothing
_SLOPES = (0.05, 20.0)  # an order of probabilities is never turned round
_CHUNK = 1 << 20  # probabilities worked on at once while fitting


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
        The calibration, rounded to 6 decimals.

    >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.01, 0.99], [0.01, 0.99]] * 50)
    >>> fit(sure, np.array([0, 0, 1, 0] * 50)).slope < 1
    True
    """
    from scipy.optimize import minimize

    rows, classes = probs.shape
    number = np.bincount(given, minlength=classes)
    step = max(1, _CHUNK // classes)

    def loss(at: Floats) -> tuple[float, Floats]:
        slope, bias = at[0], at[1:]
        value = ((slope - 1) ** 2 + bias @ bias) / 2
        slide, lean = slope - 1, bias - number
        for start in range(0, rows, step):
            logs = np.log(np.maximum(probs[start : start + step], FLOOR), dtype=np.float64)
            label = given[start : start + step]
            own = logs[np.arange(len(label)), label]
            scaled = slope * logs + bias
            top = scaled.max(axis=1)
            odds = np.exp(scaled - top[:, None])
            total = odds.sum(axis=1)
            odds /= total[:, None]
            value += float((top + np.log(total) - slope * own - bias[label]).sum())
            slide += float((odds * logs).sum() - own.sum())
            lean = lean + odds.sum(axis=0)
        return value / rows, np.concatenate([[slide], lean]) / rows

    if not rows:
        return Calibration(1.0, np.zeros(classes))
    found = minimize(
        loss, np.concatenate([[1.0], np.zeros(classes)]), jac=True, method="L-BFGS-B", bounds=[_SLOPES, *[(-30.0, 30.0)] * classes],
        options={"maxiter": 100, "ftol": 1e-10, "gtol": 1e-7},
    ).x  # fmt: skip
    return Calibration(round(float(found[0]), 6), np.round(found[1:], 6))


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
