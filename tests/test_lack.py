"""A check that had nothing to look at is skipped and says why: it never counts as one that looked and found nothing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from auditor import check, measure
from auditor.cli import cli
from auditor.errors import CheckFileError
from auditor.run import run_check
from auditor.stage import Source
from tests import measured
from tests.asked import ask

VOTES = [(item, who, "cat" if item % 2 else "dog") for item in range(30) for who in "abcd"]
BOX = {"type": "box", "label": "c", "x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0}


@pytest.mark.parametrize(
    ("name", "reason", "supply"),
    [
        ("outlier/too_fast", "no row has annotation.seconds", "map a column to seconds"),
        ("outlier/straight_line", "no row has annotation.created_at", "map a column to created_at"),
        ("consistency/gold_mismatch", "no item has a gold label", "give --gold FILE"),
        ("consistency/missing_media", "no row has item.located", "give --media FOLDER"),
        ("consistency/unreadable_media", "no row has item.located", "give --media FOLDER"),
    ],
)
def test_votes_without_times_gold_or_media(tmp_path, name, reason, supply):
    opened = measured.of_rows(tmp_path, annotation=measured.votes(VOTES), item=[{"item_id": str(n)} for n in range(30)])
    result, _ = measured.asked(opened, name)
    assert (result.outcome, result.reason, result.supply) == ("skipped", reason, supply)


def test_hints_fit_what_the_annotations_answer(tmp_path):
    def hints(name, *lines):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        out = tmp_path / f"out-{name}"
        done = CliRunner().invoke(cli, ["audit", str(tmp_path / name), "--out", str(out), "--quiet"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return {one["check_id"]: one["supply"] for one in json.loads((out / "verdict.json").read_text())["checks"]}

    heard = hints("said.csv", "audio,transcription,who", *(f"{n}.mp3,it is said that {n},p{n % 3}" for n in range(9)))
    assert not {"map a column to value", "give --predictions FILE"} & {*heard.values()}
    assert not any("map a column to text" in hint for hint in heard.values())
    assert heard["outlier/image_quality"] == ""
    assert heard["consistency/duplicate_item"] == "give --media FOLDER"
    votes = hints("votes.csv", "item_id,annotator_id,label", "a,p,cat", "b,p,dog")
    assert votes["outlier/value_range"] == "map a column to value"
    assert votes["outlier/image_quality"] == "give --media FOLDER"


@pytest.mark.parametrize("name", ["outlier/low_agreement", "consistency/repeated_vote", "consistency/contradictory_votes"])
def test_votes_are_looked_at(tmp_path, name):
    assert measured.findings(measured.of_rows(tmp_path, annotation=measured.votes(VOTES)), name) == []


@pytest.mark.parametrize(
    "name",
    [
        "bias/annotator_confusion", "bias/annotator_label_shift", "bias/annotator_concentration", "consistency/contradictory_votes",
        "outlier/low_agreement", "consistency/repeated_vote", "consistency/self_contradiction", "consistency/exact_duplicate_conflict",
    ],
)  # fmt: skip
def test_boxes_are_no_votes(tmp_path, name):
    rows = [{**BOX, "item_id": str(n), "annotator_id": "p"} for n in range(3)]
    item = [{"item_id": str(n), "sha256": "same"} for n in range(3)]
    assert measured.asked(measured.of_rows(tmp_path, annotation=rows, item=item), name)[0].outcome == "skipped"


def test_unnamed_votes_lack_an_annotator(tmp_path):
    rows = [{"item_id": str(n // 3), "type": "class", "label": "cat"} for n in range(30)]
    result, _ = measured.asked(measured.of_rows(tmp_path, annotation=rows), "outlier/low_agreement")
    assert (result.reason, result.supply) == ("no row has annotation.annotator_id", "map a column to annotator_id")


def test_a_missing_file_was_looked_for(tmp_path):
    intake = [{"problem": "missing_media", "of": "item", "item_id": "a", "detail": "no file for it"}]
    opened = measured.of_rows(tmp_path, item=[{"item_id": "a"}], annotation=measured.votes([("a", "p", "cat")]), intake=intake)
    assert [row["item_id"] for row in measured.findings(opened, "consistency/missing_media")] == ["a"]
    # Where all are missing none could be opened.
    assert measured.asked(opened, "consistency/unreadable_media")[0].outcome == "found"


@pytest.mark.data
def test_what_was_not_read_is_never_green(shared_data, tmp_path):
    folder = shared_data / "format-fixtures" / "coco_dataset"
    said = ask(Source(folder / "coco_panoptic"), tmp_path)
    assert said.session.tables.rows["annotation"] == 0
    assert said.found("error") == {"consistency/not_read": len(said.rows["consistency/not_read"])}
    assert said.rows["consistency/unlabelled_item"][0]["message"] == "2 of 2 items have no annotation by a person"


HEADER = """-- /// check
-- title = "t"
-- why = "w"
-- fix = "f"
-- wrong_when = "x"
-- severity = "info"
-- unit = "item"
-- scope = "item"
-- key = ["item_id"]
-- source = "s"
{more}-- ///
SELECT item_id, 'm' AS message FROM item {where}
"""


def loaded(folder, more, where=""):
    (folder / "f").mkdir()
    (folder / "f" / "c.sql").write_text(HEADER.format(more="".join(f"-- {line}\n" for line in more), where=where), encoding="utf-8")
    (folder / "f" / "c.toml").write_text('[[case]]\nname = "a"\nfinds = 1\n[[case]]\nname = "b"\nfinds = 0\n', encoding="utf-8")
    binder = check.Binder(measure.columns())
    return check.load(folder / "f" / "c.sql", folder, binder, builtin=False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (['looks_at = "SELECT 1 FROM item"'], "go together"),
        (['looks_at = "SELECT 1 FROM nowhere"', 'nothing = "n"'], "looks_at: there is no table"),
        (['looks_at = "SELECT 1 FROM item WHERE width > $n"', 'nothing = "n"'], "unknown parameters: n"),
        (["looks_at = \"COPY item TO 'x'\"", 'nothing = "n"'], "exactly one SELECT"),
    ],
)
def test_a_looks_at_that_makes_no_sense(tmp_path, more, said):
    with pytest.raises(CheckFileError, match=said):
        loaded(tmp_path, more)


def test_looks_at_decides_for_checks_that_are_not_ours_too(tmp_path):
    header = ['looks_at = "SELECT 1 FROM item WHERE item_id = $who"', 'nothing = "no such item"', "[params]"]
    one = loaded(tmp_path, [*header, 'who = { value = "a", help = "h" }'], "WHERE item_id <> $who")
    assert one.looks_with == {"who"}
    opened = measured.of_rows(tmp_path, item=[{"item_id": "a"}], annotation=measured.votes([("a", "p", "cat")]))
    outcomes = [run_check(opened, one, {"who": who}, lambda rows: rows.read_all().num_rows) for who in "ab"]
    assert [(result.outcome, result.reason) for result in outcomes] == [("found", ""), ("skipped", "no such item")]
