"""Sealed fields in a workspace: who may not open them audits all the same, and finds them in no file; who may works in private/."""

from __future__ import annotations

import json
import subprocess

import duckdb
import pyarrow.parquet as pq
import pytest

from auditor import journal
from tests.workspace_world import GIT, run

CANARIES = ["Zarquonian", "Blorbish", "canary.person@example.org"]
POLICY = """
[annotator]
email = { sensitivity = "personal", treatment = "seal" }

[annotator.attributes]
creed = { sensitivity = "special", treatment = "seal" }
"""
ACCESS = """
@id("bias-audits")
permit (principal in Role::"compliance", action == Action::"open", resource)
when { context.purpose == Purpose::"bias-audit" };
"""
MAP = "item_id=item,annotator_id=who,label=label,annotator.creed=creed,annotator.email=email"


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    for name, value in {**GIT, "XDG_CONFIG_HOME": str(tmp_path / "nobody")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUDITOR_IDENTITY", raising=False)


@pytest.fixture
def space(tmp_path):
    """A workspace with answers of 40 people of two creeds; ada may open, bob may not."""
    root = tmp_path / "space"
    run(tmp_path, "init", str(root))
    with (root / "policies" / "fields.toml").open("a") as stream:
        stream.write(POLICY)
    with (root / "policies" / "access.cedar").open("a") as stream:
        stream.write(ACCESS)
    run(root, "identity", "new", "--name", "ada", "--role", "compliance", "--identity", str(tmp_path / "ada.json"))
    run(root, "identity", "new", "--name", "bob", "--role", "qa_lead", "--identity", str(tmp_path / "bob.json"))
    lines = ["item,who,label,creed,email"]
    for person in range(40):
        creed, bias = ("Zarquonian", 0) if person % 2 else ("Blorbish", 1)
        mail = "canary.person@example.org" if person == 7 else f"p{person}@example.org"
        lines += [
            f"i{n:02},u{person:02},{'yes' if (n * 7 + bias * 31) % 10 < 3 + 5 * bias else 'no'},{creed},{mail}" for n in range(30)
        ]
    (tmp_path / "answers.csv").write_text("\n".join(lines) + "\n")
    run(root, "import", str(tmp_path / "answers.csv"), "--name", "crowd", "--map", MAP)
    return root


def audit(root):
    for words in (("measure",), ("check",), ("gate",), ("report",)):
        run(root, *words)


def clear_places(root):
    """Every file of the workspace, git's and DVC's included, in which a canary stands in clear."""
    git = subprocess.run(["git", "cat-file", "--batch-all-objects", "--batch"], cwd=root, capture_output=True, check=True).stdout
    found = [canary for canary in CANARIES if canary.encode() in git]
    for path in root.rglob("*"):
        if path.is_file() and "private" not in path.relative_to(root).parts:
            data = path.read_bytes()
            found += [f"{path}: {canary}" for canary in CANARIES if canary.encode() in data]
    return found


def test_without_a_key_everything_runs_and_nothing_is_in_clear(space):
    audit(space)
    run(space, "release", "v1")
    assert clear_places(space) == []
    body = json.loads((space / "findings" / "results.json").read_text())
    outcome = {one["check_id"]: one for one in body["checks"]}
    assert outcome["bias/label_rate_by_group"]["outcome"] == "skipped"
    assert outcome["bias/label_rate_by_group"]["reason"].startswith("needs annotator.attributes.creed")
    assert any("sealed, so no check saw: annotator.attributes.creed, annotator.email" in note for note in body["notes"])
    # raw libraries see bytes of one width
    cells = pq.read_table(space / "tables" / "crowd" / "annotator.sealed.parquet")
    assert len({len(cell) for cell in cells["attributes.creed"].to_pylist()}) == 1
    assert duckdb.sql(f"SELECT count(attributes), count(email) FROM '{space}/tables/crowd/annotator.parquet'").fetchall() == [
        (0, 0)
    ]


def test_who_may_works_in_private_and_who_may_not_is_told(space, tmp_path):
    audit(space)
    said = run(space, "check", "--purpose", "bias-audit", "--identity", str(tmp_path / "ada.json"))
    folder = space / "private" / "ada-bias-audit"
    assert folder.parent.stat().st_mode & 0o077 == 0
    found = pq.read_table(folder / "findings.parquet").to_pylist()
    assert [
        row for row in found if row["check_id"] == "bias/label_rate_by_group" and "Blorbish" in row["message"] + row["evidence"]
    ], said
    assert json.loads((folder / "made_by.json").read_text())["purpose"] == "bias-audit"
    assert clear_places(space) == []
    assert subprocess.run(["git", "check-ignore", "-q", "private/ada-bias-audit"], cwd=space, check=False).returncode == 0
    denied = run(space, "check", "--purpose", "bias-audit", "--identity", str(tmp_path / "bob.json"), code=5)
    assert "bob may open nothing" in denied
    assert "no policy allows bob" in run(
        space, "open", "annotator.email", "--purpose", "bias-audit", "--identity", str(tmp_path / "bob.json"), code=5
    )
    assert "canary.person@example.org" in run(
        space, "open", "annotator.email", "--purpose", "bias-audit", "--identity", str(tmp_path / "ada.json")
    )
    entries = [json.loads(line) for path in (space / "ledger").glob("*") for line in path.read_text().splitlines()]
    assert {entry["actor"] for entry in entries} == {"ada"}


@pytest.mark.parametrize("command", ["import", "check"])
def test_nothing_in_clear_is_left_once_the_journal_is_written(space, tmp_path, monkeypatch, command):
    run(space, "measure")
    left = []

    def commit(root, moves, removals=()):
        work = [path for path in (root / journal.WORK).rglob("*") if path.is_file()]
        left.extend(path for path in work if not any(path.is_relative_to(new) for new in moves))
        assert moves
        journal_commit(root, moves, removals)

    journal_commit = journal.commit
    monkeypatch.setattr(journal, "commit", commit)
    if command == "import":
        run(space, "import", str(tmp_path / "answers.csv"), "--name", "crowd", "--map", MAP)
    else:
        run(space, "check", "--purpose", "bias-audit", "--identity", str(tmp_path / "ada.json"))
    assert left == []


def test_two_identities_and_one_dvc_cache(space, tmp_path):
    """Stages know no identity: what one person's account made is byte for byte what another's makes, and holds no canary."""
    import os
    import shutil
    import sys
    from pathlib import Path

    def repro(identity, cwd):
        environment = os.environ | {
            "AUDITOR_IDENTITY": str(identity), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path.cwd()), "DVC_NO_ANALYTICS": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro"], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return (cwd / "findings" / "findings.parquet").read_bytes()

    first = repro(tmp_path / "ada.json", space)
    run(space, "gate")
    run(space, "release", "v1")
    other = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(space), str(other)], check=True)
    shutil.copytree(space / ".dvc" / "cache", other / ".dvc" / "cache")
    subprocess.run([sys.executable, "-m", "dvc", "checkout", "-q", "tables.dvc"], cwd=other, check=True)
    (other / "dvc.lock").unlink()
    assert repro(tmp_path / "bob.json", other) == first
    assert clear_places(space) == []
    assert clear_places(other) == []


def test_an_unclassified_field_stops_the_import_with_lines_to_copy(space, tmp_path):
    (tmp_path / "more.csv").write_text("item,who,label,shoe size\ni1,u1,yes,43\ni2,u2,no,41\n")
    said = run(
        space,
        "import",
        str(tmp_path / "more.csv"),
        "--name",
        "more",
        "--map",
        "annotator_id=who,annotator.shoe size=shoe size",
        code=3,
    )
    assert "nobody has decided what may be stored and shown of annotator.attributes.shoe size" in said
    assert '"shoe size" = { sensitivity = "personal", show = "pseudonym" }' in said
    assert not (space / "tables" / "more").exists()
    assert "more" not in run(space, "status")


def test_sealed_to_nobody_is_refused(space, tmp_path):
    for path in (space / "policies" / "recipients").glob("*"):
        path.unlink()
    said = run(space, "import", str(tmp_path / "answers.csv"), "--name", "crowd", "--map", MAP, code=3)
    assert "sealed, it would be lost" in said


def test_two_sources_with_sealed_fields(space, tmp_path):
    (tmp_path / "more.csv").write_text("item,who,label,creed\ni00,z1,yes,Zarquonian\ni01,z1,no,Zarquonian\n")
    run(
        space,
        "import",
        str(tmp_path / "more.csv"),
        "--name",
        "more",
        "--map",
        "item_id=item,annotator_id=who,annotator.creed=creed",
    )
    audit(space)
    assert clear_places(space) == []
    run(space, "check", "--purpose", "bias-audit", "--identity", str(tmp_path / "ada.json"))
    assert json.loads((space / "private" / "ada-bias-audit" / "made_by.json").read_text())["opened"] == [
        "annotator.attributes.creed", "annotator.email",
    ]  # fmt: skip
