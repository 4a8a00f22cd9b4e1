"""git, asked by its command line; and what a failed act puts back as it was."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from auditor.errors import AuditorError
from auditor.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def answer(root: Path, *words: str) -> tuple[int, str]:
    """The exit code and what a git command prints; 127 where it cannot be run: without git nothing is tracked, and nobody named."""
    try:
        done = _run(root, words)
    except OSError:
        return 127, ""
    return done.returncode, done.stdout.strip()


def git(root: Path, *words: str, check: bool = True) -> str:
    """What a git command prints.

    Raises:
        AuditorError: it failed, and `check` is set.
    """
    try:
        done = _run(root, words)
    except FileNotFoundError as error:
        raise AuditorError("git is not installed", "install git") from error
    if check and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        silent = f"ended with exit code {done.returncode} and said nothing: a hook in {root}?"
        anonymous = any(word in done.stderr for word in ("user.email", "empty ident", "auto-detect email"))
        hint = "set git config user.name and user.email" if anonymous else ""
        raise AuditorError(f"git {words[0]}: {said[-1] if said else silent}", hint)
    return done.stdout.strip()


def _run(root: Path, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607  # the PATH's


@contextlib.contextmanager
def undone_on_failure(root: Path, files: Iterable[Path], tag: str) -> Iterator[None]:
    """If what is done inside fails, the files, the index, the branch and the tag are put back as they were.

    Args:
        root: a folder of a git repository.
        files: whatever is written there; one that is not there is removed again.
        tag: a tag that is not there.
    """
    index = root / git(root, "rev-parse", "--git-path", "index")
    before = {path: path.read_bytes() if path.is_file() else None for path in (*files, index)}
    head = _commit(root, "HEAD")
    try:
        yield
    except BaseException:
        git(root, "update-ref", "-d", f"refs/tags/{tag}", check=False)
        made = _commit(root, "HEAD")
        if made != head:
            # Only the branch goes back; the old value is named, so that a commit of somebody else's stays.
            words = ["update-ref", "HEAD", head, made] if head else ["update-ref", "-d", "HEAD", made]
            git(root, *words, check=False)
        for path, data in before.items():
            _restore(path, data)
        raise


def _commit(root: Path, name: str) -> str:
    return git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)


def _restore(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != data:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
