"""Where the tables came from: each source's name, digest, size, format and mapping, for the verdict."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from auditor.files import sha256_file
from auditor.media import kind

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.stage import Source


def describe(source: Source, format_name: str) -> dict[str, Any]:
    """What the verdict says of a source and of the files given with it."""
    described: dict[str, Any] = {"file": source.path.name, "format": format_name, "sha256": digest(source.path)}
    if source.mapping:
        described["mapping"] = dict(source.mapping)
    for name in ("gold", "predictions", "classes"):
        path = getattr(source, name)
        if path is not None:
            described[name] = {"file": path.name, "sha256": digest(path)}
    return described


def digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, over the names and digests of its files in sorted order, media aside.

    Media are digested one by one in `item.sha256`.
    """
    if not path.is_dir():
        return sha256_file(path)
    whole = hashlib.sha256()
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file() and kind(entry.name) in {None, "text"}):
        name = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
        whole.update(len(name).to_bytes(8, "big") + name + bytes.fromhex(sha256_file(file)))
    return whole.hexdigest()
