"""Scorecards: one page and one JSON file an annotator, with the examples that show a slip and room for their answer."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from auditor.outputs.escape import shorten, visible
from auditor.outputs.html import template, thumbnails
from auditor.outputs.html.findings import seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

    from auditor.scorecard import Card, Part

FORMAT = "label-auditor/scorecard/1"
MAX_BYTES = 1_500_000  # of the pictures of one page
_TEXT = 400  # characters of an item's text
_PLAIN = re.compile(r"[A-Za-z0-9~][A-Za-z0-9~_-]{0,39}")


@dataclass(frozen=True)
class Material:
    """What may be shown of items: texts, and where their pictures are; empty where the policy, or an audit's folder, has none."""

    con: Connection
    texts: Mapping[str, str]
    media: Path | None


def file_name(annotator_id: str) -> str:
    """What the files of an annotator are called; ids that are no plain names become a digest.

    >>> file_name("w4"), file_name("../x")
    ('scorecard-w4', 'scorecard-id-d6b96a97d1')
    """
    if _PLAIN.fullmatch(annotator_id):
        return f"scorecard-{annotator_id}"
    return f"scorecard-id-{hashlib.sha256(annotator_id.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def as_json(card: Card, source: str, least: int) -> str:
    """The card for programs; figures on thin evidence are left out."""
    parts = []
    for part in card.parts:
        body: dict[str, Any] = asdict(part) | {"thin": part.thin}
        if part.thin:
            body |= dict.fromkeys(("accuracy", "low", "high", "slip", "peers"), None) | {"examples": []}
        parts.append(body)
    head = {"format": FORMAT, "annotator": card.annotator_id, "name": card.name, "of": source, "least": least}
    return json.dumps({**head, "tasks": parts}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_html(card: Card, source: str, least: int, false_share: float, material: Material) -> str:
    """The card as one self-contained page."""
    items = [one.item_id for part in card.parts if not part.thin for one in part.examples]
    pictures = thumbnails.load(material.con, material.media, items)
    style = template.asset("style.css") + template.asset("scorecard.css")
    script = template.asset("scorecard.js")
    return template.render(
        "scorecard.html",
        card=card,
        who=seen(card.annotator_id, 60),
        called=seen(card.name, 80),
        source=seen(source, 80),
        least=least,
        false_share=false_share,
        parts=[_shown(part, pictures, material.texts) for part in card.parts],
        pictures=thumbnails.encode(pictures.values(), MAX_BYTES),
        answer=file_name(card.annotator_id).replace("scorecard-", "answer-", 1) + ".json",
        style=_markup(style),
        script=_markup(script),
        style_digest=template.digest(style),
        script_digest=template.digest(script),
    )


def _shown(part: Part, pictures: Mapping[str, thumbnails.Picture], texts: Mapping[str, str]) -> dict[str, Any]:
    examples = [
        {
            "item_id": one.item_id, "item": seen(one.item_id, 60), "given": seen(one.given, 60), "others": seen(one.others, 60),
            "votes": one.votes, "of": one.of, "gold": seen(one.gold, 60), "picture": pictures.get(one.item_id),
            "text": seen(texts.get(one.item_id), _TEXT),
        }
        for one in part.examples
    ]  # fmt: skip
    axis = _axis(part)
    return {"part": part, "task": seen(part.task, 60), "examples": [] if part.thin else examples, "axis": axis, "raw": part.task}


def _axis(part: Part) -> tuple[float, float]:
    """From where to where the scale goes: wide enough for the person and the peers, in steps of a tenth."""
    values = [one for one in (part.low, part.peers.low if part.peers else None) if one is not None]
    return max(0.0, int((min(values, default=0.0) - 0.05) * 10) / 10), 1.0


def table(cards: Sequence[Card], least: int, *, names: bool) -> str:
    """All annotators on the terminal, a line for each of their tasks."""
    tasks = {part.task for card in cards for part in card.parts}
    head = ["annotator", *(["name"] if names else []), *(["task"] if len(tasks) > 1 else [])]
    head += ["answers", "right", "of", "others", "seconds", "commonest slip"]
    rows = []
    for card in cards:
        for part in card.parts:
            row = [shorten(visible(card.annotator_id), 28), *([shorten(visible(card.name), 28)] if names else [])]
            row += [shorten(visible(part.task), 20)] if len(tasks) > 1 else []
            rows.append([*row, f"{part.answers:,}", *_figures(part, least), _slip(part)])
    right = {"answers", "right", "of", "seconds"}
    sizes = [max(len(name), *(len(row[nth]) for row in rows)) for nth, name in enumerate(head)]
    lines = [
        "  ".join(
            cell.rjust(size) if name in right else cell.ljust(size) for cell, size, name in zip(row, sizes, head, strict=True)
        )
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def _figures(part: Part, least: int) -> list[str]:
    seconds = "" if part.seconds is None else f"{part.seconds:.1f}"
    if part.thin:
        return ["too few to say", f"{part.n:,} < {least}" if part.n < least else f"{part.n:,}", "", seconds]
    peers = "" if part.peers is None else f"{part.peers.low:.2f}-{part.peers.high:.2f}"
    return [f"{part.accuracy:.2f} [{part.low:.2f}, {part.high:.2f}]", f"{part.n:,}", peers, seconds]


def _slip(part: Part) -> str:
    if part.thin or part.slip is None or not part.slip.stands_out:
        return ""
    one = part.slip
    return f"{shorten(visible(one.given), 24)} for {shorten(visible(one.truth), 24)}: {one.x:,} of {one.n:,}"


def _markup(text: str) -> Any:
    """Our own style and script."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # never data
