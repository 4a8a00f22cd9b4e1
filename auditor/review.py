"""What people said of findings: a fault, no fault, or left open. `reviews/NAME.jsonl`, one file a person, append only, under git.

State rules:

- Nothing is overwritten: who changes their mind adds a line, and their last one counts. Two people who differ are both kept.
- A line holds ids, an answer, when, by whom, and a note: no label, no text.
- What was said of a finding stays when the finding is gone: how often its check is right is known from it all the same.
"""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import getpass
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, get_args

from auditor.errors import AuditorError, InputError, UsageError
from auditor.files import parse_json
from auditor.git import answer
from auditor.precision import Precision, posterior

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FORMAT = "label-auditor/review/1"
FOLDER = "reviews"
Answer = Literal["yes", "no", "skip"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
MAX_NOTE = 1_000  # characters
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FINDING = re.compile(r"[0-9a-f]{16}")
_CHECK = re.compile(r"[\w.-]+(/[\w.-]+)+")
_MAX_CHECK = 200
_TAIL = 1 << 16  # bytes read from the end; a line is far shorter


@dataclass(frozen=True)
class Review:
    """What one person said of one finding.

    Attributes:
        finding: the finding's id.
        check: the id of the check that found it.
        decision: yes, it is a fault | no, it is none | skip: left open.
        by: who said so.
        at: when, ISO 8601 with a zone.
        via: how it came: cli | report | csv | fiftyone.
        note: why, or "".
    """

    finding: str
    check: str
    decision: Answer
    by: str
    at: str
    via: str
    note: str = ""


def is_finding(text: str) -> bool:
    """Whether a text can be a finding's id.

    >>> is_finding("0123456789abcdef"), is_finding("1.23457E+15")
    (True, False)
    """
    return bool(_FINDING.fullmatch(text))


def is_check(text: str) -> bool:
    """Whether a text can be a check's id."""
    return len(text) <= _MAX_CHECK and bool(_CHECK.fullmatch(text))


def reviewer(given: str, folder: Path) -> str:
    """Who judges: as given, else git's user.name, else the account's name; as a file can be called.

    Raises:
        UsageError: the name given cannot name a file.
    """
    if given:
        if not _NAME.fullmatch(given):
            raise UsageError(f"{given!r} cannot name a reviewer", "use letters, digits, dots, dashes and underscores: --by ada")
        return given
    for name in (answer(folder, "config", "user.name")[1], _account()):
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-._")[:64]
        if slug:
            return slug
    raise UsageError("nobody is named as the reviewer", "say who judges: --by ada")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        return ""


def read(folder: Path) -> list[Review]:
    """All that was said, in the order of time; [] where there is no such folder.

    Raises:
        InputError: a line that is no review; a last line that a crash cut off is none and no error.
    """
    found = []
    for file in sorted(folder.glob("*.jsonl")):
        data = file.read_bytes()
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
            if line.strip():
                found.append(_read(file, number, line))
    return sorted(found, key=lambda one: (one.at, one.by))


def _read(file: Path, number: int, line: bytes) -> Review:
    hint = "restore it from version control, or take the line out"
    try:
        body = parse_json(line)
        if body.pop("format") != FORMAT:
            raise InputError(file, f"line {number}", "was written by another version of auditor", hint)
        one = Review(**body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(file, f"line {number}", "is no review", hint) from error
    if not all(isinstance(value, str) for value in body.values()) or one.decision not in ANSWERS or not one.check:
        raise InputError(file, f"line {number}", "is no review", hint)
    return one


def add(folder: Path, reviews: Sequence[Review]) -> int:
    """Append what was not said before by the same person in the same words; returns how many lines that were.

    Args:
        folder: the workspace's or the audit's `reviews`.
        reviews: all by one person.

    Raises:
        AuditorError: it cannot be written; then none of them is there.
    """
    if not reviews:
        return 0
    last = current(read(folder))
    # A file that is imported twice adds nothing; nor does an older answer than the one that stands.
    new = []
    for one in sorted(reviews, key=lambda one: one.at):
        held = last.get((one.finding, one.by))
        if held is None or (held.at < one.at and (held.decision, held.note) != (one.decision, one.note)):
            new.append(one)
            last[one.finding, one.by] = one
    if new:
        data = b"".join(json.dumps({"format": FORMAT, **asdict(one)}, ensure_ascii=False).encode() + b"\n" for one in new)
        _append(folder / f"{new[0].by}.jsonl", data)
    return len(new)


def _append(file: Path, data: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            tail = os.pread(handle, min(size, _TAIL), max(0, size - _TAIL))
            # What a crash cut off is no line: nobody was told that it is there.
            size -= len(tail) - (tail.rfind(b"\n") + 1)
            os.ftruncate(handle, size)
            if os.write(handle, data) != len(data):
                os.ftruncate(handle, size)
                raise OSError(errno.ENOSPC, "the disk is full")
            os.fsync(handle)
        finally:
            os.close(handle)
        parent = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise AuditorError(f"{file}: cannot be written: {error.strerror}", "nothing was saved; make the folder writable") from error


def current(reviews: Iterable[Review]) -> dict[tuple[str, str], Review]:
    """(finding, person) -> the last that they said of it."""
    return {(one.finding, one.by): one for one in sorted(reviews, key=lambda one: one.at)}


@dataclass(frozen=True)
class Standing:
    """What stands of one finding: how many people call it a fault, how many say that it is none, how many left it open."""

    check: str
    yes: int = 0
    no: int = 0
    skip: int = 0

    @property
    def judged(self) -> int:
        """People who called it the one or the other."""
        return self.yes + self.no

    @property
    def disputed(self) -> bool:
        """People differ."""
        return self.yes > 0 and self.no > 0

    @property
    def decision(self) -> str:
        """Yes, no, skip, or disputed where people differ."""
        return "disputed" if self.disputed else "yes" if self.yes else "no" if self.no else "skip"


def standings(reviews: Iterable[Review]) -> dict[str, Standing]:
    """Finding -> what stands of it.

    >>> said = [Review("f", "a/b", "yes", "ada", "1", "cli"), Review("f", "a/b", "no", "bob", "2", "cli")]
    >>> standings(said)["f"].decision
    'disputed'
    """
    counts: dict[str, dict[str, int]] = {}
    checks: dict[str, str] = {}
    for one in current(reviews).values():
        counts.setdefault(one.finding, dict.fromkeys(ANSWERS, 0))[one.decision] += 1
        checks[one.finding] = one.check
    return {finding: Standing(checks[finding], **by) for finding, by in counts.items()}


def precisions(reviews: Iterable[Review]) -> dict[str, Precision]:
    """Check -> how often it is right, for checks of which a finding was judged; findings that are gone count too.

    Each finding counts once. Where people differ it counts by the share of them who call it a fault; one that everybody left open
    does not count.
    """
    by_check: dict[str, list[Standing]] = {}
    for one in standings(reviews).values():
        if one.judged:
            by_check.setdefault(one.check, []).append(one)
    return {
        check: posterior(sum(one.yes / one.judged for one in ones), len(ones), sum(one.disputed for one in ones))
        for check, ones in sorted(by_check.items())
    }


def digest(reviews: Iterable[Review]) -> str:
    """SHA-256 of what counts of them; "" where nothing was said."""
    import hashlib

    said = sorted((one.finding, one.by, one.decision) for one in current(reviews).values())
    return hashlib.sha256(json.dumps(said).encode()).hexdigest() if said else ""


def moment(at: dt.datetime) -> str:
    """A time as reviews write it, so that texts compare as times do: UTC, to the millisecond."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def record(
    known: Mapping[str, str], given: Iterable[tuple[str, str, str, str, str]], by: str, via: str, now: dt.datetime
) -> list[Review]:
    """Reviews of (finding, check, decision, at, note); the check is that of the finding where the finding is known."""
    stamp = moment(now)
    return [
        Review(finding, known.get(finding, check), decision, by, min(at or stamp, stamp), via, note[:MAX_NOTE])  # type: ignore[arg-type]  # read as one
        for finding, check, decision, at, note in given
    ]
