"""The queue for people and labelling tools: a table, CSV, tasks for Label Studio, a manifest and jobs for CVAT."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.outputs.csv import plain
from auditor.outputs.escape import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.queue import Queue, Row

SHOWN = 20  # lines on the terminal
JOB = 50  # images of one CVAT job
_WIDTH, _LEAST = 110, 5  # columns where nobody says how wide the terminal is; characters that a column keeps
_COLUMNS = (
    "rank", "item_id", "annotation_id", "task", "given", "suggested", "wrong", "gain", "seconds", "gain_per_minute", "votes",
    "entropy", "why", "findings", "checks",
)  # fmt: skip


def text(queue: Queue, width: int | None = None) -> str:
    """The first rows as a table: what is looked at, its label, how likely that is wrong, what a minute brings, and why."""
    width = width or shutil.get_terminal_size((_WIDTH, 24)).columns
    rows = [_cells(number, row) for number, row in enumerate(queue.rows[:SHOWN], 1)]
    if not rows:
        return "nothing to look at"
    # A column in which nothing stands is left out.
    kept = [nth for nth, name in enumerate(_HEAD) if any(row[nth] for row in rows) or name == "item"]
    sizes = {nth: max(len(_HEAD[nth]), *(len(row[nth]) for row in rows)) for nth in kept}
    while sum(sizes.values()) + 2 * (len(kept) - 1) > width:
        widest = max((nth for nth in kept if _HEAD[nth] not in _NUMBERS), key=lambda nth: sizes[nth])
        if sizes[widest] <= _LEAST:
            break
        sizes[widest] -= 1
    lines = [_line([shorten(_HEAD[nth], sizes[nth]) for nth in kept], kept, sizes)]
    lines += [_line([shorten(row[nth], sizes[nth]) for nth in kept], kept, sizes) for row in rows]
    return "\n".join(lines)


_HEAD = ("", "item", "annotation", "task", "label", "rather", "wrong", "gain/min", "gain", "votes", "found", "why")
_NUMBERS = ("", "wrong", "gain/min", "gain", "votes", "found")


def _cells(number: int, row: Row) -> tuple[str, ...]:
    minute = "" if row.per_minute is None else f"{row.per_minute:.2f}"
    why = ", ".join(row.checks) if row.checks else row.why
    return tuple(
        visible(cell)
        for cell in (
            str(number), row.item_id, row.annotation_id, row.task, row.given, row.suggested, f"{row.wrong:.2f}", minute,
            "" if minute else f"{row.gain:.2f}", "" if row.votes is None else f"{row.votes:,}",
            f"{row.findings:,}" if row.findings else "", why,
        )
    )  # fmt: skip


def _line(cells: list[str], kept: list[int], sizes: Mapping[int, int]) -> str:
    parts = [
        f"{cell:>{sizes[nth]}}" if _HEAD[nth] in _NUMBERS else f"{cell:<{sizes[nth]}}"
        for cell, nth in zip(cells, kept, strict=True)
    ]
    return "  ".join(parts).rstrip()


def csv_text(queue: Queue) -> str:
    """All rows as CSV (RFC 4180); cells that a spreadsheet would run as formulas begin with an apostrophe."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_COLUMNS)
    for number, row in enumerate(queue.rows, 1):
        values = _values(number, row)
        table.writerow(["" if values[name] is None else plain(values[name]) for name in _COLUMNS])
    return "\ufeff" + out.getvalue()


def _values(number: int, row: Row) -> dict[str, Any]:
    return {
        "rank": number, "item_id": row.item_id, "annotation_id": row.annotation_id, "task": row.task, "given": row.given,
        "suggested": row.suggested, "wrong": _round(row.wrong), "gain": _round(row.gain), "seconds": _round(row.seconds),
        "gain_per_minute": _round(row.per_minute), "votes": row.votes, "entropy": _round(row.entropy), "why": row.why,
        "findings": row.findings, "checks": " ".join(row.checks),
    }  # fmt: skip


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _by_item(rows: Sequence[Row]) -> dict[str, list[tuple[int, Row]]]:
    """Item -> its rows with their ranks, in the order of the best; rows of which no item is known are left out."""
    found: dict[str, list[tuple[int, Row]]] = {}
    for number, row in enumerate(rows, 1):
        if row.item_id:
            found.setdefault(row.item_id, []).append((number, row))
    return found


def label_studio(queue: Queue, items: Mapping[str, Mapping[str, Any]]) -> str:
    """Tasks for Label Studio, one an item, in the order of the queue; labels that stand are not shown as suggestions.

    `data` has the item's text or uri under its kind (text, image, audio, video) and item_id; why it is here is in `meta`, which
    annotators are not shown: it would sway them.

    Args:
        queue: the rows.
        items: item -> what may be shown of it: media, uri, text.

    Source: "Label Studio task format" in its documentation.
    """
    tasks = []
    for item_id, rows in _by_item(queue.rows).items():
        about = items.get(item_id, {})
        data: dict[str, Any] = {"item_id": item_id}
        if about.get("text") is not None:
            data["text"] = about["text"]
        if about.get("uri") is not None:
            data[about.get("media") or "image"] = about["uri"]
        tasks.append({"data": data, "meta": {"auditor": [_values(number, row) for number, row in rows]}})
    return json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def cvat(queue: Queue, items: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, int]:
    """A dataset manifest for CVAT (manifest.jsonl, with sorting method "predefined") and its jobs.

    Args:
        queue: the rows.
        items: item -> what may be shown of it: media, uri, width, height.

    Returns:
        The manifest; {"job_file_mapping": [[file, …], …]}, of `JOB` images each; how many items have no picture that may be shown.

    Source: "Dataset Manifest" and `job_file_mapping` of the task's data in CVAT's documentation.
    """
    lines = ['{"version":"1.1"}', '{"type":"images"}']
    names = []
    items_of = _by_item(queue.rows)
    for item_id, rows in items_of.items():
        about = items.get(item_id, {})
        if not about.get("uri") or about.get("media") not in {None, "image"}:
            continue
        path = PurePosixPath(about["uri"])
        size = {name: about[name] for name in ("width", "height") if about.get(name)}
        meta = {"item_id": item_id, "rank": rows[0][0], "annotations": [row.annotation_id for _, row in rows if row.annotation_id]}
        entry = {"name": str(path.with_suffix("")), "extension": path.suffix, **size, "meta": {"auditor": meta}}
        lines.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
        names.append(str(path))
    jobs = [names[start : start + JOB] for start in range(0, len(names), JOB)]
    return "\n".join(lines) + "\n", json.dumps({"job_file_mapping": jobs}, indent=1) + "\n", len(items_of) - len(names)
