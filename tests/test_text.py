"""The summary on the terminal: it fits, it adds up, it cuts no guess, and it names the same check first as the report does."""

from __future__ import annotations

import json
import re

import click
import pytest

import auditor
from auditor.outputs import order, text
from tests.worlds import votes_csv


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Votes with gold on which people differ, many columns, and an attribute of people."""
    folder = tmp_path_factory.mktemp("text")
    lines = ["item_id,annotator_id,answer,age_of_the_person,colour_of_the_page,hour_of_the_day,kind_of_screen"]
    for item in range(40):
        for who in range(6):
            answer = "yes" if (item * 7 + who * 3) % 5 < 2 + who % 3 else "no"
            lines.append(f"i{item:03},p{who},{answer},{20 + who},c{item % 3},{item + who},s{(item + who) % 4}")
    (folder / "votes.csv").write_text("\n".join(lines) + "\n")
    (folder / "gold.csv").write_text("item_id,answer\n" + "".join(f"i{item:03},yes\n" for item in range(40)))
    return auditor.audit(folder / "votes.csv", gold=folder / "gold.csv", out=folder / "audit")


@pytest.mark.parametrize("width", [60, 72, 110, 200])
def test_it_is_as_wide_as_the_terminal_and_cuts_no_guess(done, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = click.unstyle(text.summary(done))
    for line in shown.splitlines():
        # the path of the report, and lines to be copied, stay whole
        assert len(line) <= width or line.startswith("next") or "{ sensitivity" in line, line
    joined = re.sub(r"\s+", " ", shown)
    for note in done.notes:
        if note.startswith(("guessed", "used, shown")):
            assert re.sub(r"\s+", " ", note) in joined


def test_the_numbers_of_checks_add_up(done):
    shown = click.unstyle(text.summary(done, 200))
    total = len(done.verdict.decisions)
    ran, apart, lacking = (
        int(found[1]) if (found := re.search(pattern, shown)) else 0
        for pattern in (r"(\d+) of \d+ checks", r"(\d+) do(?:es)? not apply", r"(\d+) lacks? input")
    )
    assert ran + apart + lacking == total
    listed = [int(number) for number in re.findall(r"^ +(\d+)  \S", shown, re.MULTILINE)]
    assert sum(listed) == lacking


def test_gold_is_counted_apart_and_gives_the_confusion_its_direction(done):
    shown = click.unstyle(text.summary(done, 200))
    assert "240 annotations · 40 gold" in shown
    # of two labels there is one confusion only, so its share says nothing; gold says which is given for which
    assert "confused   no where gold says yes" in shown
    assert "100 % of all that differ" not in shown.split("confused")[0]


def test_the_same_check_comes_first_everywhere(done):
    shown = click.unstyle(text.summary(done, 200))
    found = [one.check_id for one in order.ordered(done.verdict.decisions) if one.findings]
    assert found
    assert re.findall(r"^(?:error|warning|info) .* (\S+/\S+)$", shown, re.MULTILINE)[0] == found[0]
    assert shown.splitlines()[-1].endswith(f"auditor explain {found[0]}")
    page = done.report.read_text(encoding="utf-8")
    assert re.search(r'<table class="reasons">.*?href="#check-([^"]+)"', page, re.DOTALL)[1] == found[0]
    assert re.search(r'<ol class="steps">.*?href="#check-([^"]+)"', page, re.DOTALL)[1] == found[0]


def test_passed_says_how_many_only_warn(done):
    over = order.warned(done.verdict.decisions)
    assert over
    assert done.verdict.result == "passed"
    shown = click.unstyle(text.summary(done, 200))
    assert '[gate] fail_on = "warning" would block' in shown
    verdict = json.loads((done.out / "verdict.json").read_text(encoding="utf-8"))
    assert [line.split(":")[0] for line in verdict["warnings"]] == [one.check_id for one in over]


def test_which_alpha_it_is(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("item_id,user,rating\n" + "".join(f"{n // 3},{n % 3},{1 + (n * n) % 5}\n" for n in range(60)))
    done = auditor.audit(path)
    assert "alpha (ordinal)" in text.summary(done, 200)
    assert "alpha, ordinal" in done.report.read_text(encoding="utf-8")


def test_perfect_agreement_on_one_label_is_told_as_such(tmp_path):
    (tmp_path / "v.csv").write_text("item_id,annotator_id,label\n" + "".join(f"i{n},p{p},x\n" for n in range(12) for p in range(3)))
    shown = click.unstyle(text.summary(auditor.audit(tmp_path / "v.csv", out=tmp_path / "audit"), 200))
    assert "alpha (nominal) 1.00, all answers alike" in shown.replace("\xa0", " ")
    assert "1.00 <small>all answers alike</small>" in (tmp_path / "audit" / "report.html").read_text()


def test_gold_that_changes_nothing_is_said(tmp_path):
    path = tmp_path / "said.csv"
    path.write_text("item_id,worker,transcription\n1,a,hello\n1,b,hallo\n")
    (tmp_path / "gold.csv").write_text("item_id,transcription\n1,hello\n")
    done = auditor.audit(path, gold=tmp_path / "gold.csv")
    assert "gold was not compared: 1 gold annotation was read; of type text" in re.sub(r"\s+", " ", text.summary(done))
    assert done.summary.annotations == 2


def test_a_result_is_short_to_look_at(tmp_path):
    done = auditor.audit(votes_csv(tmp_path / "answer.csv"), out=tmp_path / "audit")
    assert repr(done).startswith("<Audit passed: 12 items, 36 annotations, ")
    assert len(repr(done)) < 300
