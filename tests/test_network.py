"""No command talks to anybody: every socket that is not of this machine is refused and reported, for us and for all that we import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace_world import GIT
from tests.worlds import votes_csv

# Runs in every Python process that the commands start: DVC's and ours alike.
GUARD = """
import os, socket, sys

def _watch(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        place = args[1] if event in {"socket.connect", "socket.sendto"} else args[0]
        host = place[0] if isinstance(place, tuple) else place
        family = getattr(args[0], "family", None)
        if family == getattr(socket, "AF_UNIX", None) or host in {"127.0.0.1", "::1", "localhost", None, ""}:
            return
        with open(os.environ["AUDITOR_TEST_SOCKETS"], "a") as stream:
            stream.write(f"{event} {host!r} {sys.argv[:3]}\\n")
        raise OSError(f"this test allows no connection to {host}")

sys.addaudithook(_watch)
"""


@pytest.fixture
def guarded(tmp_path, root):
    """Runs commands under the guard; the file lists what was tried."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(GUARD)
    tried = tmp_path / "tried"
    environment = os.environ | GIT | {
        "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{root}", "AUDITOR_TEST_SOCKETS": str(tried),
        "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    # A user who never said a word about telemetry.
    for name in ("DVC_NO_ANALYTICS", "FIFTYONE_DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "AUDITOR_IDENTITY"):
        environment.pop(name, None)
    (tmp_path / "home").mkdir()

    def command(*words, cwd=tmp_path, codes=(0,), module="auditor"):
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode in codes, done.stderr
        assert not tried.exists(), tried.read_text()
        return done.stdout

    return command


def test_the_guard_sees_a_connection(tmp_path, guarded):
    script = tmp_path / "site" / "calls_home.py"
    script.write_text(
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=1)\nexcept OSError:\n    pass\n"
    )
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        guarded(module="calls_home")


def test_no_command_leaves_this_machine(tmp_path, guarded):
    answers = votes_csv(tmp_path / "answers.csv", items=30)
    space = tmp_path / "space"
    guarded("audit", str(answers))
    guarded("checks")
    guarded("explain", "consistency/contradictory_votes")
    guarded("contract", "run", "all", str(answers), "--data-docs", str(tmp_path / "docs"))
    guarded("init", str(space))
    guarded("import", str(answers), "--name", "crowd", cwd=space)
    guarded("repro", cwd=space, module="dvc")
    for words in (
        ("measure",),
        ("check",),
        ("gate",),
        ("report",),
        ("status",),
        ("release", "v1"),
        ("releases",),
        ("check", "--at", "v1"),
    ):
        guarded(*words, cwd=space)
    guarded("identity", "new", "--name", "ada", "--role", "compliance", cwd=space)
    guarded("access", cwd=space)
