"""Where the app is served: a port of the loopback, and the address of a dataset."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import quote

from auditor.errors import AuditorError

# FiftyOne's own; the next free one is taken where no port is asked for.
FIRST_PORT, PORTS = 5151, 50


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
                return port
    raise AuditorError(f"port {wanted or FIRST_PORT} of 127.0.0.1 is taken", "give --port another one")
