"""Runs the benchmarks and writes RESULTS.md."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import agreement, coco_import, contract, label_errors, ten_million, truth, views, workspace
from benchmarks.timing import RUNS, Figure, once, paired

if TYPE_CHECKING:
    from collections.abc import Callable

    # What, the peer, the target, our figure, the peer's, the ratio.
    Line = tuple[str, str, str, Figure, Figure | None, float | None]

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
SHARED = Path(os.environ.get("AUDITOR_SHARED_DATA", HERE.parents[1] / "shared" / "data"))


def coco() -> Line:
    path = CACHE / "coco.json"
    if not path.is_file():
        once(["-m", "benchmarks.coco_import", "generate", str(path)])
    mine, theirs, ratio = paired(
        ["-m", "benchmarks.coco_import", "ours", str(path)], ["-m", "benchmarks.coco_import", "peer", str(path)]
    )
    what = f"COCO import, {coco_import.ANNOTATIONS:,} annotations"
    return what, "json + pandas, to_parquet", "at least 2x faster", mine, theirs, ratio


def ten(which: str) -> Line:
    folder = CACHE / f"ten_million-{_shape()}"
    if not (folder / "item.parquet").is_file():
        once(["-m", "benchmarks.ten_million", "generate", str(folder)])
    mine, theirs, ratio = paired(
        ["-m", "benchmarks.ten_million", which, str(folder)], ["-m", "benchmarks.ten_million", "peer", str(folder)], runs=3
    )
    checks = "25 checks" if which == "twenty_five" else "all checks that apply"
    what = f"{checks}, {ten_million.ROWS:,} annotations, memory_limit {ten_million.MEMORY}"
    target = "at most 15x the scan, under 1.5 GB" if which == "twenty_five" else "-"
    return what, "bare scan: every column hashed", target, mine, theirs, ratio


def _shape() -> str:
    """Changes with the columns of the tables: data made for others is made anew."""
    from auditor.tables import TABLES

    return hashlib.sha256(repr({name: list(table.columns) for name, table in TABLES.items()}).encode()).hexdigest()[:8]


def start_up() -> Line:
    mine, theirs, ratio = paired(["-m", "auditor", "--help"], ["-c", "pass"])
    return "auditor --help", "a Python that does nothing", "under 0.2 s", mine, theirs, ratio


def bccd() -> Line | None:
    if not SHARED.is_dir():
        return None
    command = ["-m", "auditor", "audit", str(SHARED / "bccd"), "--out", str(CACHE / "bccd"), "--quiet"]
    mine, _, _ = paired(command, None)
    return "audit of bccd: 364 images hashed, 4,888 boxes, report", "-", "under 10 s", mine, None, None


def status() -> Line:
    folder = _big()
    command = ["-m", "benchmarks.workspace", "status", str(folder)]
    mine, _, _ = paired(command, None)
    return f"auditor status, nothing changed, {workspace.ITEMS:,} rows of 1 GB", "-", "under 1 s", mine, None, None


def release() -> Line:
    folder = _big()
    prepare = ["-m", "benchmarks.workspace", "fresh", str(folder)]
    mine, theirs, ratio = paired(
        ["-m", "benchmarks.workspace", "ours", str(folder)], ["-m", "benchmarks.workspace", "peer", str(folder)],
        runs=3, prepare=prepare,
    )  # fmt: skip
    what = f"release of a 1 GB table and {workspace.FILES:,} media files, pushed"
    return what, "dvc add, dvc commit, dvc push, git commit, git tag", "at most 20 % slower", mine, theirs, ratio


def _big() -> Path:
    folder = CACHE / f"workspace-{_shape()}"
    if not (folder / "space" / "verdict.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        once(["-m", "benchmarks.workspace", "generate", str(folder)])
    return folder


def view() -> Line:
    folder = CACHE / f"views-{_shape()}"
    if not (folder / "media.parquet").is_file():
        once(["-m", "benchmarks.views", "generate", str(folder)])
    mine, theirs, ratio = paired(
        ["-m", "benchmarks.views", "ours", str(folder)], ["-m", "benchmarks.views", "peer", str(folder)], runs=3
    )
    what = f"FiftyOne dataset of {views.ITEMS:,} samples, import of fiftyone (7 to 13 s) and start of the database included"
    return what, f"add_samples, {views.PEER:,} samples", "under 20 s after import", mine, theirs, ratio


def dawid_skene() -> Line:
    folder = CACHE / "truth"
    if not (folder / "votes.parquet").is_file():
        once(["-m", "benchmarks.truth", "generate", str(folder)])
    mine, theirs, ratio = paired(
        ["-m", "benchmarks.truth", "ours", str(folder)], ["-m", "benchmarks.truth", "peer", str(folder)], runs=3
    )
    what = f"Dawid-Skene, {truth.VOTES:,} votes, {truth.ROUNDS} rounds"
    return what, "crowd-kit", "at least 7x faster", mine, theirs, ratio


def consensus() -> Line:
    folder = CACHE / f"ten_million-{_shape()}"
    if not (folder / "item.parquet").is_file():
        once(["-m", "benchmarks.ten_million", "generate", str(folder)])
    mine, _, _ = paired(["-m", "benchmarks.truth", "consensus", str(folder)], None, runs=1)
    what = f"consensus of {ten_million.ROWS:,} votes: coded, a method chosen and fitted, memory_limit {ten_million.MEMORY}"
    return what, "-", "under 2 GB", mine, None, None


def _errors(rows: int, classes: int) -> Path:
    folder = CACHE / f"label_errors-{rows}-{classes}-{_shape()}"
    if not (folder / "model.parquet").is_file():
        which = "generate_many" if classes == label_errors.MANY_CLASSES else "generate"
        once(["-m", "benchmarks.label_errors", which, str(folder)])
    return folder


def confident(which: str) -> Line:
    folder = _errors(label_errors.ROWS, label_errors.CLASSES)
    command = ["-m", "benchmarks.label_errors"]
    mine, theirs, ratio = paired([*command, which, str(folder)], [*command, "peer", str(folder)], runs=3)
    start = (
        "arrays that lie on disk" if which == "arrays" else f"the tables, memory_limit {label_errors.MEMORY}, written as Parquet"
    )
    what = f"confident learning, {label_errors.ROWS:,} x {label_errors.CLASSES}, all filters and scores, from {start}"
    return what, "cleanlab, one filter and one score", "at least 3x faster, a fifth of the memory", mine, theirs, ratio


def confident_many() -> Line:
    folder = _errors(label_errors.MANY_ROWS, label_errors.MANY_CLASSES)
    mine, _, _ = paired(["-m", "benchmarks.label_errors", "ours", str(folder)], None, runs=1)
    what = (
        f"confident learning, {label_errors.MANY_ROWS:,} x {label_errors.MANY_CLASSES:,}, all filters and scores, from the tables"
    )
    return what, "-", "finished, under 8 GB", mine, None, None


ALL: dict[str, Callable[[], Line | None]] = {
    "start_up": start_up, "coco": coco, "bccd": bccd, "ten": lambda: ten("twenty_five"), "all": lambda: ten("ours"), "contract": lambda: contract.contract(CACHE), "status": status,
    "release": release, "view": view, "alpha": lambda: agreement.alpha(CACHE, _shape()), "alpha_many": lambda: agreement.alpha_many(CACHE, _shape()), "pairs": lambda: agreement.pairs(CACHE, _shape()),
    "dawid_skene": dawid_skene, "consensus": consensus, "confident": lambda: confident("arrays"),
    "confident_tables": lambda: confident("ours"), "confident_many": confident_many,
}  # fmt: skip


def main() -> None:
    """Run those named, or all; lines of others stay as they were measured last."""
    CACHE.mkdir(exist_ok=True)
    kept = CACHE / "lines.json"
    rows: dict[str, str] = json.loads(kept.read_text()) if kept.is_file() else {}
    for name in sys.argv[1:] or ALL:
        done = ALL[name]()
        if done:
            what, peer, target, mine, theirs, ratio = done
            other = f"{theirs.seconds:.2f} s, {theirs.megabytes:,.0f} MB" if theirs else "-"
            ours = f"{mine.seconds:.2f} s, {mine.megabytes:,.0f} MB"
            rows[name] = f"| {what} | {target} | {ours} | {peer}: {other} | {_ratio(ratio)} |"
            print(rows[name], flush=True)
            kept.write_text(json.dumps(rows))
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "numpy", "pandas", "dvc", "great-expectations", "fiftyone")
    )
    text = (
        "<!-- Generated by `make bench`. -->\n\n# Benchmarks\n\n"
        f"Whole processes, start included; medians of {RUNS} paired runs (3 where a run is long) after a warm-up. Peak resident memory of the "
        "largest process. The ratio is the median over pairs of the peer's time to ours. Import, checks and audit run as a base install would: "
        "without pandas, which pyarrow imports where it is installed.\n\n"
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {packages}.\n\n"
        "| what | target | ours | peer | peer / ours |\n|---|---|---|---|---|\n"
        + "\n".join(rows[name] for name in ALL if name in rows) + "\n"
    )  # fmt: skip
    (HERE / "RESULTS.md").write_text(text)


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f} (ours is {1 / ratio:.1f}x the peer)" if ratio < 1 else f"{ratio:.2f}"


if __name__ == "__main__":
    main()
