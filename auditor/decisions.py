"""What comes back from people: `decisions.json` of the report, an edited `findings.csv`, tags of FiftyOne.

Each is read into answers about findings. None of these files is trusted: they went through other people's hands and programs.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor import review
from auditor.errors import InputError, UsageError
from auditor.files import parse_json
from auditor.finding import OTHER_ANNOTATIONS, OTHER_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

FORMAT = "label-auditor/decisions/1"
MAX_BYTES = 256 << 20
_WORDS = {
    "yes": "yes", "y": "yes", "no": "no", "n": "no", "skip": "skip", "s": "skip",
}  # fmt: skip
_KINDS = "decisions.json of a report, findings.csv with its column decision filled in, or tags.csv of auditor view --pull"
_CHANGED = "spreadsheets change ids that look like numbers: open the file with that column as text, or judge it by auditor review"


@dataclass(frozen=True)
class Given:
    """What a file says.

    Attributes:
        via: report | csv | fiftyone.
        answers: (finding, check or "", decision, at or "", note).
        other: tags that are no answers.
    """

    via: str
    answers: tuple[tuple[str, str, str, str, str], ...]
    other: int = 0


def read(path: Path, con: Connection) -> Given:
    """Read a file of any of the three kinds.

    Args:
        path: the file.
        con: holds the table `finding`, for tags, which name items and annotations.

    Raises:
        InputError: it is none of them; or the place of the first entry that is no answer.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(path, "", f"has more than {MAX_BYTES >> 20} MB", f"give {_KINDS}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", f"give {_KINDS}") from error
    if data.lstrip()[:1] in {b"{", b"["}:
        return _decisions(path, data)
    rows = _table(path, data)
    columns = set(rows[0][1]) if rows else set()
    if {"finding_id", "decision"} <= columns:
        return _sheet(path, rows)
    if {"item_id", "annotation_id", "tag"} <= columns:
        return _tags(con, [(row["item_id"], row["annotation_id"], row["tag"]) for _, row in rows])
    raise InputError(path, "", "is no file of decisions", f"give {_KINDS}")


def _decisions(path: Path, data: bytes) -> Given:
    try:
        body = parse_json(data)
    except ValueError as error:
        raise InputError(path, "", f"is not JSON: {error}", "save it from the report again") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT or not isinstance(body.get("decisions"), list):
        raise InputError(path, "", f"is not of the format {FORMAT}", f"give {_KINDS}")
    found = []
    for number, one in enumerate(body["decisions"], 1):
        if not isinstance(one, dict) or not all(isinstance(one.get(name, ""), str) for name in ("finding", "check", "at", "note")):
            raise InputError(path, f"decision {number}", "is none", "save it from the report again")
        finding, check = one.get("finding", ""), one.get("check", "")
        if not review.is_finding(finding) or not review.is_check(check) or one.get("decision") not in review.ANSWERS:
            raise InputError(path, f"decision {number}", "names no finding, no check or no answer", "save it from the report again")
        found.append((finding, check, one["decision"], _when(path, number, one.get("at", "")), one.get("note", "")))
    return Given("report", tuple(found))


def _when(path: Path, number: int, text: str) -> str:
    if not text:
        return ""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(path, f"decision {number}", f"{text[:40]!r} is no time", "save it from the report again") from error
    return review.moment(at if at.tzinfo else at.replace(tzinfo=dt.UTC))


def _table(path: Path, data: bytes) -> list[tuple[int, dict[str, str]]]:
    """Rows with their line numbers; whatever separator and encoding a spreadsheet chose."""
    text = ""
    for encoding in ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
        return [(reader.line_num, {str(name).strip(): value or "" for name, value in row.items()}) for row in reader]
    except csv.Error as error:
        raise InputError(path, "", f"is no table: {error}", f"give {_KINDS}") from error


def _sheet(path: Path, rows: Iterable[tuple[int, Mapping[str, str]]]) -> Given:
    found = []
    for line, row in rows:
        said = row["decision"].strip().lower()
        if not said:
            continue
        if said not in _WORDS:
            raise InputError(path, f"line {line}", f"the decision {row['decision'][:40]!r} is none", "write yes, no or skip")
        finding, check = row["finding_id"].strip(), row.get("check_id", "").strip().lstrip("'")
        if not review.is_finding(finding):
            raise InputError(path, f"line {line}", f"{finding[:40]!r} is no finding's id", _CHANGED)
        found.append((finding, check if review.is_check(check) else "", _WORDS[said], "", row.get("note", "").strip()))
    return Given("csv", tuple(found))


def _tags(con: Connection, tags: Iterable[tuple[str, str, str]]) -> Given:
    """Tags `yes`, `no`, `skip`, or `no:CHECK` for one check: about the findings of the annotation, or of the item.

    What was said of an annotation goes before what was said of its item, and what names a check before what names none.
    """
    answers: dict[str, tuple[int, tuple[str, str, str, str, str]]] = {}
    other = 0
    for item_id, annotation_id, tag in tags:
        word, _, check = tag.strip().partition(":")
        decision = _WORDS.get(word.strip().lower())
        if decision is None:
            other += 1
            continue
        rank = 2 * bool(annotation_id) + bool(check.strip())
        for finding, check_id in _about(con, item_id, annotation_id, check.strip()):
            held = answers.get(finding)
            if held is not None and held[0] == rank and held[1][2] != decision:
                raise UsageError(
                    f"{annotation_id or item_id} is tagged both {held[1][2]} and {decision}",
                    "take one of the tags away, and pull again",
                )
            if held is None or held[0] < rank:
                answers[finding] = (rank, (finding, check_id, decision, "", ""))
    return Given("fiftyone", tuple(answer for _, answer in answers.values()), other)


def _about(con: Connection, item_id: str, annotation_id: str, check: str) -> list[tuple[Any, ...]]:
    column, names, wanted = (
        ("annotation_id", OTHER_ANNOTATIONS, annotation_id) if annotation_id else ("item_id", OTHER_ITEMS, item_id)
    )
    other = " OR ".join(f"json_extract_string(evidence, '$.{name}') = $wanted" for name in names)
    return con.execute(
        f"SELECT finding_id, check_id FROM finding WHERE ({column} = $wanted OR {other}) AND ($check IN ('', check_id)) "
        "ORDER BY finding_id",
        {"wanted": wanted, "check": check},
    ).fetchall()
