"""Runs one program for a process and ends it when that process is gone, even when it was killed.

Started as a file (`python -I -S keeper.py FOLDER PROGRAM ARGUMENT…`), with the standard library only: it is there in 20 ms. Its
standard input is a pipe that only the process holds: the operating system closes it however that process ends. FOLDER is removed
when the program has ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

# Seconds that a program may take to end by itself.
PATIENCE = 10.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(folder: str, command: list[str]) -> int:
    """Run `command` until it ends or until standard input is closed; returns its exit code."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is for the process that we serve; it tells us by closing the pipe
    # One thread so far, so a preexec function is safe.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_with_keeper)  # noqa: S603, PLW1509

    def wait() -> None:
        while os.read(0, 1024):
            pass
        _end(child)

    def stop(_number: int, _frame: object) -> None:
        threading.Thread(target=_end, args=(child,), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait, daemon=True).start()
    code = child.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return code


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()


def _with_keeper() -> None:
    """In the child: should the keeper itself be killed, Linux ends the program; elsewhere the next start does."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
