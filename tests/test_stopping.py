"""Signals: a command that is stopped cleans up after itself and says which signal it was."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.worlds import votes_csv

# An endless query in the middle of an audit: only an interrupted engine lets it end.
SCRIPT = """
import sys
from auditor import api
from auditor.cli import main
from auditor.engines import duckdb as engine

def endless(*_args, **_more):
    print("now", flush=True)
    engine.connect(__import__("pathlib").Path("spill")).execute("SELECT count(*) FROM range(100000000000000) t(a) WHERE a % 7 = 3").fetchall()

api.policy.open_tables = endless
sys.argv = ["auditor", "audit", "answer.csv", "--out", "new/audit"]
main()
"""


@contextlib.contextmanager
def started(tmp_path, root, *first):
    votes_csv(tmp_path / "answer.csv")
    with subprocess.Popen(
        [*first, sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "now\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_a_query_cleans_up(tmp_path, root, number):
    with started(tmp_path, root) as process:
        assert list((tmp_path / "new").glob(".auditor-*/tables/annotation.parquet"))
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said == f"auditor: error: stopped by {number.name}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["answer.csv"]


def test_what_kill_9_leaves_is_swept_by_the_next_run(tmp_path, root):
    with started(tmp_path, root):
        pass
    (left,) = (tmp_path / "new").iterdir()
    subprocess.run(
        [sys.executable, "-m", "auditor", "audit", "answer.csv", "--out", "new/audit", "--quiet"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, check=True,
    )  # fmt: skip
    assert not left.exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["audit"]


def test_under_nohup_a_hang_up_is_nothing(tmp_path, root):
    with started(tmp_path, root, "nohup") as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
