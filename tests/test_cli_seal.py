"""The commands identity, open and access: what they print, and how they refuse."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from tests.seal_world import GENDER, world


@pytest.fixture
def room(tmp_path):
    made = world(tmp_path)
    made.protect()
    return made


def run(room, *words, who=None, **env):
    more = ["--identity", str(room.root.parent / "keys" / f"{who}.json")] if who else []
    return CliRunner().invoke(cli, [*words, "--root", str(room.root), *more], env=env)


def test_open_prints_rows_with_their_keys(room):
    done = run(room, "open", GENDER, "--purpose", "bias-audit", who="ada")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["dataset,annotator_id,value", "d,w1,CANARY-F", "d,w2,CANARY-F", "d,w3,"]
    done = run(
        room, "open", GENDER, "--purpose", "bias-audit", "--json", AUDITOR_IDENTITY=str(room.root.parent / "keys" / "ada.json")
    )
    assert json.loads(done.stdout)[0] == {"dataset": "d", "annotator_id": "w1", "value": "CANARY-F"}


def test_open_reads_every_dataset_that_has_the_field(room):
    room.protect(dataset="e")
    assert {
        line.split(",")[0] for line in run(room, "open", GENDER, "--purpose", "bias-audit", who="ada").stdout.splitlines()[1:]
    } == {"d", "e"}
    one = run(room, "open", GENDER, "--purpose", "bias-audit", "--dataset", "e", who="ada")
    assert len(one.stdout.splitlines()) == 4
    none = run(room, "open", GENDER, "--purpose", "bias-audit", "--dataset", "f", who="ada")
    assert (none.exit_code, "there is no dataset 'f'" in none.stderr) == (2, True)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.parquet"])
def test_open_writes_a_file_that_only_its_owner_reads(room, tmp_path, name):
    done = run(room, "open", GENDER, "--purpose", "bias-audit", "--out", str(tmp_path / name), who="ada")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert b"CANARY-F" in (tmp_path / name).read_bytes()
    again = run(room, "open", GENDER, "--purpose", "bias-audit", "--out", str(tmp_path / name), who="ada")
    assert (again.exit_code, "there is a file already" in again.stderr) == (2, True)


def test_lists_and_times_are_printed(room):
    assert "[[1.0, -0.0], []]" in run(room, "open", "annotation.polygon", "--purpose", "bias-audit", who="ada").stdout
    done = run(room, "open", "annotation.created_at", "--purpose", "bias-audit", "--json", who="ada")
    assert "2026-01-02T03:04:05.000006" in done.stdout


@pytest.mark.parametrize(
    ("who", "field", "purpose", "code", "message", "hint"),
    [
        (
            "bob",
            GENDER,
            "bias-audit",
            5,
            "no policy allows bob (qa_lead) to open annotator.attributes.gender for bias-audit",
            "ask ada",
        ),
        ("eve", GENDER, "quality-audit", 5, "no policy allows eve (annotator)", "nobody may"),
        ("ada", GENDER, "fun", 2, "there is no purpose 'fun'", "bias-audit"),
        ("ada", "annotator.email", "bias-audit", 2, "annotator.email is not sealed here", "sealed are"),
        ("zoe", GENDER, "bias-audit", 5, "the identity cannot be read", "auditor identity new"),
    ],
)
def test_refusals(room, who, field, purpose, code, message, hint):
    done = run(room, "open", field, "--purpose", purpose, who=who)
    assert done.exit_code == code
    assert done.stdout == ""
    assert message in done.stderr
    assert hint in done.stderr.split("auditor: hint:")[1]
    assert "CANARY" not in done.stderr


def test_a_forbid_is_named(room):
    room.recipient("ada", until=None)
    done = run(room, "open", GENDER, "--purpose", "bias-audit", who="ada")
    assert done.exit_code == 5
    assert "special-fields-need-an-end forbids ada (compliance)" in done.stderr


def test_permitted_since_but_not_granted_yet(room):
    room.recipient("eve", role="compliance")
    done = run(room, "open", GENDER, "--purpose", "bias-audit", who="eve")
    assert done.exit_code == 5
    assert "eve has no grant for annotator.attributes.gender" in done.stderr
    assert "ada, dan" in done.stderr


def test_access_shows_who_may(room):
    done = run(room, "access")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    at = lines.index(f"{GENDER}  (special, d)")
    assert lines[at + 1 : at + 3] == ["  ada (compliance): access-request, bias-audit", "  dan (data_engineer): import"]
    assert "differ" not in done.stdout


def test_access_shows_where_grants_lag_behind(room):
    room.recipient("eve", role="compliance")
    (room.root / "policies" / "recipients" / "dan.toml").unlink()
    done = run(room, "access")
    assert (
        "grants differ from the policy: dan may not open it any more and can still; eve may and cannot yet; import again"
        in done.stdout
    )
    found = {one["field"]: one for one in json.loads(run(room, "access", "--json").stdout)}
    assert found[GENDER]["holders"] == ["ada", "dan"]
    assert set(found[GENDER]["may"]) == {"ada", "eve"}
    assert found[GENDER]["differs"]


def test_access_asks_the_cases(room):
    assert run(room, "access", "--test").stdout == "all 2 cases come out as written\n"
    (room.root / "policies" / "cases.toml").write_text(
        '[[case]]\nsays = "anybody"\nprincipal = "User"\nfield = "item.text"\npurpose = "bias-audit"\nat = 2026-12-01\nallowed = true\n'
    )
    done = run(room, "access", "--test")
    assert done.exit_code == 3
    assert "case 1, anybody: no policy allows somebody (no role)" in done.stderr


def test_identity_new_and_show(room, tmp_path):
    (tmp_path / "pw").write_text("correct horse\n")
    words = ["--identity", str(tmp_path / "ci.json"), "--passphrase-file", str(tmp_path / "pw")]
    done = run(room, "identity", "new", "--name", "ci-main", "--kind", "job", "--role", "ci", "--until", "2027-01-31", *words)
    assert done.exit_code == 0
    file = room.root / "policies" / "recipients" / "ci-main.toml"
    assert "until = 2027-01-31" in file.read_text()
    assert 'kind = "job"' in file.read_text()
    shown = run(room, "identity", "show", "--role", "ci", *words)
    assert shown.stdout == file.read_text().replace("until = 2027-01-31\n", "")
    assert run(room, "identity", "show", "--write", "--role", "annotator", *words).exit_code == 0
    assert 'roles = ["annotator"]' in file.read_text()
    for more, code, said in (
        (["--name", "x", "--role", "king"], 2, "there is no role 'king'"),
        (["--name", "ada"], 2, "there is a recipient of this name already"),
        (["--name", "A B"], 2, "cannot be the name"),
    ):
        done = run(room, "identity", "new", *more, "--identity", str(tmp_path / "other.json"))
        assert (done.exit_code, said in done.stderr) == (code, True)
        assert not (tmp_path / "other.json").exists()
    assert run(room, "identity", "show", "--identity", str(tmp_path / "ci.json")).exit_code == 5


def test_help_says_what_is_not_promised():
    said = CliRunner().invoke(cli, ["access", "--help"]).stdout
    for words in ("Not hidden", "raw libraries", "docs/protection.md"):
        assert words in said
    assert "cannot be called back" in " ".join(CliRunner().invoke(cli, ["identity", "--help"]).stdout.split())
