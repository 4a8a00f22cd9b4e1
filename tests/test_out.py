"""--out: what is not an audit's is never touched, and a run that fails leaves no trace."""

from __future__ import annotations

import fcntl
import os
import shutil

import pytest
from click.testing import CliRunner

from auditor import outfolder, scratch
from auditor.cli import cli
from auditor.errors import UsageError
from tests.worlds import votes_csv


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    votes_csv(tmp_path / "answer.csv")
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in ("audit", "answer.csv", *words)])


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"measures/mine.csv": "x"}, "holds measures"),
        ({"report.html": "mine"}, "holds report.html"),
        ({"report.html": "mine", "verdict.json": '{"format": "another/1"}'}, "holds findings"),
        ({"report.html": "mine", "verdict.json": "not json"}, "no verdict.json says"),
        ({"findings.csv/inner": ""}, "holds findings.csv"),
    ],
)
def test_a_folder_that_auditor_did_not_make_is_left_alone(run, tmp_path, files, said):
    out = tmp_path / "thesis"
    for name, text in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    if "another" in str(files):
        (out / "findings.csv").write_text("mine")
    before = everything(tmp_path)
    done = run("--out", "thesis")
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "choose another --out" in done.stderr
    assert everything(tmp_path) == before


def test_an_earlier_audit_is_replaced_and_only_its_own_files_are(run, tmp_path):
    assert run("--out", "o").exit_code == 0
    for name in ("notes.txt", "measures/notes.txt", "measures/old.parquet"):
        (tmp_path / "o" / name).write_text("x")
    first = (tmp_path / "o" / "report.html").stat().st_ino
    assert run("--out", "o").exit_code == 0
    assert (tmp_path / "o" / "report.html").stat().st_ino != first
    assert (tmp_path / "o" / "notes.txt").read_text() == "x"
    assert (tmp_path / "o" / "measures" / "notes.txt").read_text() == "x"
    assert not (tmp_path / "o" / "measures" / "old.parquet").exists()
    assert run("--out", "o", "--for", "public").exit_code == 0
    assert [path.name for path in (tmp_path / "o" / "measures").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["report.html", "measures", "findings.csv"])
def test_a_place_that_cannot_be_replaced_is_seen_before_anything_is(run, tmp_path, name):
    run("--out", "o")
    place = tmp_path / "o" / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    if name == "measures":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "precious.parquet").write_text("x")
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
    before = everything(tmp_path)
    done = run("--out", "o")
    assert done.exit_code == 2, done.output
    assert f"its {name} is no" in done.stderr
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("answer.csv/deep/er", "is a file, not a folder"),
        ("new/" + "d" * 300 + "/x", "longer than"),
        ("/proc/nowhere/x", "cannot be made"),
    ],
)
def test_an_out_folder_that_cannot_be_is_one_error(run, tmp_path, out, said):
    done = run("--out", out)
    assert done.exit_code == 2, done.output
    assert said in done.stderr or "nothing can be made" in done.stderr
    assert "auditor: hint: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["answer.csv"]


def test_what_is_audited_is_not_overwritten(run, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "answer.csv").rename(folder / "answer.csv")
    done = CliRunner().invoke(cli, ["audit", "data", "--out", "data"])
    assert done.exit_code == 2
    assert "is what is audited" in done.stderr
    done = CliRunner().invoke(cli, ["audit", "data", "--out", "data/../data"])
    assert done.exit_code == 2
    assert [path.name for path in folder.iterdir()] == ["answer.csv"]
    shutil.copy(folder / "answer.csv", folder / "findings.csv")
    done = CliRunner().invoke(cli, ["audit", "data/findings.csv", "--out", "data"])
    assert "would replace findings.csv" in done.stderr


def test_a_failed_run_leaves_no_new_folders(run, tmp_path):
    (tmp_path / "answer.csv").write_bytes(b"\xff\xfe\x00")
    assert run("--out", "a/b/c/o").exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["answer.csv"]


def test_the_files_are_looked_at_again_before_they_are_moved(tmp_path):
    made, out = tmp_path / "made", tmp_path / "out"
    for folder in (made, out):
        folder.mkdir()
        (folder / "report.html").write_text(folder.name)
    with pytest.raises(UsageError):
        outfolder.deliver(made, out)
    assert (out / "report.html").read_text() == "out"


def test_working_folders_of_dead_processes_are_swept_and_no_others(tmp_path):
    dead = tmp_path / ".auditor-abcdefgh"
    alive = tmp_path / ".auditor-aaaaaaaa"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "lock").write_bytes(b"label-auditor working folder\n")
    foreign = {
        ".auditor-foreign_": "no lock",
        ".auditor-whatever-else": "another name",
        ".auditor-otherlck": "another lock",
    }
    for name in foreign:
        (tmp_path / name).mkdir()
    (tmp_path / ".auditor-whatever-else" / "lock").write_bytes(b"label-auditor working folder\n")
    (tmp_path / ".auditor-otherlck" / "lock").write_bytes(b"mine")
    os.mkfifo(tmp_path / ".auditor-foreign_" / "lock")
    with (alive / "lock").open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with scratch.folder(tmp_path) as work:
            assert work.stat().st_mode & 0o777 == 0o700
            assert not dead.exists()
            scratch.sweep(tmp_path)
            assert work.exists()
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, *foreign}
