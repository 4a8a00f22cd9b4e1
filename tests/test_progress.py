"""Progress goes to standard error, only where a person looks, and only for work that lasts."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

SCRIPT = """
import time
from auditor.progress import shown
with shown() as show:
    for number in range(4):
        show("counting sheep", number, 4)
        time.sleep(0.4)
print("done")
"""


def in_terminal(script):
    """Standard error is a terminal, standard output is not."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    out = process.communicate()[0]
    return out, seen


def test_a_bar_after_a_second_in_a_terminal():
    out, err = in_terminal(SCRIPT)
    assert b"counting sheep" in err
    assert out == b"done\n"


def test_no_bar_for_quick_work():
    _, err = in_terminal(SCRIPT.replace("0.4", "0.01"))
    assert b"counting" not in err


def test_nothing_where_no_person_looks():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"done\n", b"")
