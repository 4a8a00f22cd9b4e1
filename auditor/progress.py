"""Progress on standard error: a bar for anything longer than a second, nothing where no person looks."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOW_AFTER_SECONDS = 1.0


@contextlib.contextmanager
def shown(*, wanted: bool = True) -> Iterator[Callable[[str, int, int | None], None]]:
    """A function (what, done, total) that draws a bar once the work has lasted a second, if standard error is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None)
    began = time.monotonic()
    started = False

    def update(what: str, done: int, total: int | None) -> None:
        nonlocal started
        if not started and time.monotonic() - began >= SHOW_AFTER_SECONDS:
            bar.start()
            started = True
        bar.update(task, description=what, completed=done, total=total)

    try:
        yield update
    finally:
        if started:
            bar.stop()
