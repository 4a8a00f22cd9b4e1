"""Where an audit's files go: a folder that is new, empty, ours, or at least holds nothing that ours would replace.

State rules:

- Ours is a folder whose verdict.json says so. In it our own files are replaced, and nothing else is touched.
- Everything is looked at before the work begins, and again before the first file is moved.
- A new folder appears whole, by one rename; in an older one the verdict comes last: where it is new, so is all that it speaks of.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import scratch, stopping
from auditor.errors import AuditorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILES = ("findings.parquet", "findings.csv", "timings.json", "report.html", "verdict.json")
MEASURES = "measures"
_FORMAT = "label-auditor/verdict/"
_MAX_VERDICT = 64 << 20  # bytes
_ELSEWHERE = "choose another --out folder"


@contextlib.contextmanager
def working(out: Path, reads: Iterable[Path]) -> Iterator[Path]:
    """A private folder on the file system of `out` in which its files can be made.

    Args:
        out: where they will go; nothing is made or removed there.
        reads: files and folders that the audit reads, and so must not overwrite.

    Raises:
        UsageError: `out` cannot be made, holds what is not ours in the places of our files, or is itself read.
    """
    reads = list(reads)
    verify(out, reads)
    parent = out.resolve().parent
    made = []
    try:
        for folder in reversed([one for one in (parent, *parent.parents) if not one.exists()]):
            _make(folder, out)
            made.append(folder)
        with scratch.folder(parent) as work:
            yield work
    except BaseException as error:
        # A run that fails leaves no trace; a folder that somebody else put something into stays.
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError) and error.filename is not None and Path(os.fsdecode(error.filename)).parent == parent:
            raise UsageError(f"{out}: cannot be made: {error.strerror}", _ELSEWHERE) from error
        raise


def _make(folder: Path, out: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise UsageError(f"{out}: cannot be made: {error.strerror}", _ELSEWHERE) from error


def verify(out: Path, reads: Iterable[Path] = ()) -> None:
    """Raise UsageError where the files of an audit cannot go to `out` without harm to what is there."""
    try:
        target = out.resolve()
        for read in reads:
            _keep(out, target, read.resolve())
        if not os.path.lexists(target):
            _makeable(out, target)
        elif not target.is_dir():
            raise UsageError(f"{out}: is a file, not a folder", _ELSEWHERE)
        elif not os.access(target, os.W_OK | os.X_OK):
            raise UsageError(f"{out}: cannot be written to", _ELSEWHERE)
        else:
            _verify_contents(out, target)
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, a loop of links, a NUL in it
        raise UsageError(f"{out}: cannot be used: {getattr(error, 'strerror', None) or error}", _ELSEWHERE) from error


def _makeable(out: Path, target: Path) -> None:
    first = next(folder for folder in target.parents if os.path.lexists(folder))
    if not first.is_dir():
        raise UsageError(f"{out}: {first} is a file, not a folder", _ELSEWHERE)
    if not os.access(first, os.W_OK | os.X_OK):
        raise UsageError(f"{out}: nothing can be made in {first}", _ELSEWHERE)
    limit = os.pathconf(first, "PC_NAME_MAX")
    # Temporary files beside a file have a few letters more than its name; these are the names that will be made.
    if any(len(os.fsencode(part)) > limit for part in target.relative_to(first).parts):
        raise UsageError(f"{out}: a name in it is longer than {limit} bytes", "choose a shorter --out folder")


def _keep(out: Path, target: Path, read: Path) -> None:
    """What is audited is not overwritten."""
    if read == target:
        raise UsageError(f"{out}: is what is audited, and cannot take the results as well", _ELSEWHERE)
    if any(read == target / name for name in FILES) or read.is_relative_to(target / MEASURES):
        raise UsageError(f"{out}: the results would replace {read.name}, which is audited", _ELSEWHERE)


def _verify_contents(out: Path, target: Path) -> None:
    names = [name for name in (*FILES, MEASURES) if os.path.lexists(target / name)]
    if names and not _ours(target / "verdict.json"):
        raise UsageError(f"{out}: holds {names[0]}, and no verdict.json says that auditor made it: it is left as it is", _ELSEWHERE)
    for name in names:
        mode = (target / name).lstat().st_mode
        if name == MEASURES and not stat.S_ISDIR(mode):
            raise UsageError(f"{out}: its {name} is no folder of its own", f"remove it, or {_ELSEWHERE}")
        if name != MEASURES and not stat.S_ISREG(mode):
            raise UsageError(f"{out}: its {name} is no plain file", f"remove it, or {_ELSEWHERE}")
    for path in _measures(target):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise UsageError(f"{out}: its {MEASURES}/{path.name} is no plain file", f"remove it, or {_ELSEWHERE}")


def is_audit(folder: Path) -> bool:
    """Whether a folder holds an audit of ours."""
    return _ours(folder / "verdict.json")


def _ours(verdict: Path) -> bool:
    try:
        about = verdict.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_VERDICT:
            return False
        said = json.loads(verdict.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and str(said.get("format", "")).startswith(_FORMAT)


def _measures(folder: Path) -> list[Path]:
    inner = folder / MEASURES
    return sorted(inner.glob("*.parquet")) if inner.is_dir() and not inner.is_symlink() else []


def deliver(made: Path, out: Path, reads: Iterable[Path] = ()) -> None:
    """Put the finished files of `made` into `out`.

    Raises:
        UsageError: as `verify`; nothing was moved then.
        AuditorError: the disk refused in the middle.
    """
    stopping.check()
    verify(out, reads)
    target = out.resolve()
    try:
        if not target.exists():
            made.rename(target)
            return
        for old in _measures(target):
            old.unlink()
        fresh = _measures(made)
        if fresh:
            (target / MEASURES).mkdir(exist_ok=True)
        elif (target / MEASURES).is_dir():
            with contextlib.suppress(OSError):  # somebody keeps something of their own in it
                (target / MEASURES).rmdir()
        for path in fresh:
            path.replace(target / MEASURES / path.name)
        for path in sorted(made.iterdir(), key=lambda path: path.name == "verdict.json"):
            if path.is_file():
                path.replace(target / path.name)
    except OSError as error:
        reason = f"{out}: the results could not be put in place: {error.strerror}"
        raise AuditorError(reason, "make room in the folder, and run it again") from error
