"""Takes docs/report.png, the picture in the README, of the demo's report: `make demo`, then `python docs/screenshot.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main() -> int:
    """Open the report without a network and photograph its first screen."""
    report = ROOT / "demo" / "audit" / "report.html"
    browser_path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not report.is_file() or browser_path is None:
        sys.stderr.write("run `make demo` first, and install chromium\n")
        return 1
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_context(offline=True, viewport={"width": 1200, "height": 1000}).new_page()
        page.goto(report.as_uri())
        page.screenshot(path=ROOT / "docs" / "report.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
