"""Each transcript beside what the others of its item say together, and beside the true text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures import _rover, _transcripts, _words
from auditor.tables import Column

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "each person's transcript of an item, and the words in which it differs from the consensus of the others and from gold"
SOURCE = (
    "consensus by votes: Fiscus, ROVER, IEEE ASRU 1997; word error rate: Levenshtein distance over words. Compared in lower case, "
    "with letters, digits and apostrophes only"
)
KEY = ("item_id", "annotation_id")
READS = (*_transcripts.READS, "annotation.annotation_id")
OPTIONAL = ("annotation.annotator_id",)
EMPTY = "no annotation is a text"
_ALONE = "no item has two transcripts"
_GOLD = "no transcript has a gold text"
COLUMNS = {
    "item_id": Column("VARCHAR", "the item"),
    "annotation_id": Column("VARCHAR", "the transcript"),
    "task": Column("VARCHAR", "the question asked"),
    "annotator_id": Column("VARCHAR", "who made it", needs="annotation.annotator_id"),
    "transcripts": Column("BIGINT", "people who transcribed the item, this one among them"),
    "words": Column("BIGINT", "words of the transcript"),
    "others": Column("VARCHAR", "consensus of the others, their votes weighted by skill; NULL where there are none", absent=_ALONE),
    "others_share": Column("DOUBLE", "mean share of the others' votes behind its words", "0..1", absent=_ALONE),
    "others_words": Column("BIGINT", "its words", absent=_ALONE),
    "word_errors": Column("BIGINT", "words put in, left out or replaced against it", absent=_ALONE),
    "others_characters": Column("BIGINT", "its characters, spaces too", absent=_ALONE),
    "character_errors": Column("BIGINT", "characters put in, left out or replaced against it", absent=_ALONE),
    "gold_words": Column(
        "BIGINT", "words of the true text; NULL without one, or where several differ", "", "give --gold FILE", "", _GOLD
    ),
    "gold_word_errors": Column("BIGINT", "words in which the transcript differs from it", absent=_GOLD),
}
# The first with equal votes tells who errs how often; in the second votes weigh 1 / that rate.
PASSES = 2
_GOLDEN = """
SELECT task, item_id, any_value(text) AS text FROM annotation WHERE type = 'text' AND source = 'gold' AND text IS NOT NULL
GROUP BY task, item_id HAVING count(DISTINCT text) = 1
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare every transcript with the others of its item and task.

    Args:
        inputs: the table annotation.

    Returns:
        Arrow with `COLUMNS`, one row for each person's first transcript of an item and task.
    """
    import pyarrow as pa

    con = inputs.con.cursor()
    read = _transcripts.read(con)
    count = read.rows.num_rows
    many = np.repeat(read.size, read.size)
    alone = many < 2
    weight = np.ones(count)
    for _ in range(PASSES):
        said = _rover.voted_without(read.networks, weight, count)
        others = _transcripts.spelled(said, read.texts.vocabulary)
        errors, words = _words.word_errors(others, read.texts.text)
        errors, words = np.where(alone, 0, errors), np.where(alone, 0, words)
        weight = 1 / _transcripts.rates(read.rows, errors.astype(np.float64), words.astype(np.float64))
    wrong, characters = _words.character_errors(others, read.texts.text)
    gold, none = _gold(con, read)
    gold_errors, gold_words = _words.word_errors(gold, read.texts.text)
    held = {
        "transcripts": many, "words": read.texts.words, "others": pa.array(others.to_pylist(), mask=alone),
        **{name: pa.array(values, mask=alone) for name, values in {
            "others_share": said.share, "others_words": words, "word_errors": errors, "others_characters": characters,
            "character_errors": wrong,
        }.items()},
        "gold_words": pa.array(gold_words, mask=none), "gold_word_errors": pa.array(gold_errors, mask=none),
    }  # fmt: skip
    return pa.table({name: held[name] if name in held else read.rows[name] for name in COLUMNS})


def _gold(con: duckdb.DuckDBPyConnection, read: _transcripts.Read) -> tuple[pa.Array, np.ndarray]:
    """The true text of each transcript, and where there is none."""
    import pyarrow as pa

    con.register("said", read.rows.append_column("place", pa.array(np.arange(read.rows.num_rows))))
    found = con.sql(f"SELECT g.text FROM said LEFT JOIN ({_GOLDEN}) AS g USING (task, item_id) ORDER BY place").to_arrow_table()
    text = found["text"].combine_chunks().cast(pa.string())
    return text, text.is_null().to_numpy(zero_copy_only=False)
