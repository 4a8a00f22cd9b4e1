"""What ends a command from outside: Ctrl-C, SIGTERM and SIGHUP clean up, whatever it is doing, and exit with 128 + their number.

Python runs a signal's handler only between two steps of its own, and a query may take minutes: so a thread, woken by the signal
itself, interrupts the engine. Where even that does not end the work in time, the thread removes the working folders and
ends the process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from auditor import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_said: list[int] = []
PATIENCE_SECONDS = 10.0


class StoppedError(SystemExit):
    """A signal asked the process to end; no `except Exception` holds it up."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Turn the signals into `StoppedError`; for the main thread of a command, not of a library's user."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    # Who runs us under nohup wants SIGHUP ignored.
    before = {one: signal.getsignal(one) for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN}
    woken = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for one in before:
        signal.signal(one, _stop)
    threading.Thread(target=_watch, args=(read, frozenset(before)), daemon=True, name="signals").start()
    try:
        yield
    except BaseException:
        check()
        raise
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        signal.set_wakeup_fd(woken)
        os.close(write)


def _stop(number: int, _frame: Any) -> None:
    # One is enough: a second one must not interrupt the cleaning up.
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    _said.append(number)
    raise StoppedError(number)


def check() -> None:
    """Raise `StoppedError` if a signal came: an engine in the middle of a query turns the exception into one of its own."""
    if _said:
        raise StoppedError(_said[0])


def _watch(read: int, wanted: frozenset[signal.Signals]) -> None:
    while said := os.read(read, 1):
        if said[0] in wanted:
            break
    os.close(read)
    if not said:
        return
    from auditor.engines import duckdb as engine

    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        # Again and again: the engine may be between two queries just now.
        engine.interrupt()
        time.sleep(0.1)
    for work in list(scratch.ACTIVE):
        shutil.rmtree(work, ignore_errors=True)
    os._exit(128 + said[0])
