"""Files written all or nothing: a temporary file beside the target, fsync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes its place, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        # mkstemp makes 0600; an output is as readable as the user's umask says.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, all or nothing, whose bytes are never more readable than `mode`.

    Raises:
        FileExistsError: there is a file already: it stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        try:
            # A link, not a rename: it refuses to take the place of a file that is there.
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without links.
            if path.exists():
                raise FileExistsError(path) from None
            temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file in which no key stands twice.

    Args:
        path: the file.
        what: what it should be, for the error: "a grant".

    Raises:
        InputError: it cannot be read, is not JSON, or says something twice.
    """
    try:
        return parse_json(path.read_bytes())
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", f"give {what}") from error
    except ValueError as error:
        raise InputError(path, "", f"is not {what}: {error}", "restore it from version control, or make it again") from error


def parse_json(data: bytes) -> Any:
    """JSON of which every reader understands the same.

    Raises:
        ValueError: no JSON, a key that stands twice, or a number that JSON does not have.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key stands twice")
        return found

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no number in JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inside(root: Path, name: str) -> Path | None:
    """The file `name` under `root`, or None where it would lie outside (.., absolute, a link out).

    >>> inside(Path("/data"), "../etc/passwd") is None
    True
    """
    if "\0" in name:
        return None
    base = root.resolve()
    candidate = (base / name).resolve()
    return candidate if candidate.is_relative_to(base) else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
