"""The FiftyOne app in a real browser: the grid shows, a saved view filters, a tag given by hand comes back, nobody outside is asked."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from auditor.errors import AuditorError
from auditor.views import mongod
from tests import report_world as world
from tests.browser_world import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser
if find_spec("fiftyone") is None:  # not imported here: it would connect to a database
    pytest.skip("the extra `views` is not installed", allow_module_level=True)
IMAGES, EACH = 9, 4
LOADED = "canvas[canvas-loaded=true]"
PATIENCE = 60_000  # ms; the app's first page is 10 MB of script


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """`auditor view` on boxes; gives the address and the command that pulls."""
    try:
        mongod.find()
    except AuditorError:
        pytest.skip("no mongod is installed")
    folder = tmp_path_factory.mktemp("browser")
    labels, media = world.boxes(folder, images=IMAGES, each=EACH)
    command = [sys.executable, "-m", "auditor", "view", "--folder", str(folder / "views")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
    process = subprocess.Popen(
        [*command, str(labels), "--media", str(media), "--checks", str(world.checks(folder / "checks", copies=1)), "--only", "stress", "--no-open"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, cwd=folder,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), command
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def page(served: tuple[str, list[str]], playwright: Any, chromium: str) -> Iterator[Any]:
    """The app's page, its invitation dismissed; `asked` of the page lists requests to anybody but the loopback."""
    browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, "--enable-unsafe-swiftshader"])
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.asked = []
    opened.faults = []

    def route(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            opened.asked.append(route.request.url)
            route.abort()

    context.route("**/*", route)
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.goto(served[0])
    opened.get_by_text("Dismiss", exact=True).click(timeout=PATIENCE)
    yield opened
    browser.close()


def shot(page: Any, name: str) -> None:
    """A screenshot, for those who ask for it with AUDITOR_SCREENSHOTS=FOLDER."""
    folder = os.environ.get("AUDITOR_SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")


def test_the_grid_shows_every_item(page):
    page.locator(LOADED).first.wait_for(timeout=PATIENCE)
    page.get_by_text(f"{IMAGES} samples").wait_for()
    assert page.locator('[data-cy="looker"]').count() == IMAGES
    groups = page.evaluate(
        "[...document.querySelectorAll('[data-cy^=sidebar-group-entry-]')].map((one) => one.dataset.cy.split('-').pop())"
    )
    assert groups == ["TAGS", "FINDINGS", "HUMAN", "ITEM", "METADATA", "FILE"]
    shot(page, "grid")


def test_a_saved_view_filters(page):
    page.locator('[data-cy="saved-views-selection"]').click()
    shot(page, "views")
    names = page.get_by_text("stress/").all_inner_texts()
    assert {"stress/boxes", "stress/tenth0"} <= {name.strip() for name in names}
    page.get_by_text("stress/tenth0", exact=True).click()
    page.wait_for_url("**view=stresstenth0**")
    few = f"const n = document.querySelectorAll('[data-cy=looker]').length; return n > 0 && n < {IMAGES}"
    page.wait_for_function(f"() => {{ {few} }}")
    page.locator(LOADED).first.wait_for()
    page.get_by_text(f"{page.locator('[data-cy=looker]').count()} sample").wait_for()
    shot(page, "view")


def test_one_sample_shows_boxes_and_findings(page):
    page.locator('[data-cy="looker"]').first.click(position={"x": 40, "y": 60})
    modal = page.locator('[data-cy="modal"]')
    modal.get_by_text("findings.severity").wait_for()
    page.locator(f'[data-cy="modal"] {LOADED}').first.wait_for()
    shot(page, "sample")
    assert "error" in modal.inner_text()
    page.keyboard.press("Escape")
    modal.wait_for(state="hidden")


def test_a_tag_given_in_the_app_comes_back(page, served, tmp_path: Path):
    page.locator('[data-cy="action-tag-sample-labels"]').click()
    field = page.get_by_placeholder("sample")
    field.fill("look again")
    field.press("Enter")
    page.get_by_text("Apply").click()
    page.get_by_text("Loading").wait_for(state="hidden")
    page.locator(LOADED).first.wait_for()
    shot(page, "tag")
    target = tmp_path / "tags.csv"
    done = subprocess.run([*served[1], "--pull", "--tags", str(target)], check=True, capture_output=True, text=True)
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["item_id", "annotation_id", "tag"]
    assert {row[2] for row in rows[1:]} == {"look again"}
    assert f"{len(rows) - 1} look again" in done.stdout


def test_nobody_outside_was_asked(page):
    """The app wants web fonts; its server's content policy keeps the browser from asking for them."""
    assert page.asked == []
    assert page.faults == []
