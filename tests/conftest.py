"""Fixtures shared by all tests, and the rule that in CI a test is skipped for listed reasons only."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.browser_world import ARGUMENTS
from tests.skips import unlisted
from tests.workspace_world import GIT, run
from tests.worlds import votes_csv

# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
_SKIPPED = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Playwright, once for all browser tests: its loop cannot run twice in one process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program of a headless Chromium."""
    executable = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium-headless-shell or chromium is in PATH")
    return executable


@pytest.fixture(scope="session")
def browser(playwright: Any, chromium: str) -> Iterator[Any]:
    """A browser for pages of files."""
    made = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    yield made
    made.close()


@pytest.fixture
def git_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody whom git commits can name."""
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def space(tmp_path: Path, git_identity: None) -> Path:  # import commits nothing, what follows may
    """A workspace with one source of good votes, and a file that stays outside."""
    made = tmp_path / "space"
    run(tmp_path, "init", str(made), "--name", "pets")
    votes_csv(tmp_path / "answers.csv", items=30)
    run(made, "import", str(tmp_path / "answers.csv"), "--name", "crowd")
    return made


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite` rewrites golden texts instead of comparing them."""
    parser.addoption("--rewrite", action="store_true", help="rewrite golden files and the README's sample")


def pytest_configure(config: pytest.Config) -> None:
    """A place for the skips of this run; and programs that tests interrupt can be, also where this run is in the background."""
    config.stash[_SKIPPED] = []
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # inherited from a shell's `&`, and by every program started here
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, fail for skips whose reason is not listed in tests/skips.py."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    skipped = []
    for report in reporter.stats.get("skipped", []):
        _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
        skipped.append((report.nodeid, reason.removeprefix("Skipped: ")))
    session.config.stash[_SKIPPED] = unlisted(skipped)
    if session.config.stash[_SKIPPED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which skips failed the run."""
    for test, reason in terminalreporter.config.stash[_SKIPPED]:
        terminalreporter.write_line(f"skipped for a reason that tests/skips.py does not list: {test}: {reason}", red=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def rewrite(pytestconfig: pytest.Config) -> bool:
    """Whether golden texts are rewritten."""
    return bool(pytestconfig.getoption("--rewrite"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real labelled data beside the checkout; none of it is in the repository."""
    folder = Path(os.environ.get("AUDITOR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared real-data folder is not beside this checkout")
    return folder
