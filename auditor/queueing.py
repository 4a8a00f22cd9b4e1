"""What `auditor queue` writes and says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor import passing, queue, results
from auditor.errors import UsageError
from auditor.files import write_text
from auditor.outputs import queue as out
from auditor.outputs.escape import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditor.api import Request
    from auditor.queue import Queue
    from auditor.results import Results

_SHOWN = ("media", "uri", "text", "width", "height")


def run(
    request: Request | None,
    audit: Path | None,
    target: Path | None,
    kind: str,
    limit: int,
    *,
    until_pass: bool,
    progress: Callable[[str, int, int | None], None],
) -> tuple[str, list[str]]:
    """The queue as text, or written to a file.

    Args:
        request: sources to audit, or None.
        audit: an audit's folder, or None.
        target: where to write; None for the text alone.
        kind: csv | label-studio | cvat.
        limit: rows at most.
        until_pass: the fewest items that make the gate pass instead.
        progress: called with what, done, total.

    Returns:
        The first rows, "" where a file was written; and what is to be said beside it, a line each.

    Raises:
        UsageError: a labelling tool's file is asked for without saying where.
    """
    if target is None and kind != "csv":
        raise UsageError(f"--as {kind} writes a file", "say where: --out FILE")
    with results.opened(request, audit, progress) as of:
        made = passing.until_pass(of) if until_pass else queue.rank(of, limit)
        written = [] if target is None else _write(of, made, target, kind)
    notes = [f"note: {visible(note)}" for note in made.notes]
    if target is not None:
        return "", [*written, *notes]
    more = [f"{made.total:,} in all: --out queue.csv writes the first {min(limit, made.total):,}"] if made.total > out.SHOWN else []
    return out.text(made), [*notes, *more]


def _write(of: Results, made: Queue, target: Path, kind: str) -> list[str]:
    """Writes the file; says so, a line each."""
    if kind == "csv":
        write_text(target, out.csv_text(made))
        return [f"{len(made.rows):,} of {made.total:,} rows written to {target}"]
    items = _items(of, made)
    if kind == "label-studio":
        write_text(target, out.label_studio(made, items))
        bare = ["note: an audit's folder holds no items: the tasks have their ids alone"] if of.session is None else []
        return [*bare, f"written to {target}: Label Studio imports it as tasks"]
    results.demand_tables(of, "--as cvat")
    manifest, jobs, lost = out.cvat(made, items)
    beside = target.with_name("jobs.json")
    write_text(target, manifest)
    write_text(beside, jobs)
    bare = [f"note: {lost:,} items have no picture that may be shown"] if lost else []
    return [*bare, f"written to {target} and {beside}: a manifest for CVAT, and job_file_mapping for its jobs"]


def _items(of: Results, made: Queue) -> dict[str, dict[str, Any]]:
    """Item -> what the policy lets be shown of it."""
    if not of.table("item") or of.session is None:
        return {}
    columns = [name for name in _SHOWN if f"item.{name}" not in of.session.hidden]
    rows = of.con.execute(
        f"SELECT item_id, {', '.join(columns)} FROM the_item WHERE item_id IN (SELECT unnest($items))",
        {"items": sorted({row.item_id for row in made.rows})},
    ).fetchall()
    return {item: dict(zip(columns, values, strict=True)) for item, *values in rows}
