"""The workspace: a git repository with DVC in which audits are kept, release by release (docs/adr/0005-workspace.md)."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import content, journal
from auditor import settings as settings_module
from auditor.errors import AuditorError, UsageError
from auditor.protection import policy
from auditor.tables import TABLES, present_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.protection.policy import Policy
    from auditor.settings import Settings
    from auditor.stage import Tables

WAIT_SECONDS = 10.0  # how long a second process waits for the first
MERGED = "_all"
# What stands in the folders that are replaced whole.
_OURS = {
    "measures": re.compile(r".*\.parquet|keys\.json"),
    "findings": re.compile(r"findings\.(parquet|csv)|results\.json"),
    "report": re.compile(r"report\.html|of\.json"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Workspace:
    """Where everything is in a workspace; reading it touches nothing.

    Attributes:
        root: absolute path of the folder with auditor.toml.
    """

    root: Path

    @property
    def config(self) -> Path:
        """auditor.toml."""
        return self.root / "auditor.toml"

    @property
    def state(self) -> Path:
        """.auditor: what is this machine's own."""
        return self.root / ".auditor"

    @property
    def tables(self) -> Path:
        """Canonical tables, a folder for each source."""
        return self.root / "tables"

    @property
    def measures(self) -> Path:
        """One Parquet file a measure, and keys.json."""
        return self.root / "measures"

    @property
    def findings(self) -> Path:
        """findings.parquet, findings.csv, results.json."""
        return self.root / "findings"

    @property
    def reviews(self) -> Path:
        """What people said of findings: a file a person."""
        return self.root / "reviews"

    @property
    def report(self) -> Path:
        """The report's folder."""
        return self.root / "report"

    @property
    def verdict(self) -> Path:
        """The gate's answer for the current state."""
        return self.root / "verdict.json"

    @property
    def checks(self) -> Path | None:
        """The workspace's own checks; None where there are none or they are the built-in ones (in auditor's own checkout)."""
        own = self.root / "checks"
        return own if own.is_dir() and own.resolve() != content.folder("checks").resolve() else None

    def settings(self) -> Settings:
        """The validated auditor.toml."""
        return settings_module.load(self.config)

    def policy(self) -> Policy:
        """Built-in rules for fields, with the workspace's own on top."""
        own = self.root / "policies" / "fields.toml"
        builtin = content.folder("policies") / "fields.toml"
        return policy.load(builtin, *([own] if own.is_file() and own.resolve() != builtin.resolve() else []))

    def sources(self) -> dict[str, dict[str, Any]]:
        """What was imported: name -> its note in sources/.

        Raises:
            AuditorError: a note is not JSON.
        """
        notes = {}
        for path in sorted((self.root / "sources").glob("*.json")):
            try:
                notes[path.stem] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise AuditorError(f"{path}: is not JSON", "import the source again") from error
        return notes

    def tables_folder(self) -> Path:
        """The folder with the tables of all sources: the only source's, or the merged ones.

        Raises:
            AuditorError: nothing was imported.
        """
        names = list(self.sources())
        folder = self.tables / (names[0] if len(names) == 1 else MERGED)
        if not names:
            raise AuditorError("nothing was imported into this workspace yet", "run auditor import FILE")
        if not (folder / "item.parquet").is_file():
            raise AuditorError(f"{folder}: the tables are not here", "run dvc pull (or dvc checkout), or import again")
        return folder

    def verify_ours(self, folder: Path) -> None:
        """Make sure that a folder that is about to be replaced holds nothing but what we wrote.

        Raises:
            AuditorError: it holds a file of somebody else's.
        """
        own = _OURS.get(folder.name, re.compile(r".*\.parquet"))
        there = sorted(path for path in folder.rglob("*") if not path.is_dir()) if folder.is_dir() else []
        foreign = [path for path in there if not own.fullmatch(path.name)]
        if foreign:
            what = f"{foreign[0]}: is not auditor's, and {folder.name}/ is about to be replaced"
            raise AuditorError(what, f"move it: {folder.name}/ is auditor's own folder")

    @contextlib.contextmanager
    def writing(self, what: str, wait: float = WAIT_SECONDS) -> Iterator[Path]:
        """The right to change the workspace; gives a private folder for what is being made, on the same file system.

        A killed process frees the lock by dying; what it left half-done is finished or swept away first.

        Raises:
            AuditorError: another process holds the lock for longer than `wait` seconds.
        """
        self.state.mkdir(exist_ok=True)
        with (self.state / "lock").open("a+", encoding="utf-8") as stream:
            _take(stream, self.state / "lock", wait)
            stream.seek(0)
            stream.truncate()
            stream.write(f"{what} (process {os.getpid()})\n")
            stream.flush()
            journal.recover(self.root)
            journal.sweep(self.root)
            work = self.root / journal.WORK
            work.mkdir(parents=True)
            work.chmod(0o700)
            made = Path(tempfile.mkdtemp(dir=work))
            with _kept_clean(made, self.root):
                try:
                    yield made
                finally:
                    journal.sweep(self.root)


# Waits for its parent's end, however that comes, and removes what was being made; once a journal is written it is to be finished.
_KEEPER = """
import os, shutil, sys
sys.stdin.buffer.read()
if not os.path.exists(sys.argv[2]):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@contextlib.contextmanager
def _kept_clean(folder: Path, root: Path) -> Iterator[None]:
    """See to it that a folder with clear data is gone even if this process is killed with a signal that it cannot handle."""
    keeper = subprocess.Popen(  # noqa: S603  # our own interpreter and the lines above
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(folder), str(root / journal.JOURNAL)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()


def _take(stream: Any, path: Path, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                holder = path.read_text(encoding="utf-8").strip() or "another process"
                raise AuditorError(f"the workspace is being changed by auditor {holder}", "wait until it is done") from None
            time.sleep(0.05)
        else:
            return


def find(start: Path | None = None) -> Workspace:
    """The workspace that holds `start` (the current folder when not given).

    Raises:
        UsageError: there is none above it.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "auditor.toml").is_file() and (folder / "dvc.yaml").is_file():
            return Workspace(folder)
    raise UsageError(f"{here} is in no workspace", "make one with auditor init, or go into one")


def source_name(name: str) -> str:
    """`name`, if it can name a source and so a folder.

    Raises:
        UsageError: it cannot.

    >>> source_name("batch-1")
    'batch-1'
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a source", "use letters, digits, dots, dashes and underscores: --name batch-1")
    return name


def stored_tables(folder: Path, media: Path | None = None) -> Tables:
    """The canonical tables that stand in a folder.

    Args:
        folder: with one Parquet file a table.
        media: Parquet (item_id, path) of this machine's media, or None.
    """
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    return of_paths(paths, media)


def of_paths(paths: dict[str, Path], media: Path | None) -> Tables:
    """Canonical tables wherever their files are (an old release's are in DVC's cache)."""
    import pyarrow.parquet as pq

    from auditor.stage import Tables

    rows = {name: pq.read_metadata(path).num_rows for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    return Tables(paths, rows, present, media, ())
