"""Small XML files that are not trusted, as a tree: no document types, no entities, nothing from outside the file, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from auditor.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_XML = 16 << 20  # bytes; the annotations of one image have a few KB
_MAX_DEPTH = 32
_HINT = "export the file again"


class Node:
    """An XML element: its tag, attributes, text and children."""

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str] | None = None) -> None:
        self.tag, self.text, self.attributes = tag, "", attributes or {}
        self.children: list[Node] = []

    def get(self, tag: str) -> str | None:
        """The trimmed text of the first child with this tag, or None."""
        return next((child.text.strip() or None for child in self.children if child.tag == tag), None)

    def all(self, tag: str) -> list[Node]:
        """The children with this tag."""
        return [child for child in self.children if child.tag == tag]


def parse(file: Path) -> Node:
    """An XML file as a small tree, without document types, entities or anything from outside the file.

    Raises:
        InputError: it cannot be opened, is too large, too deep, or not plain XML; names line and column.
    """
    try:
        if (size := file.stat().st_size) > MAX_XML:
            raise InputError(file, "", f"{size:,} bytes are too many for one image's annotations", _HINT)
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            file, "", f"cannot be opened: {getattr(error, 'strerror', None) or error}", "check the path and its permissions"
        ) from error
    top = Node("")
    stack = [top]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def place() -> str:
        return f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber + 1}"

    def refuse(*_: Any) -> None:
        raise InputError(
            file, place(), "a document type or entity is declared, which is not allowed", "remove the <!DOCTYPE …> declaration"
        )

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > _MAX_DEPTH:
            raise InputError(file, place(), f"nested deeper than {_MAX_DEPTH} levels", _HINT)
        node = Node(tag, attributes)
        stack[-1].children.append(node)
        stack.append(node)

    def text(data: str) -> None:
        stack[-1].text += data

    def end(_tag: str) -> None:
        stack.pop()

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        what = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else "its encoding is not known"
        raise InputError(file, place(), f"not XML: {what}", _HINT) from error
    return top.children[0]
