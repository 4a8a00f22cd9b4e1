"""What there is: checks, a check's page, tables and measures, as text for the terminal and as Markdown for the docs."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import cases, judging, measure, steps
from auditor.check import Binder
from auditor.errors import CheckFileError, UsageError
from auditor.settings import suggest_check
from auditor.tables import TABLES

if TYPE_CHECKING:
    from auditor.check import Check
    from auditor.precision import Precision


def _known(folder: Path | None) -> list[Check]:
    return steps.known_checks(Binder(measure.columns()), folder)


def checks(folder: Path | None, audit: Path | None = None) -> str:
    """One line a check, by family, with how often it is right where people judged findings.

    Args:
        folder: the user's own checks.
        audit: the folder of an audit whose findings were judged; None for the workspace's, if there is one.
    """
    known = judging.known(audit)
    lines: list[str] = []
    family = ""
    for check in sorted(_known(folder), key=lambda check: check.id):
        if check.family != family:
            family = check.family
            lines += [""] * bool(lines) + [family]
        origin = "" if check.builtin else f" ({_origin(check)})"
        precise = f"{_precision(known.get(check.id)):<24}" if known else ""
        lines.append(f"  {check.id.split('/', 1)[-1]:<28} {check.header.severity:<8} {precise}{check.header.title}{origin}")
    return "\n".join(lines)


def _precision(one: Precision | None) -> str:
    return f"{one.mean:.2f} [{one.low:.2f}, {one.high:.2f}] n={one.n:,}" if one else ""


def _origin(check: Check) -> str:
    from auditor import content

    replaced = (content.folder("checks") / f"{check.id}.sql").is_file()
    return "yours, replaces the built-in one" if replaced else "yours"


def checks_json(folder: Path | None, audit: Path | None = None) -> str:
    """All checks with their headers as JSON."""
    known = judging.known(audit)
    listed: list[dict[str, Any]] = [
        {"id": check.id, "builtin": check.builtin, **check.header.model_dump(mode="json"),
         "reads": {name: sorted(columns) for name, columns in sorted(check.reads.items())},
         **({"precision": asdict(known[check.id])} if check.id in known else {})}
        for check in _known(folder)
    ]  # fmt: skip
    return json.dumps(listed, indent=2, ensure_ascii=False)


def run_cases(folder: Path | None) -> str:
    """Run the cases of the user's checks (of all where no folder is given); says how many held.

    Raises:
        CheckFileError: one did not hold.
    """
    binder = Binder(measure.columns())
    chosen = [check for check in steps.known_checks(binder, folder) if folder is None or not check.builtin]
    count = 0
    for check in chosen:
        for case in check.cases:
            with tempfile.TemporaryDirectory(prefix="auditor-case-") as work:
                wrong = cases.run_case(check, case, Path(work), binder)
            if wrong:
                raise CheckFileError(f"{check.id}: case {case.get('name', '?')!r}: {wrong[0]}", "correct the check or its case")
            count += 1
    return f"{count} cases of {len(chosen)} checks hold"


def explain(check_id: str, folder: Path | None) -> str:
    """A check's page.

    Raises:
        UsageError: there is no such check, with a suggestion.
    """
    known = {check.id: check for check in _known(folder)}
    check = known.get(check_id)
    if check is None:
        raise UsageError(f"there is no check {check_id!r}", suggest_check(check_id, known))
    header = check.header
    lines = [
        check.id, "", header.title + ".", "",
        f"why         {header.why}", f"fix         {header.fix}", f"wrong when  {header.wrong_when}",
        f"source      {header.source}", f"severity    {header.severity}, tolerance {header.tolerance} of {header.unit}s",
        f"reads       {', '.join(sorted(check.reads))}",
    ]  # fmt: skip
    lines += [f"param       {name} = {param.value}: {param.help}" for name, param in header.params.items()]
    return "\n".join([*lines, "", _body(check.sql)])


def _body(sql: str) -> str:
    return sql.split("-- ///", 2)[-1].strip()


def tables(name: str | None) -> str:
    """All tables and measures, or the columns of one.

    Raises:
        UsageError: there is no such table or measure.
    """
    if name is None:
        lines = ["tables", *(f"  {key:<18} {table.meaning}" for key, table in TABLES.items()), "", "measures"]
        return "\n".join([*lines, *(f"  {key:<18} {measure.load(key).MEANING}" for key in measure.names())])
    columns = TABLES[name].columns if name in TABLES else measure.columns().get(name)
    if columns is None:
        raise UsageError(f"there is no table or measure {name!r}", "`auditor tables` lists them")
    return "\n".join(
        f"{key:<16} {spec.type:<24} {spec.meaning}{f' ({spec.unit})' if spec.unit else ''}" for key, spec in columns.items()
    )
