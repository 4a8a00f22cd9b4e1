"""The HTML report: hostile text stays text, the page keeps its size, equal input gives equal bytes, the public learns nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auditor.formats import rle
from auditor.outputs.escape import visible
from auditor.outputs.html import findings, outline, overlay, template, words
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
        "What was not checked",
        "Top confusion",
        "The worst findings",
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


def test_two_shapes_that_a_finding_compares_have_two_colours() -> None:
    shapes = [
        overlay.Shape(name, label, f"M{nth} 1h5", (nth, 1, nth + 5, 9)) for nth, (name, label) in enumerate(["ax", "bx", "cy"])
    ]
    seen = overlay.view(40, 30, shapes, {"a", "b"}, "b")
    assert [(mark.kind, mark.path, mark.name) for mark in seen.marks] == [
        ("own", "M1 1h5", "x"),
        ("twin", "M0 1h5", "x, the other"),
    ]
    assert seen.others == ("M2 1h5",)


def test_points_outside_are_seen() -> None:
    def drawn(x: float) -> tuple[overlay.View, overlay.Mark]:
        _, bounds, dots = overlay._outline(
            None, None, None, None, 0, None, [{"x": 5, "y": 5, "v": 2}, {"x": x, "y": 9, "v": 1}]
        ) or (0, (), ())
        seen = overlay.view(100, 80, [overlay.Shape("a", "x", "", bounds, dots)], {"a"})  # type: ignore[arg-type]
        return seen, seen.marks[0]

    seen, mark = drawn(130)
    assert seen.beyond
    assert seen.box[0] + seen.box[2] > 130
    assert mark.dots.count("M") == 2
    seen, mark = drawn(9_000)
    assert seen.box[2] <= 300
    assert mark.far == f"M{seen.box[2] + seen.box[0]:.10g} 9h0"


def test_a_small_box_over_the_edge_is_seen_whole() -> None:
    seen = overlay.view(640, 480, [overlay.Shape("a", "x", "M0 0", (630, 10, 670, 40))], {"a"})
    assert not seen.whole
    assert seen.box[0] + seen.box[2] > 670


@pytest.mark.parametrize("shape", ["disc", "ring", "noise", "line", "full", "empty"])
def test_masks_become_outlines(shape: str) -> None:
    random = np.random.default_rng(3)
    down, right = np.mgrid[:150, :200]
    away = np.hypot(down - 70, right - 90)
    mask = {
        "disc": away < 40, "ring": (away < 40) & (away > 20), "noise": random.random((150, 200)) < 0.4, "line": (down == 70) & (right > 50),
        "full": away >= 0, "empty": away < 0,
    }[shape]  # fmt: skip
    drawn = outline.of_mask(rle.of_mask(mask), 150, 200)
    if shape == "empty":
        assert drawn is None
        return
    assert drawn is not None
    rings, bounds = drawn
    ys, xs = np.nonzero(mask)
    assert bounds[1::2] == (ys.min(), ys.max() + 1) or bounds[1::2] == (0, 150)
    assert bounds[::2] == (xs.min(), xs.max() + 1)
    assert 3 <= sum(map(len, rings)) <= outline.MAX_POINTS
    if shape in {"disc", "ring"}:
        area = sum(0.5 * float(np.sum(r[:, 0] * np.roll(r[:, 1], -1) - np.roll(r[:, 0], -1) * r[:, 1])) for r in rings)
        assert area == pytest.approx(mask.sum(), rel=0.08)


@pytest.mark.parametrize("code", ["", "not a code \x00", "0" * 500_000, "::50:"])
def test_codes_of_masks_that_say_nothing_are_left_out(code: str) -> None:
    outline.of_mask(code, 0, 10)
    drawn = outline.of_mask(code, 3, 3)
    assert drawn is None or sum(map(len, drawn[0])) <= outline.MAX_POINTS


def test_the_page_keeps_its_size_under_long_outlines(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    labels, media = world.boxes(tmp_path, images=150, each=30)
    made = json.loads(labels.read_text())
    for one in made["annotations"]:
        turn = np.sort(random.uniform(0, 6.28, 90))
        x, y = one["bbox"][0] + 40 + 38 * np.cos(turn), one["bbox"][1] + 40 + 38 * np.sin(turn) * random.uniform(0.5, 1, 90)
        one["segmentation"] = [np.stack([x, y], axis=1).round(2).ravel().tolist()]
    labels.write_text(json.dumps(made))
    done = world.audit(labels, tmp_path / "audit", world.checks(tmp_path / "checks", copies=10), media=media)
    assert done.report.stat().st_size < 2_000_000
    assert '<path class="own"' in done.report.read_text(encoding="utf-8")


def test_cards_name_the_person_and_how_to_name_a_group(tmp_path: Path) -> None:
    source = tmp_path / "votes.csv"
    random = np.random.default_rng(1)
    lines = []
    for item in range(20):
        for who in range(60):
            young = who < 30
            label = "cat" if random.random() < (0.75 if young else 0.25) else "dog"
            lines.append(f"i{item},p{who},{label},{'young' if young else 'old'}")
    source.write_text("item_id,annotator_id,label,age\n" + "\n".join(lines) + "\n")
    done = world.audit(source, tmp_path / "audit", world.checks(tmp_path / "checks"), only=("bias/label_rate_by_group", "stress"))
    page = done.report.read_text(encoding="utf-8")
    assert '<p class="where">annotator <bdi>p' in page
    line = 'annotator.attributes.age = { sensitivity = "personal", show = "yes" }'
    assert [note for note in done.notes if note.endswith(line)]
    assert html.escape(line, quote=True).replace("&quot;", "&#34;") in page
    assert "<b>but not here</b>" in page
    allowed = tmp_path / "policy.toml"
    allowed.write_text(line)
    named = world.audit(source, tmp_path / "named", tmp_path / "checks", only=("bias/label_rate_by_group",), policy=allowed)
    assert "young" in named.report.read_text(encoding="utf-8")
    assert "but not here" not in named.report.read_text(encoding="utf-8")


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
    assert '1 is over its tolerance but only warns (with [gate] fail_on = "warning" it would block).' in text
    assert "none found more" not in text


def test_what_would_mend_disagreement_is_said(tmp_path: Path) -> None:
    """Two labels that all confuse on one kind of item, one person who guesses, and slips of the others."""
    random = np.random.default_rng(4)
    lines = ["item_id,annotator_id,label"]
    for item in range(300):
        truth = "abc"[item % 3]
        unclear = item % 3 == 0 and item % 9 == 0
        for who in range(8):
            said = random.choice(["a", "b"]) if unclear else truth if random.random() < 0.97 else random.choice(list("abc"))
            lines.append(f"i{item},p{who},{random.choice(list('abc')) if who == 7 else said}")
    source = tmp_path / "votes.csv"
    source.write_text("\n".join(lines) + "\n")
    done = world.audit(source, tmp_path / "audit", None, only=())
    page = done.report.read_text(encoding="utf-8")
    part = page[page.index('<h2 id="truth">') : page.index('<h2 id="annotators">')]
    assert "300 items judged by " in part
    rows = dict(re.findall(r'<tr><th scope="row">([^<]*)</th><td class="n">([\d,]+)</td>', part))
    assert set(rows) == {"Ask again", "Clear up the guideline", "Train people"}
    assert 20 <= int(rows["Clear up the guideline"]) <= 45  # 34 items are unclear
    assert int(rows["Train people"]) > 100  # two in three answers of the eighth person are wrong
    assert re.search(r"<bdi>a</bdi> and <bdi>b</bdi>: \d+ % of [\d,]+ votes of able people", part)
    people = page[page.index('<h2 id="annotators">') :]
    assert [
        who for who, mark in re.findall(r'<tr><th scope="row"><bdi>(p\d)</bdi>.*?(†|</tr>)', people, re.DOTALL) if mark == "†"
    ] == ["p7"]
    assert {path.stem for path in (done.out / "measures").glob("*.parquet")} >= {"consensus", "annotator_skill", "ambiguity"}
