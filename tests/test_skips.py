"""The rule for skips in CI, on a run of pytest in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.skips import ALLOWED


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [("no time today", "true", 1), ("no time today", "", 0), (ALLOWED[0], "true", 0)],
)
def test_an_unlisted_skip_fails_ci(root, tmp_path, reason, ci, code):
    (tmp_path / "tests").mkdir()
    for name in ("__init__.py", "conftest.py", "skips.py", "worlds.py", "browser_world.py", "workspace_world.py"):
        shutil.copy(root / "tests" / name, tmp_path / "tests")
    (tmp_path / "tests" / "test_it.py").write_text(
        f"import pytest\n\n\ndef test_one():\n    pass\n\n\ndef test_two():\n    pytest.skip({reason!r})\n"
    )
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("tests/skips.py does not list: tests/test_it.py::test_two: no time today" in done.stdout) is (code == 1)
