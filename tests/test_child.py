"""The process of a check that is not ours: what it is started with."""

from __future__ import annotations

import os
import subprocess
import sys

from auditor import child


def test_a_check_s_process_runs_nothing_that_lies_in_the_audited_folder(tmp_path, monkeypatch):
    for name in ("resource", "json", "duckdb", "auditor", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", str(tmp_path)]))
    with child.rows("SELECT 1 AS a", {}, {}, tmp_path / "work") as reader:
        assert reader.read_all().to_pylist() == [{"a": 1}]
    assert not (tmp_path / "ran").exists()


def test_as_a_module_auditor_takes_nothing_from_the_audited_folder(tmp_path, root):
    (tmp_path / "click.py").write_text("raise SystemExit('click of the audited folder')\n")
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "--version"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("auditor, version")
