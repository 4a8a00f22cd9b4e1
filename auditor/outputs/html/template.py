"""The page's frame: templates with autoescape on, and a content policy that names the page's own style and script by digest."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor import content
from auditor.outputs.escape import visible
from auditor.outputs.html.findings import number
from auditor.outputs.number import percent, plural, severities

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Jinja over `reports/`: every value is escaped, an undefined one is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(content.folder("reports")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters |= {"number": number, "visible": visible, "percent": percent, "plural": plural, "px": px, "severities": severities}
    return made


def render(name: str, **values: Any) -> str:
    """One template as text."""
    return environment().get_template(name).render(**values)


def asset(name: str) -> str:
    """The text of the style sheet or the script.

    Raises:
        ValueError: it holds "</", which would end its element early.
    """
    text = "\n" + (content.folder("reports") / name).read_text(encoding="utf-8").strip() + "\n"
    if "</" in text:
        raise ValueError(f"{name} holds '</'")
    return text


def digest(text: str) -> str:
    """A source expression for a content security policy.

    >>> digest("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def px(value: float) -> str:
    """A coordinate for SVG, without noise.

    >>> px(12.0), px(1.25)
    ('12', '1.2')
    """
    return f"{round(value, 1):.10g}"
