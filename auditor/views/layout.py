"""How a text is laid out in lines, and where in the picture each of its characters stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.outputs.escape import UNSEEN, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

# DejaVu knows most alphabets; it comes with matplotlib, which comes with fiftyone, and with most systems.
_FONT = "DejaVuSans.ttf"
_SYSTEM = Path("/usr/share/fonts/truetype/dejavu")
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """One line: which characters of the text it shows, from `start` on, each as it is drawn."""

    start: int
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is drawn."""
        return "".join(self.pieces)


@lru_cache(maxsize=8)
def font(size: int) -> Any:
    """The font at a size in pixels: DejaVu Sans where there is one, else Pillow's own."""
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    places = [Path(place) / "mpl-data" / "fonts" / "ttf" for place in (spec.submodule_search_locations or [])] if spec else []
    for place in (*places, _SYSTEM):
        if (place / _FONT).is_file():
            return ImageFont.truetype(str(place / _FONT), size, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(size)


@lru_cache(maxsize=65_536)
def advance(piece: str, size: int) -> float:
    """Width of a piece in pixels."""
    return float(font(size).getlength(piece))


def wrap(text: str, width: float, size: int, most: int) -> tuple[list[Line], int]:
    r"""Break a text into lines.

    Args:
        text: may hold anything: what cannot be seen is written out, line breaks are kept.
        width: of a line, in pixels.
        size: of the font, in pixels.
        most: lines to make.

    Returns:
        The lines, and how many characters of the text they show.

    >>> lines, shown = wrap("a long word\nb\x07", 60, 14, 10)
    >>> [line.text for line in lines], [line.start for line in lines], shown
    (['a long ', 'word', 'b\\x07'], [0, 7, 12], 14)
    """
    lines: list[Line] = []
    start = 0
    for paragraph in text.split("\n"):
        for line in _broken(paragraph, start, width, size):
            if len(lines) == most:
                return lines, line.start
            lines.append(line)
        start += len(paragraph) + 1
    return lines, len(text)


def _broken(paragraph: str, start: int, width: float, size: int) -> Iterator[Line]:
    pieces: list[str] = []
    begin, used = start, 0.0
    for word in re.finditer(r"\S+\s*|\s+", paragraph):
        drawn = tuple(word[0]) if not UNSEEN.search(word[0]) else tuple(visible(sign) for sign in word[0])
        widths = [advance(piece, size) for piece in drawn]
        if pieces and used + sum(widths) > width:
            yield Line(begin, tuple(pieces))
            pieces, begin, used = [], start + word.start(), 0.0
        for place, (piece, wide) in enumerate(zip(drawn, widths, strict=True)):
            if pieces and used + wide > width:  # a word longer than a line
                yield Line(begin, tuple(pieces))
                pieces, begin, used = [], start + word.start() + place, 0.0
            pieces.append(piece)
            used += wide
    yield Line(begin, tuple(pieces))


def marks(lines: list[Line], first: int, last: int, left: float, top: float, size: int, pitch: float) -> list[Rectangle]:
    """The rectangles that cover characters `first` to `last` (exclusive), one a line.

    Args:
        lines: of the text.
        first: code point.
        last: code point behind the last.
        left: of the lines, in pixels.
        top: of the first line, in pixels.
        size: of the font, in pixels.
        pitch: from line to line, in pixels.

    Returns:
        (left, top, width, height) in pixels; none for a span that is not shown.
    """
    found = []
    for number, line in enumerate(lines):
        begin, end = max(first - line.start, 0), min(last - line.start, len(line.pieces))
        if begin < end:
            before = float(font(size).getlength("".join(line.pieces[:begin])))
            upto = float(font(size).getlength("".join(line.pieces[:end])))
            found.append((left + before, top + number * pitch, upto - before, pitch))
    return found
