"""The HTML report: hostile text stays text, the page keeps its size, equal input gives equal bytes, the public learns nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from auditor.outputs.escape import visible
from auditor.outputs.html import findings, overlay, template, words
from tests import report_world as world

if TYPE_CHECKING:
    from pathlib import Path


class Reader(HTMLParser):
    """What a browser would make of the page: its elements with attributes, its ids, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hostile")
    source = world.hostile_csv(folder / "<img src=x onerror=alert(1)>.csv")
    done = world.audit(source, folder / "audit", world.checks(folder / "checks"), only=())
    return done.report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    labels, media = world.boxes(folder, images=200, each=30)
    out = folder / "audit"
    world.audit(labels, out, world.checks(folder / "checks", copies=10), media=media)
    return out / "report.html"


def test_hostile_text_makes_no_element(hostile: str) -> None:
    page = Reader(hostile)
    assert len(page.named("script")) == 1
    assert len(page.named("style")) == 1
    assert len(page.named("title")) >= 1
    assert not page.named("img")
    assert not page.named("textarea")
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)


def test_hostile_text_is_shown_and_not_run(hostile: str) -> None:
    text = "".join(Reader(hostile).text)
    assert "<script>document.title='owned'</script>" in text
    assert "{{7*7}} {% raw %} ${7*7}" in text
    assert "49" not in re.findall(r"somebody says [^\n]*", text)
    assert "left \\u202eright\\u2066 \\u200bhidden" in text
    assert "bell \\x07 escape \\x1b[31m tag \\U000e0041" in text
    assert "&lt;b&gt; &amp; &#x3c;" in text


def test_no_sign_that_cannot_be_seen(hostile: str) -> None:
    unseen = [sign for sign in hostile if visible(sign) != sign and sign != "\n"]
    assert unseen == []


def test_links_go_to_the_web_or_stay(hostile: str) -> None:
    for attributes in Reader(hostile).named("a"):
        assert str(attributes["href"]).startswith("#")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a.example/\u202e", None])
def test_other_links_are_dropped(link: str | None) -> None:
    assert findings.web_link(link) == ""


def test_links_of_findings(tmp_path: Path) -> None:
    from auditor.settings import Settings

    source = world.hostile_csv(tmp_path / "votes.csv")
    settings = Settings(link="https://labels.example/data?task={item_id}")
    done = world.audit(source, tmp_path / "audit", world.checks(tmp_path / "checks"), settings=settings)
    links = [one for one in Reader(done.report.read_text(encoding="utf-8")).named("a") if str(one["href"]).startswith("http")]
    assert len(links) >= done.findings.num_rows
    for attributes in links:
        assert "noreferrer" in str(attributes["rel"])
        assert str(attributes["href"]).startswith("https://labels.example/data?task=")


def test_policy_names_what_the_page_holds(hostile: str) -> None:
    policy = next(
        str(one["content"]) for one in Reader(hostile).named("meta") if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        body = re.findall(rf"<{tag}>(.*?)</{tag}>", hostile, re.DOTALL)
        assert len(body) == 1
        digest = base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_ids_are_unique(hostile: str, many: Path) -> None:
    for page in (hostile, many.read_text(encoding="utf-8")):
        ids = [attributes["id"] for _, attributes in Reader(page).elements if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_inner_links_arrive(hostile: str) -> None:
    page = Reader(hostile)
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for attributes in page.named("a"):
        assert str(attributes["href"])[1:] in ids


def test_size_with_5000_findings_and_200_pictures(many: Path) -> None:
    page = Reader(many.read_text(encoding="utf-8"))
    assert many.stat().st_size < 2_000_000
    listed = [one for one in page.named("tr") if str(one.get("id", "")).startswith("f")]
    assert len(listed) == findings.MAX_FINDINGS
    assert 80 <= len(page.named("image")) <= 150
    text = " ".join("".join(page.text).split())
    assert "This page holds 5,000 of " in text
    assert "findings.parquet" in text


def test_pictures_are_shared(many: Path) -> None:
    page = Reader(many.read_text(encoding="utf-8"))
    hrefs = [one["href"] for one in page.named("image")]
    assert len(hrefs) == len(set(hrefs))
    groups = {attributes["id"] for attributes in page.named("g") if "id" in attributes}
    for attributes in page.named("use"):
        assert str(attributes["href"])[1:] in groups


def test_same_input_same_bytes(tmp_path: Path) -> None:
    labels, media = world.boxes(tmp_path, images=6, each=4)
    folder = world.checks(tmp_path / "checks")
    first = world.audit(labels, tmp_path / "one", folder, media=media).report.read_bytes()
    second = world.audit(labels, tmp_path / "two", folder, media=media).report.read_bytes()
    assert first == second


@pytest.mark.parametrize("kind", ["votes", "boxes"])
def test_public_report_holds_no_secret(tmp_path: Path, kind: str) -> None:
    media = None
    if kind == "votes":
        source = world.secret_csv(tmp_path / f"{world.SECRETS['file']}.csv")
    else:
        source, media = world.boxes(tmp_path, images=4, each=3)
    folder = world.checks(tmp_path / "checks")
    internal = world.audit(source, tmp_path / "in", folder, media=media).report.read_text(encoding="utf-8")
    public = world.audit(source, tmp_path / "out", folder, media=media, audience="public").report.read_text(encoding="utf-8")
    # the same data does show within the team, so its absence means something
    assert "CANARY" in internal
    assert "CANARY" not in public
    assert not Reader(public).named("image")
    assert "Made for the public" in public
    assert "cell" not in re.findall(r"<bdi>([^<]*)</bdi>", public)


def test_first_screen_says_it_all(hostile: str) -> None:
    text = " ".join("".join(Reader(hostile).text).split())
    order = [
        "Failed",
        "Why",
        "What to do next",
        "The worst findings",
        "What was not checked",
        "Top confusion",
        "Findings by family",
    ]
    places = [text.index(part, text.index("Verdict as of 2026-01-31")) for part in order]
    assert places == sorted(places)
    assert "Somebody said something 30 0" in text


def test_unreadable_picture_is_a_placeholder(tmp_path: Path) -> None:
    labels, media = world.boxes(tmp_path, images=2, each=2)
    broken = min(media.iterdir())
    broken.write_bytes(broken.read_bytes()[:200])
    page = world.audit(labels, tmp_path / "audit", world.checks(tmp_path / "checks"), media=media).report.read_text(
        encoding="utf-8"
    )
    assert "no picture could be made of this file" in page
    assert len(Reader(page).named("image")) == 1


def test_spans_are_marked_by_code_points() -> None:
    text = "\U0001f600 Ada met Bo"
    cut = words.excerpt(text, 0, len(text), [(2, 5)])
    assert [piece for piece, marked in cut.pieces if marked] == ["Ada"]
    later = words.excerpt(text[2:], 2, len(text), [(10, 12), (2, 3)])
    assert [piece for piece, marked in later.pieces if marked] == ["A", "Bo"]
    assert later.cut_before


def test_small_shapes_are_shown_in_part_and_ringed() -> None:
    shape = overlay.Shape("a", "x", "M320 240h0", (320.0, 240.0, 320.0, 240.0))
    seen = overlay.view(640, 480, [shape], {"a"})
    assert not seen.whole
    assert seen.ring is not None
    left, top, wide, high = seen.box
    assert left <= 320 <= left + wide
    assert top <= 240 <= top + high


def test_a_box_far_outside_does_not_hide_the_picture() -> None:
    shape = overlay.Shape("a", "x", "M0 0h900000", (0.0, 0.0, 900_000.0, 50.0))
    assert overlay.view(100, 80, [shape], {"a"}).box[2] <= 300


def test_assets_cannot_end_their_element() -> None:
    for name in ("style.css", "script.js"):
        assert "</" not in template.asset(name)


def test_templates_trust_no_value(root: Path) -> None:
    for path in (root / "reports").glob("*.html"):
        source = path.read_text(encoding="utf-8")
        assert "|safe" not in source.replace(" ", ""), path.name
        assert "autoescape" not in source, path.name
        assert " style=" not in source, path.name
        assert "http://" not in source, path.name


def test_labels_that_differ_by_a_space_look_different() -> None:
    assert len({findings.seen(label, 40).strip() for label in ("7", "7 ", " 7", "7\u200b")}) == 4


def test_passed_does_not_hide_what_does_not_block(tmp_path: Path) -> None:
    from auditor.settings import Override, Settings

    settings = Settings(checks={"stress/labels": Override(severity="warning")})
    source = world.hostile_csv(tmp_path / "votes.csv")
    page = world.audit(source, tmp_path / "audit", world.checks(tmp_path / "checks"), settings=settings).report
    text = " ".join("".join(Reader(page.read_text(encoding="utf-8")).text).split())
    assert "1 found more than its tolerance accepts, at a severity that does not block." in text
    assert "none found more" not in text
