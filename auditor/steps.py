"""The steps that a one-shot audit and a workspace share: which checks to ask, asking them, deciding, keeping findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import check as checks_module
from auditor import content, finding, formats, gate, stopping
from auditor import settings as settings_module
from auditor.errors import UsageError
from auditor.run import Result, run_check
from auditor.tables import write_parquet

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from duckdb import DuckDBPyConnection as Connection

    from auditor.check import Check
    from auditor.precision import Precision
    from auditor.run import Session
    from auditor.settings import Settings

# By these an annotation answers that has neither a label nor a value.
_FREE = frozenset({"text", "x", "polygon", "mask", "keypoints", "start_char", "start_s"})
_OF_PIXELS = {"needs pixels", "no row has item.width", "no row has item.height"}
# Measures that an audit by all checks leaves behind for what comes after it: the queue, scorecards, notebooks.
KEPT_MEASURES = ("consensus", "annotator_skill", "ambiguity", "label_quality")
# Measures that the report and the summary show whenever they can be computed.
SHOWN_MEASURES = ("class_balance", "item_vote", "agreement", "agreement_label", "agreement_pair", "confusion", "annotator_summary")


def known_checks(binder: checks_module.Binder, own: Path | None) -> list[Check]:
    """Built-in checks, and those of the user's folder in place of built-in ones of the same id."""
    builtin = checks_module.load_folder(content.folder("checks"), binder, builtin=True)
    return checks_module.choose(builtin, checks_module.load_folder(own, binder, builtin=False) if own else [])


def choose_checks(binder: checks_module.Binder, own: Path | None, only: Sequence[str]) -> list[Check]:
    """The checks to ask: all, or those that `only` names by id or by family.

    Raises:
        UsageError: a name that is neither, with a suggestion.
    """
    known = known_checks(binder, own)
    for name in only:
        if not any(name in {one.id, one.family} for one in known):
            raise UsageError(f"there is no check {name!r}", settings_module.suggest_check(name, [one.id for one in known]))
    return [one for one in known if not only or one.id in only or one.family in only]


def ask_all(
    con: Connection,
    session: Session,
    checks: Sequence[Check],
    settings: Settings,
    progress: Callable[[str, int, int | None], None],
) -> dict[str, Result]:
    """Ask every check, put its findings into the table `finding` of `con`, and say what became of each."""
    results = {}
    for number, one in enumerate(checks):
        stopping.check()
        progress("checking", number, len(checks))
        override = settings.override(one.id)
        if not override.enabled:
            results[one.id] = Result(one.id, "skipped", reason="switched off in auditor.toml")
            continue
        params = {name: param.value for name, param in one.header.params.items()} | override.params
        severity = override.severity or one.header.severity
        where = override.where.model_dump() if override.where else None

        def sink(rows: Any, one: Check = one, severity: str = severity, where: dict[str, Any] | None = where) -> int:
            return finding.add(con, one, rows, severity=severity, link=settings.link, where=where)

        done = run_check(session, one, params, sink)
        results[one.id] = replace(done, supply=fitting(done.reason, done.supply, session))
        if results[one.id].outcome == "failed":
            con.execute("DELETE FROM finding WHERE check_id = ?", [one.id])
    progress("checking", len(checks), len(checks))
    return results


def fitting(reason: str, supply: str, session: Session) -> str:
    """A hint as far as it can be followed: what neither these answers and media nor their formats have room for is left out.

    Args:
        reason: what is lacking.
        supply: what would supply it; " or " joins several.
        session: the tables.
    """
    answers = session.tables.present["annotation"]
    unfit: set[str] = set()
    if answers & _FREE and not answers & {"label", "value"}:
        # Transcripts or boxes without a class: they answer another question than one that has a value or probabilities.
        unfit |= {"map a column to value", "give --predictions FILE"}
    if supply and None not in session.kinds:
        unfit |= set() if "text" in session.kinds else {"map a column to text"}
        unfit |= {"give --media FOLDER"} if reason in _OF_PIXELS and not session.kinds & {"image", "video"} else set()
    parts = [part for part in supply.split(" or ") if part not in unfit]
    return formats.supply(" or ".join(parts), session.tables.formats)


def asked(checks: Sequence[Check], settings: Settings) -> list[gate.Asked]:
    """The checks with the workspace's severities and tolerances, for the gate."""
    made = []
    for one in checks:
        override = settings.override(one.id)
        tolerance = one.header.tolerance if override.tolerance is None else override.tolerance
        made.append(gate.Asked(one.id, one.header.title, override.severity or one.header.severity, tolerance, one.header.unit))
    return made


def units(rows: Mapping[str, int]) -> dict[str, int]:
    """How many there are of each unit that a tolerance can be a share of, from the tables' rows."""
    return {"item": rows["item"], "annotation": rows["annotation"], "annotator": rows["annotator"], "dataset": 1}


def decide(
    con: Connection,
    asked: Sequence[gate.Asked],
    results: Mapping[str, Result],
    units: Mapping[str, int],
    settings: Settings,
    as_of: dt.date,
    baseline: frozenset[str],
    precision: Mapping[str, Precision],
) -> gate.Verdict:
    """The gate's answer for the findings in the table `finding` of `con`."""
    ids: dict[str, list[str]] = {}
    if settings.waiver or baseline:
        for check_id, finding_id in con.execute("SELECT check_id, finding_id FROM finding").fetchall():
            ids.setdefault(check_id, []).append(finding_id)
    return gate.decide(asked, results, ids, units, settings, as_of, baseline, precision)


def read_baseline(settings: Settings, root: Path | None = None) -> frozenset[str]:
    """The ids of the findings that do not count because an earlier audit had them; its path counts from `root`.

    Raises:
        UsageError: the file that the settings name cannot be read.
    """
    if not settings.gate.baseline:
        return frozenset()
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = (root or Path()) / settings.gate.baseline
    try:
        return frozenset(pq.read_table(path, columns=["finding_id"])["finding_id"].to_pylist())
    except (OSError, pa.ArrowException, KeyError) as error:
        raise UsageError(f"{path}: the baseline cannot be read", "give the findings.parquet of an earlier audit") from error


def write_findings(con: Connection, path: Path) -> None:
    """Write the table `finding` in its fixed order."""
    con.execute(f"CREATE TABLE finding_sorted AS SELECT *, row_number() OVER (ORDER BY {finding.ORDER}) AS nth FROM finding")
    columns = ", ".join(finding.COLUMNS)
    write_parquet(con, f"SELECT {columns} FROM (SELECT * FROM finding_sorted)", ("nth",), path)
