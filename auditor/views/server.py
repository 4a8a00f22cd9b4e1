"""The app's server: a process of its own on the loopback, that ends when we do."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditor.errors import AuditorError
from auditor.views import app, mongod

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

# FiftyOne's own; the next free one is taken where no port is asked for.
FIRST_PORT, PORTS = 5151, 50
# Its import takes 5 to 15 s.
START_SECONDS = 120.0


def url(port: int, slug: str) -> str:
    """Where a dataset is shown.

    >>> url(5151, "my-data")
    'http://127.0.0.1:5151/datasets/my-data'
    """
    return f"http://127.0.0.1:{port}/datasets/{quote(slug)}"


def free_port(wanted: int | None) -> int:
    """The port that is asked for, else the first free one.

    Raises:
        AuditorError: it is taken.
    """
    for port in [wanted] if wanted is not None else range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise AuditorError(f"port {wanted or FIRST_PORT} of 127.0.0.1 is taken", "give --port another one")


@contextlib.contextmanager
def running(
    uri: str, folder: Path, slug: str, port: int | None, progress: Callable[[str, int, int | None], None]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The server for as long as the block lasts; gives the dataset's URL and the process.

    Args:
        uri: of the database.
        folder: where the database is.
        slug: the dataset's, as FiftyOne makes it of its name.
        port: the port, or None.
        progress: called with (what, done, total).
    """
    chosen = free_port(port)
    # Its own home: FiftyOne writes a tracker's id into it, tracking or not.
    home = folder / "fiftyone"
    home.mkdir(exist_ok=True)
    settings = {**app.environment(uri, folder), "HOME": str(home)}
    env = {name: value for name, value in {**os.environ, **settings}.items() if value or name not in settings}
    log = folder / "app.log"
    kept = mongod.keep([sys.executable, "-c", f"from auditor.views import app; app.serve({chosen})"], log=log, env=env)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(chosen):
            progress("starting the app", 0, None)
            if kept.process.poll() is not None or time.monotonic() > deadline:
                raise AuditorError("the app's server did not start", f"its log is {log}")
            time.sleep(0.1)
        yield url(chosen, slug), kept.process
    finally:
        kept.stop()


def _answers(port: int) -> bool:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asked.request("GET", "/fiftyone")
        return asked.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        asked.close()
