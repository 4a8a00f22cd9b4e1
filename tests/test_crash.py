"""kill -9 at random moments of import, sealing and release: the workspace is as it was before or as it shall be, never between.

`make crash` runs fifty rounds; CI replays a few (AUDITOR_CRASH_ROUNDS).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from auditor import workspace
from auditor.files import sha256_file
from auditor.freshness import digest_of
from tests.test_seal_workspace import ACCESS, POLICY
from tests.workspace_world import GIT, run
from tests.worlds import votes_csv

ROUNDS = int(os.environ.get("AUDITOR_CRASH_ROUNDS", "3"))


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    for name, value in {**GIT, "XDG_CONFIG_HOME": str(tmp_path / "nobody")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUDITOR_IDENTITY", raising=False)


def start(root, *words, checkout):
    return subprocess.Popen(
        [sys.executable, "-m", "auditor", *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed(root, *words, checkout, lasts, draw):
    """Run a command and kill it, and all it started, somewhere on its way."""
    process = start(root, *words, checkout=checkout)
    time.sleep(draw.uniform(0.35, 1.1) * lasts)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def duration(root, *words, checkout):
    began = time.monotonic()
    assert start(root, *words, checkout=checkout).wait() == 0
    return time.monotonic() - began


def whole(root, name):
    """The source's tables are those that its note is about, and every file can be read; returns how many answers there are."""
    note = json.loads((root / "sources" / f"{name}.json").read_text())
    folder = root / "tables" / name
    assert note["digest"] == digest_of([[path.name, sha256_file(path)] for path in sorted(folder.iterdir())])
    for path in folder.iterdir():
        pq.read_table(path)
    return note["rows"]["annotation"]


def settle(root):
    """What the next command does first, and what must be gone then."""
    with workspace.find(root).writing("test"):
        pass
    assert not (root / ".auditor" / "journal.json").exists()
    assert not (root / ".auditor" / "work").exists()


def test_a_killed_import_is_whole(tmp_path, root):
    draw = random.Random(1)
    space = tmp_path / "space"
    run(tmp_path, "init", str(space))
    small, large = votes_csv(tmp_path / "small.csv", items=10), votes_csv(tmp_path / "large.csv", items=2000)
    run(space, "import", str(votes_csv(tmp_path / "other.csv", people=1)), "--name", "other")
    words = ("import", str(large), "--name", "crowd")
    lasts = duration(space, *words, checkout=root)
    seen = set()
    for number in range(ROUNDS):
        before = 30 if number % 2 else 6000
        path = large if number % 2 else small
        run(space, "import", str(small if number % 2 else large), "--name", "crowd")
        killed(space, "import", str(path), "--name", "crowd", checkout=root, lasts=lasts, draw=draw)
        settle(space)
        rows = whole(space, "crowd")
        assert rows in {30, 6000}
        seen.add(rows == before)
        merged = pq.read_metadata(space / "tables" / "_all" / "annotation.parquet").num_rows
        assert merged == rows + 12, "the merged tables are those of the parts"
    assert ROUNDS < 20 or seen == {True, False}, "the kills came too early or too late to mean anything"


def test_a_killed_sealing_import_opens(tmp_path, root):
    draw = random.Random(2)
    space = tmp_path / "space"
    run(tmp_path, "init", str(space))
    for name, text in (("fields.toml", POLICY), ("access.cedar", ACCESS)):
        path = space / "policies" / name
        path.write_text(path.read_text() + text)
    run(space, "identity", "new", "--name", "ada", "--role", "compliance", "--identity", str(tmp_path / "ada.json"))
    files = []
    for creed in ("Zarquonian", "Blorbish"):
        lines = ["item,who,label,creed"] + [f"i{n},u{n % 50},yes,{creed}" for n in range(1000)]
        (tmp_path / f"{creed}.csv").write_text("\n".join(lines) + "\n")
        files.append(tmp_path / f"{creed}.csv")
    mapping = ("--map", "item_id=item,annotator_id=who,annotator.creed=creed")
    lasts = duration(space, "import", str(files[0]), "--name", "crowd", *mapping, checkout=root)
    for number in range(ROUNDS):
        killed(space, "import", str(files[number % 2]), "--name", "crowd", *mapping, checkout=root, lasts=lasts, draw=draw)
        until = time.monotonic() + 5  # the keeper works while nobody else does
        while any((space / ".auditor" / "work").glob("*/clear/*")) and time.monotonic() < until:
            time.sleep(0.05)
        assert not list((space / ".auditor" / "work").glob("*/clear/*")), "clear data were left behind"
        settle(space)
        whole(space, "crowd")
        # the grants in place are those of the cells in place
        said = run(space, "open", "annotator.attributes.creed", "--purpose", "bias-audit", "--identity", str(tmp_path / "ada.json"))
        assert len({line.rsplit(",", 1)[1] for line in said.splitlines()[1:]}) == 1


def test_a_killed_release_is_none_or_whole(tmp_path, root):
    draw = random.Random(3)
    space = tmp_path / "space"
    run(tmp_path, "init", str(space))
    lasts = 0.0
    for number in range(ROUNDS + 1):
        run(space, "import", str(votes_csv(tmp_path / "answers.csv", items=20 + number)), "--name", "crowd")
        for word in ("measure", "check", "gate"):
            run(space, word)
        name = f"v{number}"
        if not lasts:
            lasts = duration(space, "release", name, checkout=root)
        else:
            killed(space, "release", name, checkout=root, lasts=lasts, draw=draw)
        subprocess.run(["git", "fsck", "--strict"], cwd=space, check=True, capture_output=True)
        for lock in (space / ".git").rglob("*.lock"):
            lock.unlink()  # git's own, of a git that was killed: git says so and asks for this
        tags = subprocess.run(["git", "tag"], cwd=space, capture_output=True, text=True, check=True).stdout.split()
        if name not in tags:
            run(space, "release", name)
        run(space, "check", "--at", name)
        body = json.loads((space / "at" / name / "results.json").read_text())
        assert body["summary"]["items"] == 20 + number


def test_two_imports_at_once_both_count(tmp_path, root):
    space = tmp_path / "space"
    run(tmp_path, "init", str(space))
    files = [votes_csv(tmp_path / f"part{n}.csv", items=10 + n) for n in range(3)]
    started = [start(space, "import", str(path), "--name", f"part{n}", checkout=root) for n, path in enumerate(files)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert [whole(space, f"part{n}") for n in range(3)] == [30, 33, 36]
    assert pq.read_metadata(space / "tables" / "_all" / "annotation.parquet").num_rows == 99
