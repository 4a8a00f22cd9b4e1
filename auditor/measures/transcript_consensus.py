"""What the transcripts of an item say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _rover, _transcripts
from auditor.tables import Column

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "the text of each item by votes over the words of its transcripts: equal votes, and votes by skill"
SOURCE = (
    "Fiscus, A post-processing system to yield reduced word error rates: ROVER, IEEE ASRU 1997; votes by skill are weighted by "
    "1 / the annotator's word error rate against the consensus of the others, drawn towards the average"
)
KEY = ("item_id", "task", "method")
READS = (*_transcripts.READS, "annotation.annotation_id", "transcript_vote")
OPTIONAL = ("annotation.annotator_id",)
EMPTY = "no annotation is a text"
METHODS = ("rover", "rover_skill")
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "task": Column("VARCHAR", "the question asked"),
    "method": Column("VARCHAR", "rover: each vote counts the same | rover_skill: votes are weighted by skill"),
    "text": Column("VARCHAR", "the consensus in lower case; of equals the transcript that is nearest to the others decides"),
    "probability": Column("DOUBLE", "mean share of the votes behind its words: no probability in the strict sense", "0..1"),
    "votes": Column("BIGINT", "transcripts that voted"),
}


def compute(inputs: Inputs) -> pa.Table:
    """Vote on every item and task, with both methods.

    Args:
        inputs: the table annotation and the measure transcript_vote.

    Returns:
        Arrow with `COLUMNS`, two rows for each item and task that somebody transcribed.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    read = _transcripts.read(con)
    units = len(read.size)
    weights = {"rover": np.ones(read.rows.num_rows), "rover_skill": 1 / _rates(con, read)}
    first = pa.array(np.cumsum(read.size) - read.size)
    parts = []
    for method in METHODS:
        said = _rover.voted(read.networks, weights[method], units)
        parts.append(pa.table({
            "item_id": read.rows["item_id"].take(first), "task": read.rows["task"].take(first),
            "method": pa.array([method] * units, pa.string()),
            "text": _transcripts.spelled(said, read.texts.vocabulary), "probability": said.share, "votes": read.size,
        }))  # fmt: skip
    return pa.concat_tables(parts)


def _rates(con: duckdb.DuckDBPyConnection, read: _transcripts.Read) -> np.ndarray:
    """Word error rate of each transcript's author, from the same rows in the same order."""
    import pyarrow as pa

    found = con.sql(
        "SELECT coalesce(word_errors, 0) AS errors, coalesce(others_words, 0) AS words FROM transcript_vote "
        "ORDER BY task, item_id, annotation_id"
    ).to_arrow_table()
    return _transcripts.rates(read.rows, *(found[name].cast(pa.float64()).to_numpy() for name in ("errors", "words")))
