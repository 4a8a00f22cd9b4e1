"""Whole-process figures: wall seconds and peak memory as the operating system accounts for them, medians of paired runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

RUNS = 5


@dataclass(frozen=True)
class Figure:
    """Medians over runs.

    Attributes:
        seconds: wall time of the whole process.
        megabytes: its peak resident memory.
    """

    seconds: float
    megabytes: float


def once(arguments: list[str]) -> Figure:
    """Run a Python command once. A child's peak counts from its parent's size at the start: this process stays small."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    # An audit that finds something ends with 1; anything else that does so has failed.
    if process.returncode not in ({0, 1} if arguments[:3] == ["-m", "auditor", "audit"] else {0}):
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return Figure(seconds, usage.ru_maxrss / 1024)


def paired(
    ours: list[str], peer: list[str] | None, runs: int = RUNS, prepare: list[str] | None = None
) -> tuple[Figure, Figure | None, float | None]:
    """Run both in turn after one warm-up of each; medians, and the median of the ratios peer / ours of each pair.

    `prepare` runs before each of them, and does not count.
    """

    def ready(command: list[str]) -> Figure:
        if prepare:
            once(prepare)
        return once(command)

    pairs = []
    for number in range(runs + 1):
        pair = (ready(ours), ready(peer) if peer else None)
        if number:
            pairs.append(pair)
    mine = _median([pair[0] for pair in pairs])
    if peer is None:
        return mine, None, None
    theirs = [pair[1] for pair in pairs if pair[1]]
    ratio = statistics.median(b.seconds / a.seconds for (a, _), b in zip(pairs, theirs, strict=True))
    return mine, _median(theirs), ratio


def _median(figures: list[Figure]) -> Figure:
    return Figure(statistics.median(f.seconds for f in figures), statistics.median(f.megabytes for f in figures))


class _NoPandas:
    """An import hook that knows no pandas."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def as_base_install() -> None:
    """As for a user without pandas: where it is installed, pyarrow imports it (0.6 to 0.9 s) when it sees a Python list."""
    sys.meta_path.insert(0, _NoPandas())  # type: ignore[arg-type]
