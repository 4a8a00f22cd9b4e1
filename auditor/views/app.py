"""FiftyOne itself: the only file that imports it, inside functions, since the import takes ten seconds and connects to a database.

Settings are given by environment before the import: our database, our folders, no tracking, no settings of the user's home.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

DATABASE = "label_auditor"
_FOLDERS = ("DEFAULT_DATASET_DIR", "DATASET_ZOO_DIR", "MODEL_ZOO_DIR", "PLUGINS_DIR")
_CONFIGS = ("", "APP_", "ANNOTATION_", "EVALUATION_")
_NOT_OURS = ("FIFTYONE_PRIVATE_DATABASE_PORT", "FIFTYONE_MODULE_PATH", "FIFTYONE_ALLOWED_ORIGINS", "FIFTYONE_SERVER")
# In place of a URI, while this process has left its database.
_LEFT = "mongodb://left.invalid"
# What the app's pages may ask for: nothing but this server. They would ask for web fonts, maps and the maker's tracker.
_HERE = "'self' data: blob:"
CONTENT_POLICY = (
    f"default-src {_HERE}; script-src {_HERE} 'unsafe-inline' 'unsafe-eval'; style-src {_HERE} 'unsafe-inline'; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'self'"
)


def environment(uri: str, folder: Path) -> dict[str, str]:
    """The environment in which FiftyOne must be imported, on top of the process's own; "" takes a variable away."""
    home = folder.resolve() / "fiftyone"
    return {
        "FIFTYONE_DATABASE_URI": uri,
        "FIFTYONE_DATABASE_NAME": os.environ.get("FIFTYONE_DATABASE_NAME", DATABASE),
        "FIFTYONE_DATABASE_DIR": str(folder.resolve() / "db"),
        "FIFTYONE_DO_NOT_TRACK": "1",
        "FIFTYONE_LOGGING_LEVEL": "ERROR",
        "FIFTYONE_SHOW_PROGRESS_BARS": "0",
        # It watches for changes, which only a replica set tells.
        "FIFTYONE_EXECUTION_STORE_NOTIFICATION_SERVICE_DISABLED": "true",
        **{f"FIFTYONE_{name}": str(home / name.lower()) for name in _FOLDERS},
        # Files that do not exist: settings of the user's other work have no say here.
        **{f"FIFTYONE_{name}CONFIG_PATH": str(home / f"{name.lower()}config.json") for name in _CONFIGS},
        **dict.fromkeys(_NOT_OURS, ""),
    }


def load(uri: str, folder: Path) -> Any:
    """Import FiftyOne on a database; the process's environment stays as it is.

    Raises:
        AuditorError: it is not installed, or this process has it on another database.
    """
    known = sys.modules.get("fiftyone")
    if known is not None:
        return _again(known, uri)
    home = folder.resolve() / "fiftyone"
    # While it is imported, for it looks once: FiftyOne writes a tracker's id into the home, tracking or not; matplotlib, which it
    # imports, makes a folder there.
    homes = {"HOME": str(home), "MPLCONFIGDIR": str(home / "matplotlib")}
    try:
        with _environment(environment(uri, folder) | homes), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it imports; they are its own concern
            import fiftyone as fo
    except ModuleNotFoundError as error:
        raise AuditorError("fiftyone is not installed", 'pip install "label-auditor[views]"') from error
    return fo


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    try:
        for name, value in settings.items():
            _put(name, value or None)
        yield
    finally:
        for name, old in before.items():
            _put(name, old)


def _put(name: str, value: str | None) -> None:
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


def leave(fo: Any) -> None:
    """Close FiftyOne's connections: with the database gone it would wait for it half a minute, at this process's end."""
    with contextlib.suppress(AttributeError):
        fo.core.odm.database._disconnect()  # noqa: SLF001  # there is no public way
        fo.config.database_uri = _LEFT


def _again(fo: Any, uri: str) -> Any:
    """FiftyOne on another database of ours, after `leave`; it connects when it is used."""
    if fo.config.database_uri not in {uri, _LEFT}:
        raise AuditorError(
            "this process has FiftyOne on another database", "start a new process: FiftyOne connects once, when it is imported"
        )
    if fo.config.database_uri == _LEFT:
        fo.config.database_uri = uri
        fo.core.odm.database._connect()  # noqa: SLF001
    return fo


def serve(fo: Any, uri: str, folder: Path, port: int, ready: Callable[[], None]) -> None:
    """Serve the app on the loopback until Ctrl-C or SIGTERM, in this process: another one would import everything again.

    Args:
        fo: FiftyOne on the database.
        uri: of the database.
        folder: where the server's log goes.
        port: a free one.
        ready: called when it answers.
    """
    import asyncio
    import logging

    from hypercorn.asyncio import serve as run
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 0.5  # its pages hold connections open for as long as they are shown
    config.errorlog = str(folder / "app.log")
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every page that was closed

    async def both() -> None:
        announced = asyncio.create_task(_announce(port, ready))
        await run(Guard(app, port), config)
        announced.cancel()

    cached = fo.config.singleton_cache
    with _environment({**environment(uri, folder), "FIFTYONE_SERVER": "1"}):
        fo.config.singleton_cache = False  # as FiftyOne's own server does: a page sees what was changed elsewhere
        try:
            from fiftyone.server.app import app
            from fiftyone.server.events import set_port

            set_port(port)
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(both())
        finally:
            fo.config.singleton_cache = cached


async def _announce(port: int, ready: Callable[[], None]) -> None:
    import asyncio

    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.05)
    ready()


class Guard:
    """Stands before FiftyOne's server: answers its own pages only, and lets them ask nobody else.

    The app asks nobody for a password, changes what it is told to change and serves every file that its user may read. Without
    this, any web page could ask it: by a host name of its own that resolves to 127.0.0.1 (DNS rebinding), or by forms and pictures.
    """

    def __init__(self, app: Any, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    def answers(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request is from the app's own pages, from a person who follows a link, or from no browser at all."""
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", b"none")
        own = origin is None or origin.removeprefix(b"http://") in self.hosts
        led = site in {b"none", b"same-origin"} or headers.get(b"sec-fetch-mode") == b"navigate"
        return headers.get(b"host") in self.hosts and own and led

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if not self.answers(dict(scope["headers"])):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            else:
                await send({"type": "http.response.start", "status": 421, "headers": [(b"content-type", b"text/plain")]})
                await send({"type": "http.response.body", "body": b"ask for 127.0.0.1, from a page of its own"})
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", CONTENT_POLICY.encode())]
            await send(message)

        await self.app(scope, receive, answer)
