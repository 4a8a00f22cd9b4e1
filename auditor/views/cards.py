"""Cards: the picture of an item that has none. A text with its spans, a recording's time line, or a word about what is missing."""

from __future__ import annotations

import hashlib
import io
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.outputs.escape import shorten, visible
from auditor.views.layout import Line, Rectangle, font, marks, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import ImageDraw

# Pixels. The width reads well in the app's grid; a blank in place of an image has that image's shape.
WIDTH, MARGIN, HEAD, PITCH, SIZE, SMALL = 640, 20, 34, 24, 17, 12
MAX_LINES = 26
LANE, AXIS = 34, 30
_LEAST, _MOST = 200, 960
# Grey levels: paper, ink, and what is less important.
_PAPER, _INK, _FAINT, _RULE = 250, 25, 110, 205
# In a card's file name: cards of another design are made anew.
DESIGN = "2"


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes:
        title: the item's id.
        note: what it is, or what is missing.
        text: the item's text, or None.
        lanes: names of the time line's lanes.
        seconds: length of the time line; 0 for none.
        size: width and height of the image in whose place it stands, in pixels, or None.
    """

    title: str
    note: str = ""
    text: str | None = None
    lanes: tuple[str, ...] = ()
    seconds: float = 0.0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Laid:
    """A card's measures: where spans and segments are drawn over it."""

    card: Card
    width: int
    height: int
    lines: tuple[Line, ...]
    shown: int

    def span(self, first: int, last: int) -> list[list[tuple[float, float]]]:
        """Rings around the characters `first` to `last` of the text, in parts of the card's width and height."""
        found = marks(list(self.lines), first, last, MARGIN, HEAD + 8, SIZE, PITCH)
        return [self._ring(one) for one in found]

    def segment(self, lane: str, start: float, end: float) -> tuple[float, float, float, float]:
        """The box (x, y, w, h) of seconds `start` to `end` in a lane, in parts of the card's width and height."""
        across = (self.width - 2 * MARGIN) / self.card.seconds
        left, right = (MARGIN + min(max(at, 0.0), self.card.seconds) * across for at in (start, end))
        top = self._lanes_top + self.card.lanes.index(lane) * LANE + 14
        return (left / self.width, top / self.height, max(right - left, 1.0) / self.width, (LANE - 16) / self.height)

    @property
    def _lanes_top(self) -> int:
        return HEAD + 8 + len(self.lines) * PITCH + (18 if self.cut else 0)

    @property
    def cut(self) -> int:
        """Characters of the text that the card does not show."""
        return len(self.card.text or "") - self.shown

    def _ring(self, one: Rectangle) -> list[tuple[float, float]]:
        left, top, wide, high = one
        right, bottom = (left + wide) / self.width, (top + high - 3) / self.height
        left, top = left / self.width, (top + 1) / self.height
        return [(left, top), (right, top), (right, bottom), (left, bottom)]


def lay(card: Card) -> Laid:
    """Measure a card."""
    if card.size is not None and card.text is None and not card.lanes:
        wide, high = card.size
        scale = WIDTH / max(wide, high, 1)
        return Laid(card, max(round(wide * scale), 1), max(round(high * scale), 1), (), 0)
    lines, shown = wrap(card.text, WIDTH - 2 * MARGIN, SIZE, MAX_LINES) if card.text else ([], 0)
    laid = Laid(card, WIDTH, _LEAST, tuple(lines), shown)
    high = laid._lanes_top + (len(card.lanes) * LANE + AXIS if card.lanes else 0) + 12  # noqa: SLF001
    return Laid(card, WIDTH, min(max(high, _LEAST), _MOST), tuple(lines), shown)


def write(laid: Laid, folder: Path) -> Path:
    """Draw a card into `folder`, unless it is there; its name is a digest of what it says."""
    name = hashlib.sha256(repr((DESIGN, laid.card)).encode("utf-8", "backslashreplace")).hexdigest()[:32]
    path = folder / name[:2] / f"{name}.png"
    if not path.is_file():
        # Renamed into place, not synced: a card that a power cut loses is drawn again with the next dataset.
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(draw(laid))
        temporary.replace(path)
    return path


def draw(laid: Laid) -> bytes:
    """A card as PNG."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (laid.width, laid.height), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.fontmode = "L"
    card = laid.card
    if card.size is not None and not laid.lines and not card.lanes:
        _blank(pen, laid)
    else:
        _head(pen, card)
        for number, line in enumerate(laid.lines):
            pen.text((MARGIN, HEAD + 8 + number * PITCH), line.text, _INK, font(SIZE))
        if laid.cut:
            pen.text((MARGIN, HEAD + 8 + len(laid.lines) * PITCH), f"… and {laid.cut:,} more characters", _FAINT, font(SMALL))
        if card.text is None and not card.lanes and card.note:
            pen.text((WIDTH / 2, laid.height / 2 + 8), _fit(card.note, SIZE, WIDTH - 2 * MARGIN), _FAINT, font(SIZE), anchor="mm")
        if card.lanes:
            _time_line(pen, laid)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _head(pen: ImageDraw.ImageDraw, card: Card) -> None:
    pen.text((MARGIN, 10), _fit(card.title, SMALL, WIDTH - 2 * MARGIN - 170), _FAINT, font(SMALL))
    if card.note and (card.text is not None or card.lanes):
        pen.text((WIDTH - MARGIN, 10), _fit(card.note, SMALL, 160), _FAINT, font(SMALL), anchor="ra")
    pen.line((MARGIN, HEAD - 4, WIDTH - MARGIN, HEAD - 4), _RULE)


def _blank(pen: ImageDraw.ImageDraw, laid: Laid) -> None:
    """In place of an image: its outline, and why it is not there."""
    pen.rectangle((2, 2, laid.width - 3, laid.height - 3), outline=_RULE)
    room = laid.width - 16
    middle = laid.width / 2, laid.height / 2
    # Large: the card is as large as the image would be, and a thumbnail of it is to be read too.
    pen.text((middle[0], middle[1] - 20), _fit(laid.card.note, 2 * SIZE, room), _FAINT, font(2 * SIZE), anchor="mm")
    pen.text((middle[0], middle[1] + 20), _fit(laid.card.title, 2 * SMALL, room), _FAINT, font(2 * SMALL), anchor="mm")


def _time_line(pen: ImageDraw.ImageDraw, laid: Laid) -> None:
    top = laid._lanes_top  # noqa: SLF001
    for number, lane in enumerate(laid.card.lanes):
        above = top + number * LANE
        pen.text((MARGIN, above), _fit(lane, 10, WIDTH - 2 * MARGIN), _FAINT, font(10))
        pen.rectangle((MARGIN, above + 14, WIDTH - MARGIN, above + LANE - 2), fill=238)
    bottom = top + len(laid.card.lanes) * LANE
    step = tick(laid.card.seconds)
    for number in range(int(laid.card.seconds / step) + 1):
        x = MARGIN + number * step / laid.card.seconds * (WIDTH - 2 * MARGIN)
        pen.line((x, top + 14, x, bottom + 2), _RULE)
        pen.text((x, bottom + 5), clock(number * step), _FAINT, font(10), anchor="ma" if x < WIDTH - 40 else "ra")


def tick(seconds: float) -> float:
    """Seconds between the marks of a time line: a round number that gives four to ten of them.

    >>> tick(0.4), tick(61), tick(4000)
    (0.05, 10.0, 600.0)
    """
    wanted = seconds / 8
    for step in (10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0):
        if 5 < wanted <= step:
            return step
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= wanted)


def clock(seconds: float) -> str:
    """A time within a medium.

    >>> clock(0.5), clock(75), clock(3700)
    ('0.5 s', '1:15', '1:01:40')
    """
    if seconds < 60:
        return f"{seconds:.4g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _fit(text: str, size: int, width: float) -> str:
    """A text on one line, cut where it does not fit."""
    shown = shorten(visible(text), 200)
    while len(shown) > 1 and font(size).getlength(shown) > width:
        shown = shorten(shown.rstrip("…"), max(len(shown) - max(len(shown) // 8, 1), 1))
    return shown


def names(lanes: Sequence[str]) -> tuple[str, ...]:
    """Lanes as a card holds them: as many as it has room for.

    >>> names(["human"])
    ('human',)
    """
    return tuple(lanes)[: (_MOST - _LEAST) // LANE]
