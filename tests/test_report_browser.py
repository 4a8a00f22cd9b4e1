"""The report in a real browser: nothing is asked of anybody, nothing fails, keys work, it fits a phone, and it can be read."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor import decisions, judging
from tests import report_world as world
from tests.browser_world import CONTRAST, PHONE, WIDE, Watched

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    checks = world.checks(folder / "checks")
    votes = world.hostile_csv(folder / "votes.csv")
    labels, media = world.boxes(folder, images=30, each=12)
    return {
        "hostile": world.audit(votes, folder / "hostile", checks, only=()).report,
        "boxes": world.audit(labels, folder / "boxes", checks, media=media).report,
        "public": world.audit(votes, folder / "public", checks, audience="public").report,
    }


@pytest.mark.parametrize("name", ["hostile", "boxes", "public"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_opens_without_fault_and_fits(browser: Any, reports: dict[str, Path], name: str, scheme: str, size: dict[str, int]) -> None:
    with Watched(browser, reports[name], color_scheme=scheme, viewport=size) as page:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert "owned" not in page.title()
        assert page.locator("h1").inner_text() == "Failed"
        seen, low = page.evaluate(CONTRAST)
        assert seen > 50
        assert low == []


def test_dark_is_dark_and_light_is_light(browser: Any, reports: dict[str, Path]) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        with Watched(browser, reports["boxes"], color_scheme=scheme, viewport=WIDE) as page:
            shades[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert min(shades["light"]) > 230
    assert max(shades["dark"]) < 60


def test_print_is_light_open_and_makes_a_pdf(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["boxes"], color_scheme="dark", viewport=WIDE) as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("#explorer").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("[...document.querySelectorAll('.check:not(.quiet)')].every((one) => one.open)")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.pdf(format="A4").startswith(b"%PDF-")


def test_keys(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["hostile"], viewport=WIDE) as page:
        focus = "document.activeElement.dataset.finding !== undefined ? [...document.querySelectorAll('[data-finding]')].indexOf(document.activeElement) : -1"
        page.keyboard.press("j")
        assert page.evaluate(focus) == 0
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert page.evaluate(focus) == 2
        page.keyboard.press("k")
        assert page.evaluate(focus) == 1
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "f-text"
        page.keyboard.type("jk/?")  # typed, not obeyed
        assert page.input_value("#f-text") == "jk/?"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") != "f-text"
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#help").is_visible()


def test_enter_on_a_small_card_leads_to_the_whole_one(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["hostile"], viewport=WIDE) as page:
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.classList.contains('small')")
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.id.startsWith('c')")
        assert page.evaluate("document.activeElement.checkVisibility()")
        assert page.evaluate("location.hash.slice(1) === document.activeElement.id")
        opened = "document.activeElement.querySelector('details.evidence, details.votes').open"
        before = page.evaluate(opened)
        page.keyboard.press("Enter")
        assert page.evaluate(opened) != before


@pytest.mark.parametrize("name", ["hostile", "boxes", "public"])
def test_the_first_screen_holds_the_gaps_and_the_confusion(browser: Any, reports: dict[str, Path], name: str) -> None:
    with Watched(browser, reports[name], viewport={"width": 1280, "height": 900}) as page:
        for part in ("why", "next", "not-checked", "top-confusion"):
            assert page.evaluate(f"document.getElementById('{part}').parentElement.getBoundingClientRect().bottom") <= 900, part
        assert page.evaluate("document.getElementById('worst').getBoundingClientRect().bottom") <= 900


def test_phone_lists_say_what_each_value_is(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["hostile"], viewport=PHONE) as page:
        shown = page.evaluate("getComputedStyle(document.querySelector('#f-table td[data-c=score]'), '::before').content")
        assert "score" in shown
        assert "Sort by" in page.evaluate("getComputedStyle(document.querySelector('#f-table thead tr'), '::before').content")
        assert not page.locator(".people thead").first.is_visible()
        unnamed = "[...document.querySelectorAll('.people td')].filter((cell) => getComputedStyle(cell).display !== 'none' && !cell.dataset.c).length"
        assert page.evaluate(unnamed) == 0


def test_skip_link_comes_first(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["boxes"], viewport=WIDE) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_filter_sort_and_open(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["hostile"], viewport=WIDE) as page:
        rows = page.locator("#f-table tbody tr")
        assert rows.count() == 20
        page.fill("#f-text", "somebody {{7*7}}")
        kept = rows.count()
        assert 0 < kept < 20
        assert all("{{7*7}}" in text for text in rows.all_inner_texts())
        page.fill("#f-text", "")
        page.select_option("#f-severity", "error")
        assert set(page.locator("#f-table .sev").all_inner_texts()) == {"error"}
        page.select_option("#f-check", "stress/labels")
        page.locator("#f-table th[data-sort=item] button").click()
        items = page.locator("#f-table td[data-c=item]").all_inner_texts()
        assert items[0].startswith("0 ")
        page.locator("#f-table th[data-sort=item] button").click()
        assert page.locator("#f-table td[data-c=item]").first.inner_text().startswith("9 ")
        assert page.get_attribute("#f-table th[data-sort=item]", "aria-sort") == "descending"
        rows.first.click()
        assert page.evaluate("location.hash.length") == 18
        assert page.evaluate("document.activeElement.checkVisibility()")


def test_works_without_script(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["hostile"], viewport=WIDE, java_script_enabled=False) as page:
        assert not page.locator("#explorer").is_visible()
        check = page.locator("details.check").first
        rows = check.locator("details.rows")
        rows.locator("summary").first.click()
        assert rows.locator("tbody tr").first.is_visible()


def test_pictures_have_shapes_and_names(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["boxes"], viewport=WIDE) as page:
        pictures = page.locator(".worst svg.picture")
        assert pictures.count() >= 1
        assert str(pictures.first.get_attribute("aria-label")).startswith("item ")
        assert page.locator(".worst path.own").count() >= 1
        shown = page.evaluate(
            "[...document.querySelectorAll('.worst svg.picture')].map((one) => one.getBoundingClientRect().width)"
        )
        assert min(shown) > 100


STATES = "id => [...document.querySelectorAll(`[data-finding='${id}']`)].map((one) => one.dataset.decision || '')"
FOCUSED = "document.activeElement.dataset.finding"


def test_y_n_s_judge_findings_and_a_button_saves_them(browser: Any, reports: dict[str, Path], tmp_path: Path) -> None:
    with Watched(browser, reports["hostile"], viewport=WIDE) as page:
        assert not page.locator("#judge-bar").is_visible()
        page.keyboard.press("y")  # nothing has the focus
        assert not page.locator("#judge-bar").is_visible()
        page.keyboard.press("j")
        first = page.evaluate(FOCUSED)
        page.keyboard.press("y")
        second = page.evaluate(FOCUSED)
        assert second != first  # it goes on to the next
        page.keyboard.press("n")
        third = page.evaluate(FOCUSED)
        page.keyboard.press("s")
        page.keyboard.press("k")
        page.keyboard.press("s")  # the same key again takes it back, and stays
        assert page.evaluate(FOCUSED) == third
        assert set(page.evaluate(STATES, first)) == {"yes"}
        assert len(page.evaluate(STATES, first)) >= 2  # on the small card, on the whole one, in the table
        assert set(page.evaluate(STATES, second)) == {"no"}
        assert set(page.evaluate(STATES, third)) == {""}
        assert "2 judged: 1 a fault, 1 no fault, 0 left open" in page.locator("#judge-count").inner_text()
        # typed into the filter it is text
        page.keyboard.press("/")
        page.keyboard.type("yns")
        assert page.input_value("#f-text") == "yns"
        page.keyboard.press("Escape")
        page.select_option("#f-judged", "no")
        assert page.locator("#f-table tbody tr").evaluate_all("all => all.map((one) => one.dataset.finding)") == [second]
        with page.expect_download() as download:
            page.locator("#judge-save").click()
        download.value.save_as(tmp_path / "decisions.json")
    body = json.loads((tmp_path / "decisions.json").read_text(encoding="utf-8"))
    assert body["format"] == decisions.FORMAT
    assert [(one["finding"], one["decision"]) for one in body["decisions"]] == [(first, "yes"), (second, "no")]
    where = judging.place(reports["hostile"].parent)
    assert judging.take(where, tmp_path / "decisions.json", "ada").startswith("2 decisions by ada, 2 of them new")
    assert judging.take(where, tmp_path / "decisions.json", "ada").startswith("2 decisions by ada, 0 of them new")


def test_buttons_judge_as_keys_do_and_the_browser_remembers(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["boxes"], viewport=WIDE) as page:
        row = page.locator("#f-table tbody tr").first
        finding = row.get_attribute("data-finding")
        row.locator("button[data-answer=no]").click()
        assert "#" not in page.url  # the row was not opened
        card = page.locator(f"#c{finding}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert card.locator("button[data-answer=no]").get_attribute("aria-pressed") == "true"
        card.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Enter")
        assert card.locator("button[data-answer=yes]").get_attribute("aria-pressed") == "true"
        assert "Kept in this browser" in page.locator("#judge-count").inner_text()
        page.reload()
        assert set(page.evaluate(STATES, finding)) == {"yes"}
        page.evaluate("localStorage.setItem('label-auditor decisions', '[[')")  # somebody else's
        page.reload()
        assert not page.locator("#judge-bar").is_visible()
        row.locator("button[data-answer=yes]").click()
        page.locator("#judge-drop").click()
        assert not page.locator("#judge-bar").is_visible()
        assert page.evaluate("localStorage.getItem('label-auditor decisions')") == "{}"


def test_without_storage_decisions_last_as_long_as_the_page(browser: Any, reports: dict[str, Path], tmp_path: Path) -> None:
    # As a notebook shows it: in a frame of its own that may keep nothing.
    page_text = html.escape(reports["boxes"].read_text(encoding="utf-8"), quote=True)
    (tmp_path / "frame.html").write_text(
        f'<!doctype html><meta charset="utf-8"><title>x</title><iframe sandbox="allow-scripts allow-downloads" style="width:1200px;height:700px" srcdoc="{page_text}"></iframe>',
        encoding="utf-8",
    )
    with Watched(browser, tmp_path / "frame.html", viewport=WIDE) as page:
        frame = page.frames[1]
        frame.locator("#f-table tbody tr button[data-answer=yes]").first.click()
        assert "Kept until this page closes" in frame.locator("#judge-count").inner_text()
        with page.expect_download() as download:
            frame.locator("#judge-save").click()
        assert download.value.suggested_filename == "decisions.json"


def test_the_public_is_not_asked(browser: Any, reports: dict[str, Path]) -> None:
    with Watched(browser, reports["public"], viewport=WIDE) as page:
        assert page.locator(".judge, #judge-bar, #f-judged").count() == 0
        page.keyboard.press("j")
        page.keyboard.press("y")
        assert page.locator("[data-decision]").count() == 0


def test_many_judged_findings_fit_and_can_be_read(browser: Any, reports: dict[str, Path]) -> None:
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE):
            with Watched(browser, reports["boxes"], color_scheme=scheme, viewport=size, reduced_motion="reduce") as page:
                for key in "jynsynsynynsy":
                    page.keyboard.press(key)
                page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                assert page.evaluate(CONTRAST)[1] == []
                # what has the focus is not under the bar
                page.keyboard.press("j")
                assert page.evaluate(
                    "document.activeElement.getBoundingClientRect().top < document.getElementById('judge-bar').getBoundingClientRect().top"
                )
