"""`auditor review`: what people say of findings is taken down where these are: in the workspace, or in an audit's folder."""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import decisions, outfolder, review, workspace
from auditor.engines import duckdb as engine
from auditor.errors import AuditorError, UsageError
from auditor.outputs.escape import visible
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection as Connection

    from auditor.precision import Precision

_WHERE = "go into a workspace, or name an audit's folder: --audit DIR"
_SHORTEST = 6  # characters that a finding's id may be cut to


@dataclass(frozen=True)
class Place:
    """Where findings and what people said of them are.

    Attributes:
        findings: the Parquet file.
        reviews: the folder.
    """

    findings: Path
    reviews: Path


def place(audit: Path | None) -> Place:
    """The audit's folder that is named, else the workspace that the working folder is in, else ./audit.

    Raises:
        UsageError: there is none of them.
    """
    if audit is None:
        try:
            space = workspace.find()
        except UsageError:
            audit = Path("audit")
            if not outfolder.is_audit(audit):
                raise UsageError("there are no findings here: no workspace, and no ./audit", _WHERE) from None
        else:
            return Place(space.findings / "findings.parquet", space.reviews)
    if not outfolder.is_audit(audit):
        raise UsageError(f"{audit}: holds no audit", "name a folder that auditor audit --out wrote")
    return Place(audit / "findings.parquet", audit / review.FOLDER)


@contextlib.contextmanager
def _findings(where: Place) -> Iterator[Connection]:
    """A connection with the table `finding`."""
    if not where.findings.is_file():
        raise AuditorError(f"{where.findings}: is not there", "run auditor check, or dvc pull in a fresh clone")
    with tempfile.TemporaryDirectory(prefix="auditor-") as work:
        con = engine.connect(Path(work))
        try:
            con.execute(f"CREATE VIEW finding AS SELECT * FROM read_parquet([{literal(str(where.findings))}])")
            yield con
        finally:
            con.close()


def judge(where: Place, finding: str, decision: review.Answer, by: str, note: str) -> str:
    """Take down one answer; says what stands now.

    Args:
        where: the findings.
        finding: an id, or the beginning of one that no other shares.
        decision: yes | no | skip.
        by: who judges; "" for git's user or the account.
        note: why.

    Raises:
        UsageError: no finding, or several, are called so.
    """
    who = review.reviewer(by, where.reviews.parent)
    with _findings(where) as con:
        found, check = _one(con, finding.strip().lower(), review.standings(review.read(where.reviews)))
    answers = [(found, check, decision, "", note)]
    added = review.add(where.reviews, review.record({found: check}, answers, who, "cli", dt.datetime.now(dt.UTC)))
    said = {"yes": "a fault", "no": "no fault", "skip": "left open"}[decision]
    again = "" if added else " (that stood already)"
    return "\n".join([f"{found}: {said} by {who}{again}", *_now(where, [check])])


def _one(con: Connection, name: str, said: Mapping[str, review.Standing]) -> tuple[str, str]:
    query = "SELECT DISTINCT finding_id, check_id FROM finding WHERE starts_with(finding_id, $name) ORDER BY ALL LIMIT 3"
    rows = con.execute(query, {"name": name}).fetchall() if len(name) >= _SHORTEST else []
    if len(rows) == 1 or (rows and rows[0][0] == name):
        return str(rows[0][0]), str(rows[0][1])
    if rows:
        raise UsageError(f"several findings begin with {name!r}", f"such as {rows[0][0]} and {rows[1][0]}: give more of it")
    if name in said:  # gone from the findings, and judged before
        return name, said[name].check
    sample = [str(row[0]) for row in con.execute("SELECT finding_id FROM finding ORDER BY finding_id LIMIT 100000").fetchall()]
    near = difflib.get_close_matches(name, sample, 1, 0.8)
    hint = f"did you mean {near[0]}?" if near else "ids stand in findings.csv and on the report's cards"
    raise UsageError(f"there is no finding {visible(name[:40])!r}", hint)


def take(where: Place, file: Path, by: str, *, even_unknown: bool = False) -> str:
    """Take down all answers of a file; says what was new.

    Raises:
        InputError: the file is none of the three kinds, or has an entry that is no answer.
        UsageError: not one of the findings that it names is here.
    """
    who = review.reviewer(by, where.reviews.parent)
    with _findings(where) as con:
        given = decisions.read(file, con)
        known = _checks(con, [one[0] for one in given.answers])
    before = review.standings(review.read(where.reviews))
    checks = {finding: one.check for finding, one in before.items()} | known
    lost = [one for one in given.answers if one[0] not in known]
    strange = [one for one in lost if one[0] not in checks and not one[1]]
    if given.answers and len(lost) == len(given.answers) and not even_unknown and not any(one[0] in checks for one in lost):
        raise UsageError(
            f"{file}: none of its {len(lost):,} decisions is about a finding that is here",
            "give the file of this audit's report; --even-unknown keeps them all the same",
        )
    if strange:
        hint = "give a file with the column check_id too, or take the row out"
        raise UsageError(f"{file}: there is no finding {strange[0][0]}", hint)
    made = review.record(checks, given.answers, who, given.via, dt.datetime.now(dt.UTC))
    added = review.add(where.reviews, made)
    parts = [f"{len(given.answers):,} decisions by {who}, {added:,} of them new"]
    parts += [f"{len(lost):,} of findings that are not here any more: kept"] if lost else []
    parts += [f"{given.other:,} other tags"] if given.other else []
    return "\n".join(["; ".join(parts), *_now(where, sorted({one.check for one in made}))])


def _checks(con: Connection, findings: list[str]) -> dict[str, str]:
    rows = con.execute(
        "SELECT finding_id, any_value(check_id) FROM finding WHERE finding_id IN (SELECT unnest($ids)) GROUP BY finding_id",
        {"ids": findings},
    ).fetchall()
    return {str(finding): str(check) for finding, check in rows}


def _now(where: Place, checks: list[str]) -> list[str]:
    known = review.precisions(review.read(where.reviews))
    return [f"{visible(check)}: {told(known[check])}" for check in checks if check in known]


def told(one: Precision) -> str:
    """A check's precision in words.

    >>> from auditor.precision import posterior
    >>> told(posterior(9, 10))
    'precision 0.86 [0.62, 0.99], 9 of 10 judged findings are faults'
    """
    some = "finding is a fault" if one.n == 1 else "findings are faults"
    disputed = f", people differ about {one.disputed}" if one.disputed else ""
    return f"precision {one.mean:.2f} [{one.low:.2f}, {one.high:.2f}], {one.faults:.3g} of {one.n:,} judged {some}{disputed}"


def overview(where: Place) -> str:
    """What was said so far: by check, and the findings about which people differ."""
    said = review.read(where.reviews)
    if not said:
        return "no finding was judged yet: keys y, n, s in the report, then auditor review --import decisions.json"
    stand = review.standings(said)
    lines = [f"{visible(check):<40} {told(one)}" for check, one in review.precisions(said).items()]
    left = sum(not one.judged for one in stand.values())
    lines += [f"{left:,} left open"] if left else []
    differ = [(finding, one) for finding, one in sorted(stand.items()) if one.disputed]
    lines += [
        f"{finding}: {visible(one.check)}: a fault by {_people(said, finding, 'yes')}, no fault by {_people(said, finding, 'no')}"
        for finding, one in differ
    ]
    return "\n".join(lines)


def _people(said: list[review.Review], finding: str, decision: str) -> str:
    return ", ".join(who for (of, who), one in review.current(said).items() if of == finding and one.decision == decision)


def overview_json(where: Place) -> str:
    """The same for programs."""
    said = review.read(where.reviews)
    body: dict[str, Any] = {
        "checks": {check: asdict(one) for check, one in review.precisions(said).items()},
        "findings": {finding: {"decision": one.decision, **asdict(one)} for finding, one in review.standings(said).items()},
    }
    return json.dumps(body, indent=1, ensure_ascii=False)


def known(audit: Path | None) -> dict[str, Precision]:
    """Check -> precision where there is an audit or a workspace in which something was judged, else {}.

    Raises:
        UsageError: the folder that is named holds no audit.
    """
    try:
        where = place(audit)
    except UsageError:
        if audit is not None:
            raise
        return {}
    return review.precisions(review.read(where.reviews))
