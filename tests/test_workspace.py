"""A workspace from init to release, as a team would use it: every command through the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from auditor import workspace
from tests.workspace_world import GIT, audited, run
from tests.worlds import votes_csv

pytestmark = pytest.mark.usefixtures("git_identity")


def test_init_says_what_it_did_and_overwrites_nothing(tmp_path):
    root = tmp_path / "old"
    (root / "checks" / "mine").mkdir(parents=True)
    (root / "auditor.toml").write_text('dataset = "mine"\n')
    (root / ".gitignore").write_text("secret")
    (root / "dvc.yaml").write_text("# ours\nstages:\n  train:\n    cmd: echo train # keep\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    said = run(tmp_path, "init", str(root))
    assert "made a git repository" not in said
    assert "added to dvc.yaml: measure, check, report" in said
    assert (root / "auditor.toml").read_text() == 'dataset = "mine"\n'
    text = (root / "dvc.yaml").read_text()
    assert text.startswith("# ours\nstages:\n  train:\n    cmd: echo train # keep\n")
    assert (root / ".gitignore").read_text().startswith("secret\n/tables\n")
    config = (root / ".dvc" / "config").read_text()
    assert "analytics = False" in config
    assert "check_update = False" in config
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git/" not in str(path)}
    assert run(tmp_path, "init", str(root)).startswith("everything was there already")
    assert files == {path: path.read_bytes() for path in files}


def test_init_makes_its_own_dvc_in_a_repository_within_another(tmp_path):
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    run(tmp_path, "init", str(outer))
    subprocess.run(["git", "init", "--quiet", str(inner)], check=True)
    assert "made a DVC repository" in run(tmp_path, "init", str(inner))
    assert (inner / ".dvc" / "config").is_file()


def test_init_leaves_a_foreign_stage_alone(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages:\n  check:\n    cmd: make check\n")
    said = run(tmp_path, "init", str(tmp_path), code=3)
    assert "its stage check is not auditor's" in said
    assert (tmp_path / "dvc.yaml").read_text() == "stages:\n  check:\n    cmd: make check\n"


def test_the_schema_of_the_settings_knows_every_key(tmp_path):
    run(tmp_path, "init", str(tmp_path / "w"))
    schema = json.loads((tmp_path / "w" / "auditor.schema.json").read_text())
    from auditor.settings import Settings

    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["additionalProperties"] is False


def test_outside_a_workspace_is_a_clear_error(tmp_path):
    assert "is in no workspace" in run(tmp_path, "status", code=2)


def test_the_line_in_a_workspace(space):
    assert "missing  none were computed yet" in run(space, "status")
    audited(space)
    assert "PASSED" in run(space, "gate")
    run(space, "report")
    said = run(space, "status")
    assert said.count(" fresh ") == 5, said
    verdict = json.loads((space / "verdict.json").read_text())
    assert verdict["inputs"][0]["source"] == "crowd"
    assert verdict["findings_sha256"]
    assert (space / "report" / "report.html").stat().st_size > 10_000
    # the same rows again: nothing becomes stale
    said = run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    assert said.startswith("unchanged")
    assert run(space, "status").count(" fresh ") == 5


def test_only_what_reads_a_changed_column_is_computed_anew(space):
    audited(space)
    assert "0 computed" in run(space, "measure")
    lines = (space.parent / "answers.csv").read_text().splitlines()
    timed = [lines[0] + ",seconds", *(f"{line},{n % 9 + 1}" for n, line in enumerate(lines[1:]))]
    (space.parent / "answers.csv").write_text("\n".join(timed) + "\n")
    run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    said = run(space, "status")
    assert "annotation.seconds" in said
    before = {path.name: path.stat().st_mtime_ns for path in (space / "measures").glob("*.parquet")}
    said = run(space, "measure")
    assert "0 still fresh" not in said
    after = {path.name: path.stat().st_mtime_ns for path in (space / "measures").glob("*.parquet")}
    assert after["class_balance.parquet"] == before["class_balance.parquet"]
    assert after["vote.parquet"] != before["vote.parquet"]


def test_checks_read_no_stale_measure(space):
    audited(space)
    votes_csv(space.parent / "answers.csv", items=10)
    run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    run(space, "check")  # without `measure`: what is stale is computed for this run alone
    body = json.loads((space / "findings" / "results.json").read_text())
    assert body["summary"]["items"] == 10
    assert "stale" in run(space, "status")


def test_the_gate_refuses_findings_of_another_state(space):
    audited(space)
    votes_csv(space.parent / "answers.csv", items=10)
    run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    said = run(space, "gate", code=3)
    assert "the findings are of another state" in said
    assert not (space / "verdict.json").exists()


def test_the_gate_refuses_findings_that_were_edited(space):
    audited(space)
    path = space / "findings" / "findings.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 0), path)
    assert "was changed after the checks wrote it" in run(space, "gate", code=3)


def test_settings_decide_and_the_status_says_why(space):
    audited(space)
    run(space, "gate")
    config = space / "auditor.toml"
    config.write_text(
        config.read_text() + '\n[[waiver]]\ncheck = "consistency/duplicate_item"\nowner = "a"\nreason = "b"\nuntil = 2001-01-01\n'
    )
    assert "verdict    stale    auditor.toml changed" in run(space, "status")
    said = run(space, "gate")
    assert "ended on 2001-01-01" in said
    config.write_text(config.read_text() + "\n[chekcs]\n")
    said = run(space, "gate", code=2)
    assert "did you mean 'checks'?" in said


def test_two_sources_are_merged_and_one_can_go(space, tmp_path):
    (tmp_path / "more.csv").write_text("item_id,annotator_id,label\ni000,zoe,cat\nnew,zoe,dog\n")
    run(space, "import", str(tmp_path / "more.csv"), "--name", "zoe")
    at = workspace.find(space)
    rows = pq.read_table(at.tables_folder() / "annotation.parquet").to_pylist()
    assert len(rows) == 92
    assert {row["annotator_id"] for row in rows} == {"ann-0", "ann-1", "ann-2", "zoe"}
    assert len({row["annotation_id"] for row in rows}) == 92
    assert pq.read_metadata(at.tables_folder() / "item.parquet").num_rows == 31
    # replacing one source leaves the other
    (tmp_path / "more.csv").write_text("item_id,annotator_id,label\nnew,zoe,dog\n")
    run(space, "import", str(tmp_path / "more.csv"), "--name", "zoe")
    assert pq.read_metadata(at.tables_folder() / "annotation.parquet").num_rows == 91
    audited(space)
    run(space, "forget", "zoe")
    assert at.tables_folder() == at.tables / "crowd"
    assert not (at.tables / workspace.MERGED).exists()
    assert "there is no source 'zoe'" in run(space, "forget", "zoe", code=2)


def test_an_import_says_what_it_shares_with_other_sources(space, tmp_path):
    mapping = ["--map", "annotation_id=id,item_id=item,label=label,item.split=split"]
    for name, split in (("north", "train"), ("south", "test")):
        (tmp_path / f"{name}.csv").write_text(f"id,item,label,split\n1,x,cat,{split}\n2,y,dog,train\n3,{name},dog,test\n")
    assert "stand in" not in run(space, "import", str(tmp_path / "north.csv"), "--name", "north", *mapping)
    said = run(space, "import", str(tmp_path / "south.csv"), "--name", "south", *mapping)
    assert "note       3 annotation ids of south stand in north too: south is kept under ids of its own there\n" in said
    assert "note       1 item is not the same in south as in north, which is kept: split\n" in said
    assert "stand in" not in run(space, "import", str(tmp_path / "answers.csv"), "--name", "crowd"), "none of its business"
    assert run(space, "import", str(tmp_path / "south.csv"), "--name", "south", *mapping, "--quiet") == ""
    audited(space)
    found = pq.read_table(space / "findings" / "findings.parquet").to_pylist()
    (finding,) = [row for row in found if row["check_id"] == "consistency/conflicting_item"]
    assert (finding["item_id"], finding["message"]) == ("x", "not the same in south as in north, which is kept: split")


def test_a_broken_import_changes_nothing(space, tmp_path):
    before = {path: path.read_bytes() for path in space.rglob("*") if path.is_file() and ".git/" not in str(path)}
    (tmp_path / "broken.json").write_text('{"images": [')
    run(space, "import", str(tmp_path / "broken.json"), "--name", "crowd", code=3)
    after = {path: path.read_bytes() for path in space.rglob("*") if path.is_file() and ".git/" not in str(path)}
    before.pop(space / ".auditor" / "lock", None)
    after.pop(space / ".auditor" / "lock", None)
    assert after == before


@pytest.mark.parametrize("name", ["../up", "_all", "a b", ".hidden", "x" * 80])
def test_a_source_name_is_a_folder_name(space, name):
    assert "cannot name a source" in run(space, "import", str(space.parent / "answers.csv"), "--name", name, code=2)


def test_release_needs_a_gate_that_passed_at_this_state(space):
    audited(space)
    assert "the gate has not decided on this state" in run(space, "release", "v1", code=3)
    run(space, "gate")
    said = run(space, "release", "v1")
    assert "released v1: passed, 30 items, 90 annotations" in said
    assert run(space, "releases").startswith("v1  passed")
    assert "there is a release v1 already" in run(space, "release", "v1", code=2)
    assert "cannot name a release" in run(space, "release", "a..b", code=2)
    votes_csv(space.parent / "answers.csv", items=5)
    run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    assert "the measures are not those of this state" in run(space, "release", "v2", code=3)
    run(space, "measure")
    assert "the gate has not decided on this state" in run(space, "release", "v2", code=3)


def state(root):
    """What git and the workspace hold: files, the index, the branch and the tags."""
    words = [["status", "--porcelain"], ["ls-files", "--stage"], ["for-each-ref"], ["stash", "list"]]
    said = [subprocess.run(["git", *one], cwd=root, check=True, capture_output=True, text=True).stdout for one in words]
    files = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and not {".git", ".dvc", ".auditor"} & {*path.parts}
    }
    return said, files


@pytest.mark.parametrize("hook", ["pre-commit", "reference-transaction"])
@pytest.mark.parametrize("first", [True, False])
def test_a_release_that_git_refuses_leaves_nothing_and_can_be_made_again(space, hook, first):
    audited(space)
    run(space, "gate")
    if not first:
        run(space, "release", "v0")
        votes_csv(space.parent / "answers.csv", items=31)
        run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
        audited(space)
        run(space, "gate")
    (space / "mine.txt").write_text("mine")
    subprocess.run(["git", "add", "mine.txt"], cwd=space, check=True)
    path = space / ".git" / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    refuse = "echo the linter says no >&2; exit 1"
    path.write_text(
        f"#!/bin/sh\n{refuse}\n"
        if first or hook == "pre-commit"
        else f"#!/bin/sh\ngrep -q refs/tags/v1 && {{ {refuse}; }}; exit 0\n"
    )
    path.chmod(0o755)
    before = state(space)
    said = run(space, "release", "v1", code=3)
    assert "there is no release v1, everything is as it was" in said
    assert "then auditor release v1 again" in said
    if hook == "pre-commit":
        assert "the linter says no" in said
    assert state(space) == before
    path.unlink()
    assert "released v1: passed" in run(space, "release", "v1")
    assert run(space, "releases").startswith("v1  passed")
    assert (
        subprocess.run(["git", "status", "--porcelain"], cwd=space, capture_output=True, text=True, check=True).stdout
        == "A  mine.txt\n"
    )


def test_a_release_that_cannot_be_pushed_leaves_nothing_and_can_be_made_again(space, tmp_path):
    audited(space)
    run(space, "gate")
    config = space / ".dvc" / "config"
    whole = config.read_text()
    for url in (
        "/proc/nowhere",
        "s3://nowhere/x\n    endpointurl = http://127.0.0.1:9\n    access_key_id = k\n    secret_access_key = s\n    region = x",
    ):
        config.write_text(whole + f"    remote = store\n['remote \"store\"']\n    url = {url}\n")
        before = state(space)
        said = run(space, "release", "v1", code=3)
        assert "DVC cannot push to the remote 'store'" in said
        assert "there is no release v1, everything is as it was" in said
        assert state(space) == before
    config.write_text(whole + f"    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'remote'}\n")
    assert "its data was pushed" in run(space, "release", "v1")


def test_tracked_media_are_part_of_a_release(space, tmp_path):
    for name in (".", "tables", ".auditor", "reviews"):
        (space / name).mkdir(exist_ok=True)
        said = run(space, "import", str(tmp_path / "answers.csv"), "--name", "crowd", "--track-media", "--media", name, code=2)
        assert "give the media a folder of their own" in said
    folder = space / "data" / "té xts"
    folder.mkdir(parents=True)
    (folder / "i000").write_text("one")
    run(space, "import", str(tmp_path / "answers.csv"), "--name", "crowd", "--track-media", "--media", str(folder))
    audited(space)
    run(space, "gate")
    run(space, "release", "v1")
    subprocess.run(["git", "clone", "-q", str(space), str(tmp_path / "clone")], check=True)
    assert (tmp_path / "clone" / "data" / "té xts.dvc").is_file()
    assert (tmp_path / "clone" / "data" / ".gitignore").read_text() == "/té xts\n"
    assert subprocess.run(["git", "status", "--porcelain"], cwd=space, capture_output=True, text=True, check=True).stdout == ""


def test_a_release_of_the_same_state_says_so(space):
    audited(space)
    run(space, "gate")
    assert "nothing changed" not in run(space, "release", "v1")
    assert "nothing changed since v1\n" in run(space, "release", "v2")
    config = space / "auditor.toml"
    config.write_text(config.read_text() + '\n[checks."consistency/duplicate_id"]\nseverity = "info"\n')
    audited(space)
    run(space, "gate")
    assert "nothing changed" not in run(space, "release", "v3")


def test_a_release_needs_its_measures(space):
    run(space, "check")
    run(space, "gate")
    assert "the measures are not those of this state: there are none" in run(space, "release", "v1", code=3)
    run(space, "measure")
    assert "released v1" in run(space, "release", "v1")


def failing(space):
    """The same votes, and an item whose splits contradict each other."""
    path = space.parent / "answers.csv"
    path.write_text(path.read_text().replace("i000,ann-0,cat", "i000,ann-0,").replace("i000,ann-0,dog", "i000,ann-0,"))
    run(space, "import", str(path), "--name", "crowd")
    config = space / "auditor.toml"
    config.write_text(config.read_text().replace('fail_on = "error"', 'fail_on = "info"'))
    audited(space)
    run(space, "gate", code=1)


def test_a_failed_state_is_released_with_a_reason_only(space):
    failing(space)
    assert "the gate's answer is failed" in run(space, "release", "v1", code=3)
    run(space, "release", "v1", "--even-failed", "known to the customer")
    assert "even so: known to the customer" in run(space, "releases")
    manifest = json.loads((space / "releases" / "v1.json").read_text())
    assert manifest["even_failed"] == "known to the customer"
    assert manifest["result"] == "failed"


def test_an_old_release_is_read_without_copying_and_finds_the_same(space):
    failing(space)
    run(space, "release", "v1", "--even-failed", "known")
    then = (space / "findings" / "findings.parquet").read_bytes()
    votes_csv(space.parent / "answers.csv", items=30)
    run(space, "import", str(space.parent / "answers.csv"), "--name", "crowd")
    audited(space)
    run(space, "gate", code=1 if json.loads((space / "findings" / "results.json").read_text())["summary"]["findings"] else 0)
    cache = sum(path.stat().st_size for path in (space / ".dvc" / "cache").rglob("*") if path.is_file())
    run(space, "check", "--at", "v1")
    assert (space / "at" / "v1" / "findings.parquet").read_bytes() == then
    assert (space / "at" / "v1" / "report.html").is_file()
    assert cache == sum(path.stat().st_size for path in (space / ".dvc" / "cache").rglob("*") if path.is_file())
    assert not list((space / "at").rglob("annotation*.parquet"))
    assert "there is no revision 'v7'" in run(space, "check", "--at", "v7", code=2)


def test_a_release_lives_in_its_remote(space, tmp_path):
    """Cache and tables gone: `check --at` fetches from the remote, and a clone pulls."""
    subprocess.run(["git", "config", "protocol.file.allow", "always"], cwd=space, check=True)
    (tmp_path / "remote").mkdir()
    config = space / ".dvc" / "config"
    config.write_text(config.read_text() + f"    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'remote'}\n")
    audited(space)
    run(space, "gate")
    assert "its data was pushed" in run(space, "release", "v1")
    found = (space / "findings" / "findings.parquet").read_bytes()
    for name in ("tables", "measures", "findings", ".dvc/cache"):
        shutil.rmtree(space / name)
    assert "the tables are not here" in run(space, "measure", code=3)
    run(space, "check", "--at", "v1")
    assert (space / "at" / "v1" / "findings.parquet").read_bytes() == found
    shutil.rmtree(tmp_path / "remote")
    shutil.rmtree(space / ".dvc" / "cache")
    said = run(space, "check", "--at", "v1", code=3)
    assert "v1" in said
    assert "cannot be fetched" in said or "is not in DVC's cache" in said


def test_dvc_runs_the_stages_and_then_has_nothing_to_do(space, root):
    import sys

    binary = Path(sys.executable).parent
    environment = (
        os.environ | GIT | {"PATH": f"{binary}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(root)}
    )
    first = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=space, env=environment, capture_output=True, text=True, check=False
    )
    assert first.returncode == 0, first.stderr
    assert (space / "report" / "report.html").is_file()
    again = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "check"], cwd=space, env=environment, capture_output=True, text=True, check=False
    )
    assert "didn't change, skipping" in again.stdout
    run(space, "gate")
    run(space, "release", "v1")
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "tables.dvc", "measure", "check"],
        cwd=space,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "up to date" in status.stdout, status.stdout


def test_a_second_process_waits_and_then_says_who_is_at_work(space):
    at = workspace.find(space)
    with at.writing("import other"):
        from auditor.errors import AuditorError

        with pytest.raises(AuditorError, match="is being changed by auditor import other"), at.writing("measure", wait=0.2):
            pass
    with at.writing("measure", wait=0.2):
        pass


def test_the_checkout_is_a_workspace_of_the_demo(root, tmp_path):
    """The repository's own dvc.yaml runs on the demo's digits, in a copy of the checkout."""
    import sys

    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("auditor.toml", "dvc.yaml", ".dvcignore", "checks", "policies", ".dvc/config", ".dvc/.gitignore", ".gitignore"):
        (copy / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (root / name).is_dir() else shutil.copyfile)(root / name, copy / name)
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    subprocess.run(
        [sys.executable, str(root / "examples" / "digits" / "run.py"), "--data-only", "--out", "demo"], cwd=copy, check=True
    )
    words = ["--map", "item.scanner=scanner", "--media", "demo/images", "--gold", "demo/gold.csv"]
    words += ["--predictions", "demo/probabilities.csv", "--classes", "demo/classes.txt"]
    run(copy, "import", "demo/labels.csv", "--name", "digits", *words)
    environment = (
        os.environ | GIT | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(root)}
    )
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "FAILED" in run(copy, "gate", code=1)
    found = json.loads((copy / "findings" / "results.json").read_text())
    assert {one["check_id"] for one in found["checks"] if one["findings"]} >= {"consistency/split_leak", "outlier/too_fast"}
    assert (copy / "report" / "report.html").is_file()
    stages = (root / "dvc.yaml").read_text()
    from auditor import scaffold

    assert all(text in stages for text in scaffold.STAGES.values()), "the checkout's stages are those that init writes"


def test_contracts_stand_beside_the_checks_and_are_gated(space):
    suite = {"name": "house", "table": "annotation", "expectations": [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "label", "value_set": ["cat"]}, "severity": "critical"},
    ]}  # fmt: skip
    (space / "house.json").write_text(json.dumps(suite))
    config = space / "auditor.toml"
    config.write_text(config.read_text().replace('dataset = "pets"', 'dataset = "pets"\ncontracts = ["annotation", "house.json"]'))
    audited(space)
    said = run(space, "gate", code=1)
    assert "contract/house/" in said
    found = pq.read_table(space / "findings" / "findings.parquet").to_pylist()
    unmet = [row for row in found if row["check_id"].startswith("contract/house/")]
    assert unmet
    assert all(row["annotation_id"] for row in unmet)
    name = unmet[0]["check_id"]
    before = config.read_text()
    config.write_text(f'{before}\n[checks."{name}"]\ntolerance = "100%"\n')
    run(space, "check")
    assert "PASSED" in run(space, "gate")
    config.write_text(f'{before}\n[checks."{name}"]\nseverity = "info"\n')
    assert "only its tolerance can be set here" in run(space, "gate", code=2)
    config.write_text(f'{before}\n[[waiver]]\ncheck = "{name}x"\nowner = "o"\nreason = "r"\nuntil = 2099-01-01\n')
    assert f"did you mean '{name}'?" in run(space, "gate", code=2)
    config.write_text(before)
    run(space, "report")
    assert "contract/house/" in (space / "report" / "report.html").read_text()
    suite["expectations"][0]["kwargs"]["value_set"] = ["cat", "dog"]
    (space / "house.json").write_text(json.dumps(suite))
    assert "contract house.json" in run(space, "status")
    audited(space)
    assert "PASSED" in run(space, "gate")


def test_what_is_not_ours_is_not_replaced(tmp_path):
    root = tmp_path / "old"
    (root / "report").mkdir(parents=True)
    (root / "report" / "notes.md").write_text("mine")
    said = run(tmp_path, "init", str(root), code=3)
    assert "notes.md: is not auditor's" in said
    assert not (root / "auditor.toml").exists()
    (root / "report").rename(root / "texts")
    run(tmp_path, "init", str(root))
    run(root, "import", str(votes_csv(tmp_path / "answers.csv")), "--name", "crowd")
    (root / "findings").mkdir()
    (root / "findings" / "mine.md").write_text("mine")
    assert "mine.md: is not auditor's" in run(root, "check", code=3)
    assert (root / "findings" / "mine.md").read_text() == "mine"


def test_init_touches_no_line_of_the_users_pipeline(tmp_path):
    text = "stages:\n  train:\n    cmd: " + "word " * 40 + "# ours\n    deps:\n    - data\n"
    (tmp_path / "dvc.yaml").write_text(text)
    run(tmp_path, "init", str(tmp_path))
    assert (tmp_path / "dvc.yaml").read_text().startswith(text)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "dvc.yaml").write_text("stages:\n  measure:\n")
    assert "is not auditor's" in run(tmp_path, "init", str(tmp_path / "two"), code=3)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["dvc.yaml"]


def test_a_workspace_below_the_top_of_its_repository(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    root = tmp_path / "labels" / "pets"
    run(tmp_path, "init", str(root))
    run(root, "import", str(votes_csv(tmp_path / "answers.csv", items=30)), "--name", "crowd")
    audited(root)
    run(root, "gate")
    run(root, "release", "v1")
    assert run(root, "releases").startswith("v1  passed")
    run(root, "check", "--at", "v1")
    assert "the same" in run(root, "diff", "v1")


@pytest.mark.parametrize("name", ["HEAD", "main"])
def test_a_release_is_no_branch(space, name):
    audited(space)
    run(space, "gate")
    subprocess.run(["git", "checkout", "-q", "-b", "main"], cwd=space, check=False)
    run(space, "release", "v0")
    run(space, "gate")
    assert "cannot name a release" in run(space, "release", name, code=2)


def test_another_machines_key_of_pseudonyms(space):
    key = (space / ".auditor" / "pseudonym.key").read_bytes()
    (space / ".auditor" / "pseudonym.key").unlink()
    words = ("import", str(space.parent / "answers.csv"), "--name", "crowd")
    assert "was imported under another key of pseudonyms" in run(space, *words, code=2)
    (space / ".auditor" / "pseudonym.key").write_bytes(key)
    assert run(space, *words).startswith("unchanged")
    (space / ".auditor" / "pseudonym.key").unlink()
    run(space, *words, "--new-pseudonyms")
