"""Where the content folders (checks, policies, reports) are: in the wheel, else in the checkout."""

from __future__ import annotations

from pathlib import Path

from auditor.errors import AuditorError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder of built-in content called `name`.

    Args:
        name: "checks", "policies" or "reports".

    Raises:
        AuditorError: the installation lacks it.

    >>> folder("checks").is_dir()
    True
    """
    for base in (_PACKAGE, _PACKAGE.parent):
        if (path := base / name).is_dir():
            return path
    raise AuditorError(f"the folder {name!r} is missing from the installation", "reinstall label-auditor")
