"""The transcripts of people, item by item, as the measures of transcripts read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _rover, _words

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

READS = (
    "annotation.item_id",
    "annotation.task",
    "annotation.type",
    "annotation.source",
    "annotation.annotator_id",
    "annotation.text",
)
PRIOR = 100.0  # words of the average annotator that are added to everybody's own
# One answer for each person and item: the first. Who is not named counts as another person each time.
_QUERY = """
SELECT item_id, task, annotation_id, annotator_id, text
FROM annotation
WHERE type = 'text' AND source = 'human' AND text IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY item_id, task, coalesce(annotator_id, annotation_id), annotator_id IS NULL
                           ORDER BY annotation_id) = 1
ORDER BY task, item_id, annotation_id
"""


@dataclass(frozen=True)
class Read:
    """Transcripts in the order of task, item and annotation.

    Attributes:
        rows: item_id, task, annotation_id, annotator_id, text.
        texts: their words.
        size: transcripts of each item and task, shape (units,).
        networks: their word transition networks.
    """

    rows: pa.Table
    texts: _words.Texts
    size: Ints
    networks: list[_rover.Aligned]


def read(con: duckdb.DuckDBPyConnection) -> Read:
    """All transcripts of the table annotation, aligned."""
    rows = con.sql(_QUERY).to_arrow_table().combine_chunks()
    texts = _words.texts_of(rows["text"].combine_chunks())
    new = np.zeros(rows.num_rows, bool)
    new[:1] = True
    for name in ("item_id", "task"):
        code = rows[name].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
        new[1:] |= code[1:] != code[:-1]
    size = np.diff(np.flatnonzero(new), append=rows.num_rows)
    signs = _words.letters(texts.code, texts.start)
    return Read(rows, texts, size, _rover.aligned(texts.code, texts.start, signs, size))


def spelled(said: _rover.Voted, vocabulary: pa.StringArray) -> pa.StringArray:
    """Word numbers as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join(pa.ListArray.from_arrays(pa.array(said.start, pa.int32()), vocabulary.take(pa.array(said.code))), " ")


def drawn(errors: Floats, words: Floats) -> Floats:
    """Word error rates drawn towards the average by `PRIOR` words of it: few words say little of a person.

    Args:
        errors: of each annotator, shape (k,).
        words: with which these were compared, shape (k,).

    Returns:
        Rates above 0, shape (k,); 0.5 for all where nothing was compared.

    >>> drawn(np.array([30.0, 0.0]), np.array([100.0, 0.0])).tolist()
    [0.3, 0.3]
    """
    total = words.sum()
    usual = (errors.sum() + 0.5) / (total + 1.0) if total == 0 else max(errors.sum(), 0.5) / total
    return np.asarray((errors + PRIOR * usual) / (words + PRIOR), np.float64)


def rates(rows: pa.Table, errors: Floats, words: Floats) -> Floats:
    """Word error rate of each transcript's author in its task, `drawn`; who is not named has the rate of everybody.

    Args:
        rows: with the columns task and annotator_id, n rows.
        errors: words of each transcript that differ, shape (n,).
        words: words compared with, shape (n,); 0 where nothing was.

    Returns:
        Rates above 0, shape (n,).
    """
    task, who = (
        rows[name].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("task", "annotator_id")
    )
    found = np.empty(rows.num_rows)
    for one in np.unique(task):
        mine = np.flatnonzero(task == one)
        named = mine[who[mine] >= 0]
        x, n = (np.asarray(np.bincount(who[named], of[named], int(who.max()) + 1), np.float64) for of in (errors, words))
        found[mine] = drawn(errors[mine].sum(keepdims=True), words[mine].sum(keepdims=True))
        if len(named):
            found[named] = drawn(x, n)[who[named]]
    return found
