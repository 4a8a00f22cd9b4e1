"""Puts together what a card shows: the finding, its pictures with what is drawn on them, its text, its votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.outputs.html import overlay, thumbnails, words
from auditor.outputs.html.findings import Card, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.outputs.html import Page
    from auditor.outputs.html.overlay import View
    from auditor.outputs.html.thumbnails import Picture
    from auditor.outputs.html.words import Excerpt, Votes

# Pictures of one card: near duplicates come in pairs.
MAX_PICTURES = 2


@dataclass(frozen=True)
class Seen:
    """One picture of a card: which item, the picture, what is drawn."""

    item: str
    picture: Picture
    view: View


@dataclass(frozen=True)
class Shown:
    """A card, complete. `lost`: there is a file, and no picture could be made of it."""

    card: Card
    pictures: tuple[Seen, ...]
    lost: bool
    excerpts: tuple[tuple[str, Excerpt], ...]
    votes: tuple[tuple[str, Votes], ...]


@dataclass(frozen=True)
class Material:
    """All cards, and every picture that they use, once."""

    cards: dict[str, Shown]
    pictures: tuple[Picture, ...]

    @property
    def drawn(self) -> int:
        """Characters that the shapes over the pictures take on the page."""
        return sum(one.view.size for card in self.cards.values() for one in card.pictures)


def gather(page: Page, found: Sequence[Card], first: Sequence[Card]) -> Material:
    """Look up pictures, shapes, texts and votes for all cards together; for readers who may not see them, nothing.

    Args:
        page: the report.
        found: all cards, worst first.
        first: those of the first screen: they come first to the limited pictures.
    """
    if page.audience.name != "internal":
        return Material({card.row.finding_id: Shown(card, (), False, (), ()) for card in found}, ())
    items = {card.row.finding_id: _items(page, card) for card in found}
    turns: dict[str, int] = {}
    ranked = []
    for card in found:
        turns[card.check_id] = turns.get(card.check_id, -1) + 1
        ranked.append((turns[card.check_id], card))
    fair = [card for _, card in sorted(ranked, key=lambda entry: entry[0])]
    wanted = [item for card in [*first, *fair] for item in items[card.row.finding_id]]
    files = page.session.tables.paths
    media = None if "item.uri" in page.session.hidden else page.session.tables.media
    pictures = thumbnails.load(page.con, media, wanted)
    located = _located(page, wanted) if media else frozenset[str]()
    own = {name for card in found for name in _own(card)}
    shapes = overlay.shapes(page.con, files["annotation"], list(pictures), own)
    texts = _excerpts(page, found, items)
    votes = words.votes(page.con, files["annotation"], list(dict.fromkeys(wanted)), own)
    shown = {}
    for card in found:
        identity = card.row.finding_id
        seen_pictures = tuple(
            Seen(
                seen(item, 60),
                pictures[item],
                overlay.view(pictures[item].width, pictures[item].height, shapes.get(item, ()), _own(card), card.annotation_id),
            )
            for item in items[identity][:MAX_PICTURES]
            if item in pictures
        )
        lost = not seen_pictures and any(item in located for item in items[identity])
        said = tuple(votes.get(items[identity][0], ())) if items[identity] else ()
        shown[identity] = Shown(card, seen_pictures, lost, tuple(texts.get(identity, ())), said[:3])
    used = {one.picture.symbol for card in shown.values() for one in card.pictures}
    return Material(shown, tuple(picture for picture in pictures.values() if picture.symbol in used))


def _own(card: Card) -> frozenset[str]:
    return frozenset({*card.named, *([card.annotation_id] if card.annotation_id else [])})


def _items(page: Page, card: Card) -> list[str]:
    """The item of a finding and other items that its evidence names."""
    named = [card.item_id] if card.item_id else []
    if card.named:
        known = page.con.execute(
            "SELECT item_id FROM read_parquet([$file]) WHERE item_id IN (SELECT unnest($names)) ORDER BY item_id",
            {"file": str(page.session.tables.paths["item"]), "names": list(card.named)},
        ).fetchall()
        rank = {name: nth for nth, name in reversed(list(enumerate(card.named)))}
        named += sorted((row[0] for row in known), key=lambda name: rank[name])
    return list(dict.fromkeys(named))[:MAX_PICTURES]


def _located(page: Page, wanted: Sequence[str]) -> frozenset[str]:
    found = page.con.execute(
        "SELECT item_id FROM read_parquet([$media]) WHERE item_id IN (SELECT unnest($wanted))",
        {"media": str(page.session.tables.media), "wanted": list(dict.fromkeys(wanted))},
    ).fetchall()
    return frozenset(row[0] for row in found)


def _excerpts(page: Page, found: Sequence[Card], items: dict[str, list[str]]) -> dict[str, list[tuple[str, Excerpt]]]:
    """Finding -> (item, excerpt) for items with text, around the spans that the finding is about."""
    if "text" not in page.session.tables.present["item"]:
        return {}
    files = page.session.tables.paths
    names = sorted({name for card in found for name in _own(card)})
    spans = words.spans(page.con, files["annotation"], names)
    starts: dict[tuple[str, int], None] = {}
    plan: dict[str, list[tuple[str, int, list[tuple[int, int]]]]] = {}
    for card in found:
        for item in items[card.row.finding_id]:
            marked = sorted((start, end) for name in _own(card) if name in spans for of, start, end in [spans[name]] if of == item)
            start = max(0, marked[0][0] - words.BEFORE) if marked else 0
            starts[item, start] = None
            plan.setdefault(card.row.finding_id, []).append((item, start, marked))
    read = words.windows(page.con, files["item"], starts)
    return {
        identity: [
            (seen(item, 60), words.excerpt(*_window(read[item, start], start), marked))
            for item, start, marked in parts
            if (item, start) in read
        ]
        for identity, parts in plan.items()
    }


def _window(read: tuple[str, int], start: int) -> tuple[str, int, int]:
    return read[0], start, read[1]
