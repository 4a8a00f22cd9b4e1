"""Simple models of texts and of tables, cross-validated: the one place that imports scikit-learn, which is an extra."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.integer[Any]]

NEEDS = ("sklearn", "scikit-learn", "pip install label-auditor[models]")
FOLDS = 5
TRAINED = 2_000  # rows that one fold learns from, at most: more cost minutes, and a simple model gains little by them
_FEATURES = 1 << 16  # hashed n-grams


def folds(group: Ints, count: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold for each row, the same for all rows of a group, drawn by lot.

    >>> fold = folds(np.array([7, 7, 8, 9, 9]), 2, 0)
    >>> bool(fold[0] == fold[1] and fold[3] == fold[4])
    True
    """
    named, place = np.unique(group, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(named)) % count
    return np.asarray(dealt[place], np.int64)


def of_texts(texts: Sequence[str], label: Ints, fold: Ints, classes: int, progress: Callable[[int], None]) -> Floats:
    """Out-of-fold probabilities of a logistic regression over hashed words and character n-grams.

    Args:
        texts: length n.
        label: class of each, shape (n,).
        fold: the fold in which each is held out, shape (n,).
        classes: K.
        progress: called with the folds done.

    Returns:
        Shape (n, K), rows of sum 1; the same for the same texts, labels and folds.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = HashingVectorizer(n_features=_FEATURES, ngram_range=(1, 2), alternate_sign=False, norm=None)
    letters = HashingVectorizer(n_features=_FEATURES, ngram_range=(3, 4), analyzer="char_wb", alternate_sign=False, norm=None)
    features = sparse.hstack([words.transform(texts), letters.transform(texts)], format="csr")
    return _held_out(
        lambda: make_pipeline(TfidfTransformer(sublinear_tf=True), LogisticRegression(C=10.0, max_iter=100)),
        features, label, fold, classes, progress,
    )  # fmt: skip


def of_tables(
    columns: Sequence[Sequence[str | None]], label: Ints, fold: Ints, classes: int, progress: Callable[[int], None]
) -> Floats:
    """Out-of-fold probabilities of gradient-boosted trees over columns of text, which may be numbers.

    Args:
        columns: each of length n; None for what is missing.
        label: as in `of_texts`.
        fold: as in `of_texts`.
        classes: as in `of_texts`.
        progress: as in `of_texts`.

    Returns:
        Shape (n, K), rows of sum 1.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    encoded = [_encoded(column) for column in columns]
    features = np.stack([values for values, _ in encoded], axis=1)
    kinds = [named for _, named in encoded]
    return _held_out(
        lambda: HistGradientBoostingClassifier(max_iter=60, early_stopping=False, categorical_features=kinds, random_state=0),
        features, label, fold, classes, progress,
    )  # fmt: skip


def _encoded(column: Sequence[str | None]) -> tuple[npt.NDArray[np.float64], bool]:
    """A column as numbers, and whether they are codes of names: 254 of the commonest, others are missing."""
    try:
        return np.array([np.nan if text in {None, ""} else float(text) for text in column], np.float64), False
    except ValueError:
        names, place, counts = np.unique([text or "" for text in column], return_inverse=True, return_counts=True)
        rank = np.empty(len(names))
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
        codes = np.where((rank < 254) & (names != ""), rank, np.nan)
        return codes[place], True


def _held_out(
    made: Callable[[], Any], features: Any, label: Ints, fold: Ints, classes: int, progress: Callable[[int], None]
) -> Floats:
    from sklearn.exceptions import ConvergenceWarning

    probs = np.zeros((len(label), classes), np.float32)
    for number in range(int(fold.max(initial=-1)) + 1):
        held = fold == number
        learn = np.flatnonzero(~held)
        if len(learn) > TRAINED:
            learn = np.sort(np.random.default_rng(number).choice(learn, TRAINED, replace=False))
        if not held.any() or len(np.unique(label[learn])) < 2:
            continue
        model = made()
        with warnings.catch_warnings():
            # A regression that has not quite converged after 100 rounds ranks labels as well.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features[learn], label[learn])
        probs[np.ix_(held, model.classes_)] = model.predict_proba(features[held])
        progress(number + 1)
    return probs
