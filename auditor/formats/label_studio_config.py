"""Label Studio's labelling configuration: which labels each control offers, and which key of the data each object shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.formats.xmltree import Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("label_config.xml", "config.xml")
_TYPES = {
    "RectangleLabels": "box",
    "EllipseLabels": "box",
    "VideoRectangle": "box",
    "PolygonLabels": "polygon",
    "BrushLabels": "mask",
    "KeyPointLabels": "keypoints",
    "HyperTextLabels": "span",
    "Choices": "class",
    "Taxonomy": "class",
}
_MEDIA = {"Image": "image", "Audio": "audio", "AudioPlus": "audio", "Video": "video", "Text": "text", "HyperText": "text"}


@dataclass(frozen=True)
class Config:
    """A labelling configuration.

    Attributes:
        ontology: rows of `ontology`.
        values: keys of the data that are shown, in order.
        media: key of the data -> medium.
    """

    ontology: tuple[dict[str, Any], ...] = ()
    values: tuple[str, ...] = ()
    media: dict[str, str] = field(default_factory=dict)


def read_config(folder: Path) -> Config:
    """The configuration beside an export; an empty one where there is none.

    Raises:
        InputError: it is there and is not plain XML.
    """
    file = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
    if file is None:
        return Config()
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    media: dict[str, str] = {}
    for node in _walk(parse(file)):
        name, shown = node.attributes.get("name"), node.attributes.get("value", "")
        if node.tag in _MEDIA and shown.startswith("$"):
            media.setdefault(shown[1:], _MEDIA[node.tag])
        if name is not None and "toName" in node.attributes:
            single = node.tag == "Choices" and not node.attributes.get("choice", "single").startswith("multiple")
            for label, broader in _labels(node, ""):
                row = {"task": name, "label": label, "parent": broader or None, "type": _TYPES.get(node.tag), "exclusive": single}
                rows.setdefault((name, label), row)
    return Config(tuple(rows.values()), tuple(media), media)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _labels(node: Node, above: str) -> Iterator[tuple[str, str]]:
    """(label, broader label) of a control; labels that come from each item's data ($name) are not known here."""
    for child in node.children:
        if child.tag in {"Label", "Choice"}:
            label = child.attributes.get("alias") or child.attributes.get("value", "")
            if label and not label.startswith("$"):
                path = f"{above}/{label}" if above else label
                yield path, above
                yield from _labels(child, path)
        else:
            yield from _labels(child, above)
