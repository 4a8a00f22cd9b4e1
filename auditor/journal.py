"""Several renames as one act: a list of them is written first, and whoever comes next finishes what a killed process left.

State rules:

- New files and folders are made whole under `.auditor/work/`, on the same file system as their targets, and synced.
- `journal.json` names every rename; it is there from before the first rename to after the last. Before it is there nothing has
  happened; once it is there all of it will.
- `recover` runs under the workspace's lock only; a rename that was already done (its new name is gone) is passed over.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import AuditorError
from auditor.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JOURNAL = ".auditor/journal.json"
_TRASH = ".auditor/trash"
WORK = ".auditor/work"


def commit(root: Path, moves: Mapping[Path, Path], removals: Iterable[Path] = ()) -> None:
    """Rename each key of `moves` to its value and remove `removals`: all of it, even if this process is killed on the way.

    Args:
        root: the workspace.
        moves: new file or folder -> target; what stands at the target is replaced.
        removals: files or folders that shall be gone.

    Raises:
        AuditorError: a new file is not there.
    """
    for new in moves:
        if not new.exists():
            raise AuditorError(f"{new}: is gone before it could be put in place", "was something else clearing the workspace?")
        _sync_tree(new)
    body = {
        "moves": [[os.path.relpath(new, root), os.path.relpath(target, root)] for new, target in moves.items()],
        "removals": [os.path.relpath(path, root) for path in removals],
    }
    write_text(root / JOURNAL, json.dumps(body, indent=1) + "\n")
    recover(root)


def recover(root: Path) -> bool:
    """Finish a journal that was left behind; says whether there was one.

    Raises:
        AuditorError: the journal cannot be read, or names something outside the workspace.
    """
    journal = root / JOURNAL
    try:
        body = json.loads(journal.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError as error:
        raise AuditorError(
            f"{journal}: is no journal", "look at what stands under .auditor/work, then remove the journal"
        ) from error
    for new_name, target_name in body["moves"]:
        new, target = _inside(root, new_name), _inside(root, target_name)
        if new.exists():
            _discard(root, target)
            target.parent.mkdir(parents=True, exist_ok=True)
            new.rename(target)
            _sync(target.parent)
    for name in body["removals"]:
        _discard(root, _inside(root, name))
    journal.unlink()
    _sync(journal.parent)
    shutil.rmtree(root / _TRASH, ignore_errors=True)
    return True


def sweep(root: Path) -> None:
    """Remove what killed processes left half-made; only under the lock."""
    for name in (WORK, _TRASH):
        shutil.rmtree(root / name, ignore_errors=True)


def _inside(root: Path, name: str) -> Path:
    path = root / name
    if not Path(os.path.normpath(path)).is_relative_to(root):
        raise AuditorError(f"{root / JOURNAL}: names {name}, which is outside the workspace", "remove the journal")
    return path


def _discard(root: Path, path: Path) -> None:
    if path.exists() or path.is_symlink():
        trash = root / _TRASH
        trash.mkdir(parents=True, exist_ok=True)
        path.rename(trash / uuid.uuid4().hex)


def _sync_tree(path: Path) -> None:
    if path.is_dir():
        for entry in path.iterdir():
            _sync_tree(entry)
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
