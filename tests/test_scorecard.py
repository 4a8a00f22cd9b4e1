"""Scorecards: beside peers, with intervals, silent on thin evidence, private, and with names only where a policy opens them."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from auditor import outfolder, results, scorecard, seclude
from auditor.cli import cli
from auditor.errors import UsageError
from auditor.outputs import scorecard as out
from auditor.protection import ledger
from tests import report_world, review_world
from tests.browser_world import CONTRAST, PHONE, WIDE, Watched
from tests.test_queue import quiet, request
from tests.workspace_world import audited, run

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("git_identity")


def invoke(*words, code=0, env=None):
    done = CliRunner().invoke(cli, [str(word) for word in words], env=env)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards")
    source = review_world.votes(folder / "votes.csv")
    stdout, stderr = invoke("annotators", source, "--scorecards", folder / "cards")
    return folder, stdout, stderr


def card(folder, who):
    return json.loads((folder / "cards" / f"scorecard-{who}.json").read_text())["tasks"][0]


def test_a_transcript(made):
    folder, stdout, stderr = made
    lines = stdout.splitlines()
    assert lines[0].split() == ["annotator", "answers", "right", "of", "others", "seconds", "commonest", "slip"]
    assert len(lines) == 8
    slipping = next(line for line in lines if line.startswith("w4"))
    assert "cat for fox: " in slipping
    # a slip that chance explains is held against nobody
    shown = {line.split()[0] for line in lines if " for " in line}
    assert shown == {who for who in ("w0", "w1", "w2", "w3", "w4", "w5") if (card(folder, who)["slip"] or {}).get("stands_out")}
    assert len(shown) < 3
    assert next(line for line in lines if line.startswith("new1")).split() == [
        "new1",
        "7",
        "too",
        "few",
        "to",
        "say",
        "7",
        "<",
        "20",
        "8.0",
    ]
    assert "7 scorecards in" in stderr


def test_figures_are_those_of_the_measures(made):
    folder, *_ = made
    part = card(folder, "w4")
    with results.opened(request(folder / "votes.csv"), None, quiet) as of:
        assert of.view("annotator_skill")
        rows = of.con.execute("SELECT annotator_id, accuracy, low, n FROM annotator_skill").fetchall()
        by = {who: rest for who, *rest in rows}
        items = {one["item_id"] for one in part["examples"]}
        assert of.view("vote")
    assert (part["accuracy"], part["low"], part["n"]) == tuple(by["w4"])
    others = [values[0] for who, values in by.items() if who not in {"w4", "new1"}]
    assert [part["peers"][name] for name in ("low", "median", "high")] == pytest.approx(
        list(np.quantile(others, (0.25, 0.5, 0.75)))
    )
    assert part["slip"]["stands_out"]
    assert (part["slip"]["given"], part["slip"]["truth"]) == ("cat", "fox")
    assert len(items) == scorecard.EXAMPLES
    rows = [line.split(",") for line in (folder / "votes.csv").read_text().splitlines()[1:]]
    for one in part["examples"]:
        said = [row[2] for row in rows if row[0] == one["item_id"] and row[1] != "w4"]
        assert (one["votes"], one["of"]) == (said.count("fox"), len(said))
        assert [row[2] for row in rows if row[0] == one["item_id"] and row[1] == "w4"] == ["cat"]


def test_thin_evidence_says_nothing_of_anybody(made):
    folder, *_ = made
    part = card(folder, "new1")
    assert part["thin"]
    assert [part[name] for name in ("accuracy", "low", "high", "slip", "run")] == [None] * 5
    assert part["examples"] == []
    page = (folder / "cards" / "scorecard-new1.html").read_text()
    assert "Too few to say" in page
    assert "slip" not in page.partition("<body")[2].partition("<script>")[0]


def test_fewer_than_five_others_are_not_shown(tmp_path):
    rows = ["item_id,annotator_id,label"] + [f"i{n},p{who},{'ab'[(n + (who == n % 9)) % 2]}" for n in range(60) for who in range(5)]
    (tmp_path / "v.csv").write_text("\n".join(rows) + "\n")
    with results.opened(request(tmp_path / "v.csv"), None, quiet) as of:
        found = scorecard.cards(of)
    assert {part.peers for one in found for part in one.parts} == {None}


def test_they_are_for_their_owner_alone(made):
    folder, *_ = made
    cards = folder / "cards"
    assert stat.S_IMODE(cards.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in cards.iterdir()} == {0o600}
    assert sorted(path.suffix for path in cards.iterdir()) == [".html"] * 7 + [".json"] * 7


def test_cards_of_people_who_are_gone_go_and_answers_stay(made, tmp_path):
    folder, *_ = made
    cards = tmp_path / "cards"
    seclude.folder(cards)
    for name in ("scorecard-old.html", "answer-w4.json", "mine.txt"):
        (cards / name).write_text("x")
    invoke("annotators", folder / "votes.csv", "--scorecards", cards)
    assert not (cards / "scorecard-old.html").exists()
    assert (cards / "answer-w4.json").read_text() == (cards / "mine.txt").read_text() == "x"


def test_an_audit_holds_none(made, tmp_path):
    folder, *_ = made
    done = report_world.audit(folder / "votes.csv", tmp_path / "audit", report_world.checks(tmp_path / "checks"))
    assert not list(tmp_path.rglob("scorecard*"))
    assert "Scorecard" not in done.report.read_text()
    with pytest.raises(UsageError, match="lies in the folder of an audit"):
        seclude.folder(done.out / "cards")
    # the findings' folder alone gives the table, and cards without texts
    stdout, _ = invoke("annotators", "--audit", done.out, "--scorecards", tmp_path / "cards")
    assert "w4" in stdout
    assert "text 1" not in (tmp_path / "cards" / "scorecard-w4.html").read_text()


# ---- where they may be


def test_folders_that_are_handed_on_are_refused(tmp_path):
    repo = tmp_path / "repo"
    repo.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=repo, check=True)
    with pytest.raises(UsageError, match="git does not ignore it"):
        seclude.folder(repo / "cards")
    (repo / ".gitignore").write_text("/private/\n/data\n/made\n")
    assert seclude.folder(repo / "private" / "cards").is_dir()
    (repo / "data.dvc").write_text("outs: []\n")
    with pytest.raises(UsageError, match="kept by DVC"):
        seclude.folder(repo / "data" / "cards")
    (repo / "dvc.yaml").write_text("stages:\n  a:\n    cmd: x\n    outs:\n      - made:\n          persist: true\n")
    with pytest.raises(UsageError, match="kept by DVC"):
        seclude.folder(repo / "made" / "cards")
    (repo / "private" / "tracked").mkdir()
    (repo / "private" / "tracked" / "x").write_text("x")
    subprocess.run(["git", "add", "-f", "private/tracked/x"], cwd=repo, check=True)
    with pytest.raises(UsageError, match="git keeps files in it"):
        seclude.folder(repo / "private" / "tracked")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    with pytest.raises(UsageError, match="others than you can read it"):
        seclude.folder(open_to_all)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        seclude.folder(tmp_path / "file")
    (tmp_path / "link").symlink_to(repo / "checks", target_is_directory=True)
    with pytest.raises(UsageError, match="git does not ignore it"):
        seclude.folder(tmp_path / "link" / "cards")


# ---- hostile data


def test_hostile_texts_stay_texts(tmp_path):
    for bad in (report_world.HOSTILE[1], report_world.HOSTILE[4]):
        source = review_world.votes(tmp_path / "v.csv", items=90, hostile=bad)
        cards = tmp_path / f"cards{report_world.HOSTILE.index(bad)}"
        stdout, _ = invoke("annotators", source, "--scorecards", cards)
        assert "\x1b" not in stdout
        assert "\u202e" not in stdout
        pages = sorted(cards.glob("*.html"))
        assert len(pages) == 7
        for page in pages:
            text = page.read_text(encoding="utf-8")
            assert text.count("<script") == 1
            assert "onerror=alert" not in text or "&lt;img" in text
            assert "<img" not in text
            assert "<svg onload" not in text


def test_ids_that_are_paths_name_no_path():
    for bad in ("../../x", "/etc/passwd", "a/b", "", "x" * 300, "nul\0", "CON", ".", "~"):
        name = out.file_name(bad)
        assert "/" not in name
        assert name.startswith("scorecard-")
        assert len(name) < 60


# ---- in a browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    source = review_world.votes(folder / "votes.csv")
    text = source.read_text().replace(
        "item_id,annotator_id,label,seconds,created_at,text", "item_id,annotator_id,label,seconds,created_at,uri"
    )
    lines = text.splitlines()
    source.write_text("\n".join([lines[0], *(f"{line.rsplit(',', 1)[0]},{line.split(',')[0]}.png" for line in lines[1:])]) + "\n")
    (folder / "media").mkdir()
    for nth in range(120):
        Image.fromarray(np.full((30, 40, 3), nth * 2, np.uint8)).save(folder / "media" / f"i{nth:03}.png")
    invoke("annotators", source, "--media", folder / "media", "--scorecards", folder / "cards")
    hostile = review_world.votes(folder / "hostile.csv", items=90, hostile=report_world.HOSTILE[3])
    invoke("annotators", hostile, "--scorecards", folder / "hostile")
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_card_fits_and_can_be_read(browser: Any, pages: Path, scheme: str, size: dict[str, int]) -> None:
    for page_file in (
        pages / "cards" / "scorecard-w4.html",
        pages / "cards" / "scorecard-new1.html",
        *sorted((pages / "hostile").glob("*.html"))[:2],
    ):
        with Watched(browser, page_file, color_scheme=scheme, viewport=size) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            assert page.evaluate(CONTRAST)[1] == []
            assert page.title() == "Scorecard"


@pytest.mark.browser
def test_a_card_shows_pictures_and_saves_the_answer(browser: Any, pages: Path, tmp_path: Path) -> None:
    with Watched(browser, pages / "cards" / "scorecard-w4.html", viewport=WIDE) as page:
        assert page.locator(".examples svg.picture").count() == scorecard.EXAMPLES
        page.locator(".examples select").nth(1).select_option("unclear")
        page.fill("textarea", "a cub </script> \u202e")
        with page.expect_download() as download:
            page.locator("form button").click()
        assert download.value.suggested_filename == "answer-w4.json"
        download.value.save_as(tmp_path / "answer.json")
        assert "Saved" in page.locator("#saved").inner_text()
    body = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert (body["format"], body["annotator"], body["text"]) == ("label-auditor/answer/1", "w4", "a cub </script> \u202e")
    second = json.loads((pages / "cards" / "scorecard-w4.json").read_text())["tasks"][0]["examples"][1]["item_id"]
    assert body["examples"] == [{"item_id": second, "task": "label", "answer": "unclear"}]


# ---- names


def test_names_open_for_whom_the_policy_permits_and_the_ledger_has_it(tmp_path, monkeypatch):
    root = tmp_path / "space"
    run(tmp_path, "init", str(root), "--name", "pets")
    (root / "policies" / "fields.toml").write_text('[annotator]\nname = { sensitivity = "personal", treatment = "seal" }\n')
    (root / "policies" / "access.cedar").write_text(
        '@id("qa") permit (principal in Role::"qa_lead", action == Action::"open", resource)\n'
        'when { context.purpose == Purpose::"quality-audit" };\n'
    )
    for who, role in (("ada", "qa_lead"), ("eve", "annotator")):
        run(root, "identity", "new", "--name", who, "--role", role, "--identity", str(tmp_path / f"{who}.json"))
    source = review_world.votes(tmp_path / "v.csv", items=60)
    lines = source.read_text().splitlines()
    source.write_text(
        "\n".join([lines[0] + ",annotator_name", *(f"{line},CANARY {line.split(',')[1]}" for line in lines[1:])]) + "\n"
    )
    run(
        root,
        "import",
        str(source),
        "--name",
        "crowd",
        "--map",
        "annotator.name=annotator_name",
        "--identity",
        str(tmp_path / "ada.json"),
    )
    audited(root)
    assert "CANARY" not in run(root, "annotators")
    said = run(
        root, "annotators", "--purpose", "quality-audit", "--identity", str(tmp_path / "ada.json"), "--scorecards", "private/cards"
    )
    assert "CANARY w4" in said
    assert "CANARY w4" in (root / "private" / "cards" / "scorecard-w4.html").read_text()
    entries = ledger.verify(root / "ledger" / "ada.jsonl")
    assert [(one["action"], one["field"], one["purpose"]) for one in entries[-2:]] == [
        ("open", "annotator.name", "quality-audit"), ("scorecards", "annotator.name", "quality-audit"),
    ]  # fmt: skip
    assert "CANARY" not in run(root, "annotators", "--purpose", "quality-audit", "--identity", str(tmp_path / "eve.json"), code=5)
    assert "is kept by DVC" in run(root, "annotators", "--scorecards", "findings/cards", code=2)
    assert "git does not ignore it" in run(root, "annotators", "--scorecards", "cards", code=2)
    run(root, "report")
    assert "CANARY" not in (root / "report" / "report.html").read_text()
    names = invoke("annotators", source, "--purpose", "quality-audit", "--identity", tmp_path / "ada.json", code=2)
    assert "names are opened in a workspace only" in names[1]
    assert not outfolder.is_audit(root)
