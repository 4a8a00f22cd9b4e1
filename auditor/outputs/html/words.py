"""What an item says and what was said about it: excerpts with marked spans, and the votes of its annotators."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from auditor.outputs.escape import visible
from auditor.outputs.html.findings import seen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# Characters shown of a text, and before the first span; votes shown of an item.
WINDOW, BEFORE, MAX_VOTES = 320, 110, 14
_ANSWER = 90


@dataclass(frozen=True)
class Excerpt:
    """A part of a text: pieces with whether each is marked, and whether something was cut before or behind."""

    pieces: tuple[tuple[str, bool], ...]
    cut_before: bool
    cut_behind: bool


@dataclass(frozen=True)
class Vote:
    """One annotator's answer: who, what, whether gold, and whether the finding is about it."""

    who: str
    answer: str
    source: str
    own: bool


@dataclass(frozen=True)
class Votes:
    """An item's answers: (answer, how many people gave it), most frequent first; single votes; how many there are in all."""

    tally: tuple[tuple[str, int], ...]
    votes: tuple[Vote, ...]
    total: int


def spans(con: Connection, annotation: Path, annotation_ids: Collection[str]) -> dict[str, tuple[str, int, int]]:
    """Annotation -> (item, start, end) of those that are spans, in code points."""
    found = con.execute(
        "SELECT annotation_id, item_id, start_char, end_char FROM read_parquet([$file]) "
        "WHERE annotation_id IN (SELECT unnest($ids)) AND start_char IS NOT NULL AND end_char IS NOT NULL",
        {"file": str(annotation), "ids": list(annotation_ids)},
    ).fetchall()
    return {annotation_id: (item_id, start, end) for annotation_id, item_id, start, end in found}


def windows(con: Connection, item: Path, starts: Mapping[tuple[str, int], None]) -> dict[tuple[str, int], tuple[str, int]]:
    """(item, first character) -> (`WINDOW` characters from there, length of the whole text); the rest never leaves the table."""
    found = con.execute(
        f"SELECT w.item_id, w.start, substring(text, CAST(w.start + 1 AS BIGINT), {WINDOW}), length(text) "
        "FROM (SELECT unnest($items) AS item_id, unnest($starts) AS start) AS w JOIN read_parquet([$file]) AS i USING (item_id) "
        "WHERE text IS NOT NULL",
        {"items": [item_id for item_id, _ in starts], "starts": [start for _, start in starts], "file": str(item)},
    ).fetchall()
    return {(item_id, start): (text, length) for item_id, start, text, length in found}


def excerpt(text: str, start: int, length: int, marked: Sequence[tuple[int, int]]) -> Excerpt:
    """Cut a window into marked and unmarked pieces.

    Args:
        text: the window.
        start: the window's first character in the whole text.
        length: characters of the whole text.
        marked: (first, behind the last) of each span, in the whole text.

    >>> excerpt("Ada met Bo", 0, 10, [(8, 10)]).pieces
    (('Ada met ', False), ('Bo', True))
    """
    edges = sorted({0, len(text), *(min(max(edge - start, 0), len(text)) for span in marked for edge in span)})
    pieces = []
    for left, right in pairwise(edges):
        inside = any(first - start <= left and right <= last - start for first, last in marked)
        pieces.append((visible(" ".join(text[left:right].replace("\r", "").split("\n"))), inside))
    return Excerpt(tuple(pieces), start > 0, start + len(text) < length)


def votes(
    con: Connection, annotation: Path, item_ids: Collection[str], own_ids: Collection[str]
) -> dict[str, list[tuple[str, Votes]]]:
    """Item -> (task, votes), for tasks that at least two annotators answered.

    Args:
        con: any connection.
        annotation: the opened table's Parquet file.
        item_ids: the items that are shown.
        own_ids: annotations that findings are about.
    """
    found = con.execute(
        f"""
        WITH said AS (
          SELECT item_id, task, annotation_id, annotator_id, source,
                 left(coalesce(label, text, CAST(value AS VARCHAR)), {_ANSWER * 2}) AS answer
          FROM read_parquet([$file])
          WHERE item_id IN (SELECT unnest($items)) AND type IN ('class', 'text', 'value') AND parent_id IS NULL
        ), counted AS (
          SELECT *, count(*) OVER (PARTITION BY item_id, task, answer) AS same, count(*) OVER (PARTITION BY item_id, task) AS total,
                 row_number() OVER (PARTITION BY item_id, task ORDER BY annotator_id NULLS LAST, annotation_id) AS place,
                 row_number() OVER (PARTITION BY item_id, task, answer ORDER BY annotation_id) = 1 AS first
          FROM said WHERE answer IS NOT NULL
        )
        SELECT item_id, task, annotation_id, annotator_id, source, answer, same, total, place <= {MAX_VOTES}, first
        FROM counted WHERE total > 1 AND (place <= {MAX_VOTES} OR (first AND total < 1000))
        ORDER BY item_id, task, same DESC, answer, place
        """,
        {"file": str(annotation), "items": list(item_ids)},
    ).fetchall()
    grouped: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for item_id, task, *rest in found:
        grouped.setdefault((item_id, task), []).append(tuple(rest))
    answers: dict[str, list[tuple[str, Votes]]] = {}
    for (item_id, task), given in grouped.items():
        tally = tuple((seen(str(answer), _ANSWER), _whole(same)) for _, _, _, answer, same, _, _, first in given if first)
        single = tuple(
            Vote(
                seen(None if who is None else str(who), 40), seen(str(answer), _ANSWER), str(source), str(annotation_id) in own_ids
            )
            for annotation_id, who, source, answer, _, _, shown, _ in given
            if shown
        )
        answers.setdefault(item_id, []).append((seen(task, 60), Votes(tally[:6], single, _whole(given[0][5]))))
    return answers


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
