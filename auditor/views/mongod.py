"""The database under FiftyOne: a MongoDB server that is ours alone, in a folder of ours, gone when we are.

It listens on a socket file in a folder that only its owner may enter, on no port: MongoDB keeps what it gets in clear and asks
nobody for a password. A lock says whose the folder is; a killed process frees it, and its server is ended by its keeper.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from auditor.errors import AuditorError, UsageError
from auditor.files import write_text
from auditor.views import keeper

if TYPE_CHECKING:
    from collections.abc import Iterator

URI_VARIABLE = "FIFTYONE_DATABASE_URI"
# A start takes 0.2 to 1 s; recovery after a crash takes longer.
START_SECONDS = 60.0
# A server whose process was killed needs a moment to write its last pages.
_ORPHAN_SECONDS = keeper.PATIENCE + 5.0
# sockaddr_un holds 104 to 108 bytes.
_MAX_SOCKET_PATH = 100
_CACHE_GB = "0.5"


@dataclass(frozen=True)
class Kept:
    """A program that ends when we do: close `pipe` to end it."""

    process: subprocess.Popen[bytes]
    pipe: IO[bytes]

    def stop(self) -> None:
        """End it and wait until it has ended."""
        with contextlib.suppress(OSError):
            self.pipe.close()
        try:
            self.process.wait(keeper.PATIENCE + 2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def keep(command: list[str], folder: Path, log: Path) -> Kept:
    """Start a program that ends when this process does.

    Args:
        command: the program and its arguments.
        folder: removed when it has ended.
        log: where its output goes.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own keeper
            [sys.executable, "-I", "-S", keeper.__file__, str(folder), *command],
            stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None
    return Kept(process, process.stdin)


def find(configured: Path | None = None) -> Path:
    """The mongod to run: the configured one, else the one that comes with FiftyOne, else the one in PATH.

    Raises:
        UsageError: the configured one is no program.
        AuditorError: there is none.
    """
    if configured is not None:
        if not (configured.is_file() and os.access(configured, os.X_OK)):
            raise UsageError(f"{configured}: there is no program here", "give --mongod the path of a mongod")
        return configured
    # Found without importing it: an import would connect to a database.
    spec = find_spec("fiftyone")
    for place in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(place) / "db" / "bin" / "mongod"
        if bundled.is_file() and os.access(bundled, os.X_OK):
            return bundled
    in_path = shutil.which("mongod")
    if in_path:
        return Path(in_path)
    raise AuditorError(
        "no mongod was found, and FiftyOne keeps its samples in one",
        f'pip install "label-auditor[views]" brings one on Linux x86-64; else give --mongod PATH, or set {URI_VARIABLE}',
    )


def prepared(folder: Path) -> Path:
    """The folder, absolute, there, for its owner only and not for git."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not (folder / ".gitignore").exists():
        write_text(folder / ".gitignore", "# what FiftyOne shows, in clear: for this machine only\n*\n")
    return folder


@contextlib.contextmanager
def running(folder: Path, configured: Path | None = None, *, share: bool = False) -> Iterator[str]:
    """A database for as long as the block lasts; gives its URI.

    Args:
        folder: where the data stay; made if need be, for its owner only.
        configured: the mongod to run.
        share: where another process of ours has the folder open, use its server instead of refusing.

    Raises:
        AuditorError: there is no mongod, it does not start, or another process has the folder open.
    """
    given = os.environ.get(URI_VARIABLE)
    if given:
        yield given
        return
    folder = prepared(folder)
    state = folder / "mongod.json"
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            yield _shared(folder, state, error, share=share)
            return
        _end_orphan(folder, state)
        kept, uri = _start(folder, find(configured), state)
        try:
            yield uri
        finally:
            kept.stop()
            state.unlink(missing_ok=True)


def _shared(folder: Path, state: Path, error: OSError, *, share: bool) -> str:
    """The URI of the server that another process runs in this folder."""
    known = _read(state)
    if share and known and _answers(known["socket"]):
        return _uri(known["socket"])
    owner = f"process {known['owner']}" if known else "another process"
    raise AuditorError(f"{folder} is open in {owner}", "close that one first, or give --folder another folder") from error


def _start(folder: Path, program: Path, state: Path) -> tuple[Kept, str]:
    data = folder / "db"
    data.mkdir(exist_ok=True)
    sockets = Path(tempfile.mkdtemp(prefix="auditor-"))
    if len(str(sockets)) + len("/mongod.sock") > _MAX_SOCKET_PATH:
        sockets.rmdir()
        sockets = Path(tempfile.mkdtemp(prefix="auditor-", dir="/tmp"))  # mkdtemp makes it 0700
    address = sockets / "mongod.sock"
    log = folder / "mongod.log"
    log.unlink(missing_ok=True)  # MongoDB would rename it, and keep one for every start
    kept = keep(
        [str(program), "--dbpath", str(data), "--bind_ip", str(address), "--unixSocketPrefix", str(sockets), "--port", "27017",
         "--pidfilepath", str(folder / "mongod.pid"), "--logpath", str(log), "--quiet",
         "--wiredTigerCacheSizeGB", _CACHE_GB, "--setParameter", "diagnosticDataCollectionEnabled=false"],
        folder=sockets, log=folder / "mongod.out",
    )  # fmt: skip
    try:
        write_text(state, json.dumps({"owner": os.getpid(), "keeper": kept.process.pid, "socket": str(address)}) + "\n")
        _await(kept, str(address), program, folder)
    except BaseException:
        kept.stop()
        state.unlink(missing_ok=True)
        raise
    return kept, _uri(str(address))


def _await(kept: Kept, address: str, program: Path, folder: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while not _answers(address):
        if kept.process.poll() is not None or time.monotonic() > deadline:
            raise AuditorError(f"{program} did not start: {_last_words(folder)}", f"its log is {folder / 'mongod.log'}")
        time.sleep(0.02)


def _uri(address: str) -> str:
    """A URI of a socket file.

    >>> _uri("/run/m.sock")
    'mongodb://%2Frun%2Fm.sock'
    """
    return f"mongodb://{quote(address, safe='')}"


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def _read(state: Path) -> dict[str, str] | None:
    try:
        known = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) and {"owner", "socket"} <= known.keys() else None


def _end_orphan(folder: Path, state: Path) -> None:
    """Where an owner was killed, wait for its server to end, and end it if need be; then forget it."""
    try:
        number = int((folder / "mongod.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        number = 0
    deadline = time.monotonic() + _ORPHAN_SECONDS
    asked = False
    while number and _is_ours(number, folder / "db"):
        if time.monotonic() > deadline:
            os.kill(number, signal.SIGKILL)
        elif not asked and time.monotonic() > deadline - _ORPHAN_SECONDS + 2.0:
            os.kill(number, signal.SIGTERM)
            asked = True
        time.sleep(0.05)
    known = _read(state)
    if known and Path(known["socket"]).parent.name.startswith("auditor-"):
        shutil.rmtree(Path(known["socket"]).parent, ignore_errors=True)
    state.unlink(missing_ok=True)
    (folder / "mongod.pid").unlink(missing_ok=True)


def _is_ours(number: int, data: Path) -> bool:
    """Whether this process is a server on our folder: a number alone may by now be anybody's."""
    import psutil  # comes with fiftyone

    try:
        process = psutil.Process(number)
        return str(data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _last_words(folder: Path) -> str:
    """The last error of MongoDB's log, which is JSON, or what it wrote before it had a log."""
    with contextlib.suppress(OSError):
        for line in reversed((folder / "mongod.log").read_text(encoding="utf-8", errors="replace").splitlines()):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if entry["s"] in {"F", "E"}:
                    return str(entry.get("attr", {}).get("error") or entry["msg"])[:300]
    with contextlib.suppress(OSError, IndexError):
        return (folder / "mongod.out").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1][:300]
    return "it says nothing"
