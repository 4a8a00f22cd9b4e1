"""Runs the SQL of a check that is not ours in a child process with bounds on memory, processor time and output.

The child gets file names and SQL on standard input, opens a locked DuckDB, and writes Arrow to a file that the parent made.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

MEMORY_BYTES = 4 << 30
CPU_SECONDS = 600
OUTPUT_BYTES = 1 << 30
# `-m` would put the working folder, which may be the audited one, before the standard library: a `resource.py` in it would be
# run. `-I` leaves out that folder, PYTHONPATH and the user's own packages; what the child needs is named to it, and comes last.
_START = "import json, sys; sys.path += json.loads(sys.argv[1]); from auditor.child import main; main()"


@contextlib.contextmanager
def rows(
    sql: str,
    params: Mapping[str, Any],
    files: Mapping[str, Path],
    work: Path,
    *,
    cpu_seconds: int = CPU_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[pa.RecordBatchReader]:
    """The rows of a query, read by a bounded child process.

    Raises:
        AuditorError: the query failed or went over a bound.
    """
    import pyarrow as pa

    job = {
        "sql": sql,
        "params": dict(params),
        "files": {name: str(path.absolute()) for name, path in files.items()},
        "work": str(work.absolute()),
        "cpu_seconds": cpu_seconds,
        "memory_bytes": memory_bytes,
    }
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=work, suffix=".arrow") as output:
        job["output"] = output.name
        # The environment is not handed down: a check has no business with it, and neither has its process.
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603  # our own interpreter and module, no shell
                [sys.executable, "-I", "-c", _START, json.dumps(_packages())],
                cwd=work,
                input=json.dumps(job).encode(),
                capture_output=True,
                check=False,
                timeout=cpu_seconds * 4,  # wall time: other work may hold the processors
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise AuditorError(f"stopped after {cpu_seconds * 4} s, its bound on time", "make the check cheaper") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            reason = said[-1] if said else f"its process ended with {done.returncode} (a bound on memory, time or output)"
            raise AuditorError(reason, "see the bounds in auditor/child.py")
        with pa.OSFile(output.name) as stream, pa.ipc.open_stream(stream) as reader:
            yield reader


def _packages() -> list[str]:
    """The folders that hold this package (installed or a checkout) and those it needs."""
    import duckdb
    import pyarrow as pa

    return list(dict.fromkeys(str(Path(file).resolve().parents[1]) for file in (__file__, duckdb.__file__, pa.__file__) if file))


def main() -> None:
    """The child: bounds first, then the locked engine."""
    import resource

    job = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (job["cpu_seconds"], job["cpu_seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (job["memory_bytes"], job["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    import duckdb
    import pyarrow as pa

    from auditor.engines import duckdb as engine

    con = engine.connect(Path(job["work"]), "1GB")
    try:
        engine.lock(con, {name: Path(path) for name, path in job["files"].items()})
        reader = con.sql(job["sql"], params=job["params"]).to_arrow_reader(65_536)
        with pa.OSFile(job["output"], "wb") as sink, pa.ipc.new_stream(sink, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    except (duckdb.Error, pa.ArrowException, MemoryError, OSError) as error:
        sys.stderr.write((str(error).split("\n", 1)[0] or type(error).__name__) + "\n")
        sys.exit(1)
