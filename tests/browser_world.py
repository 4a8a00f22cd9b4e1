"""A page in headless Chromium that is watched: how it is started, how wide it is, what it must not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# Contrast of text with what is behind it, as WCAG 2.2 reckons it; returns those below 4.5 (3 for large text).
CONTRAST = """
() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; })
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c[3] > .99) return c; }
    return parse(getComputedStyle(document.body).backgroundColor); };
  const low = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || node.closest("svg, script, style, .sr, option") || !node.checkVisibility()) continue;
    const style = getComputedStyle(node), a = light(parse(style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), size = parseFloat(style.fontSize);
    seen += 1;
    if (ratio < (size >= 24 ? 3 : 4.5)) low.push([walk.currentNode.data.trim().slice(0, 30), ratio]);
  }
  return [seen, low];
}
"""


class Watched:
    """A page that remembers everything it should not do."""

    def __init__(self, browser: Any, report: Path, **context: Any) -> None:
        self.context = browser.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on(
            "console",
            lambda message: self.faults.append(f"console: {message.text}") if message.type in {"error", "warning"} else None,
        )
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append("a dialog opened"), dialog.dismiss()))
        self.page.on("request", self._request)
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective))"
        )
        self.page.goto(report.as_uri())

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.faults.append(f"request: {request.url}")

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, kind: object, *_rest: object) -> None:
        self.context.close()
        if kind is None:
            assert self.faults == []
