"""A contract asked in one go: of sources, imported and opened under the policy as an audit does, or of a workspace's tables."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import content, contract, formats, opening, suite, workspace
from auditor.engines import duckdb as engine
from auditor.errors import UsageError
from auditor.files import replacing
from auditor.protection import policy
from auditor.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.breach import Contract
    from auditor.stage import Source

_SILENT: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None  # noqa: E731  # progress that nobody watches


def run(
    name: str,
    sources: Sequence[Source],
    *,
    media: Path | None = None,
    policy_file: Path | None = None,
    key_file: Path | None = None,
    findings: Path | None = None,
    data_docs: Path | None = None,
    progress: Callable[[str, int, int | None], None] = _SILENT,
) -> list[Contract]:
    """Ask one suite, or all built-in ones.

    Args:
        name: a suite's file, a built-in suite's name, or "all".
        sources: what to import; the workspace around the current folder where there are none.
        media: the folder with the items' files.
        policy_file: a fields.toml on top of the built-in one.
        key_file: the key of pseudonyms.
        findings: where the findings go, or None.
        data_docs: where Great Expectations' own pages go, or None.
        progress: called with what, done, total.

    Returns:
        A contract for each suite.

    Raises:
        UsageError: there is no such suite.
        AuditorError: a suite or a source cannot be read, or Great Expectations is not installed.
    """
    paths = suite.find(name)
    if not sources and (policy_file or key_file or media):
        raise UsageError("a workspace has its own policy, key and media", "name a source, or leave these options out")
    progress("reading the contract", 0, None)
    suites = [contract.load(path) for path in paths]
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auditor-contract-")))
        if sources:
            files, hidden = _imported(sources, work, media, policy_file, key_file, progress)
        else:
            at = stack.enter_context(opening.opened(workspace.find(), work, progress))
            files, hidden = dict(at.session.tables.paths), at.session.hidden
        done = []
        pages: list[contract.Page] | None = [] if data_docs else None
        for number, one in enumerate(suites):
            progress("asking", number, len(suites))
            done.append(contract.run(one, files, hidden=hidden, work=work, pages=pages))
        progress("asking", len(suites), len(suites))
        if findings:
            _write(done, findings)
        if data_docs and pages:
            contract.write_docs(pages, data_docs)
    return done


def _imported(
    sources: Sequence[Source],
    work: Path,
    media: Path | None,
    policy_file: Path | None,
    key_file: Path | None,
    progress: Callable[[str, int, int | None], None],
) -> tuple[dict[str, Path], Mapping[str, str]]:
    rules = policy.load(content.folder("policies") / "fields.toml", *([policy_file] if policy_file else []))
    key, stable = policy.read_key(key_file)
    (work / "tables").mkdir()
    (work / "open").mkdir()
    con = engine.connect(work)
    try:
        stage = Stage(con, work)
        stage.progress = progress
        for source in sources:
            progress(f"reading {source.path.name}", 0, None)
            formats.read(source, stage)
        tables = stage.finish(work / "tables", media)
    finally:
        con.close()
    opened = policy.open_tables(tables, rules, key, stable=stable, work=work / "open")
    return dict(opened.tables.paths), opened.hidden


def _write(done: Sequence[Contract], path: Path) -> None:
    """All findings in one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(pa.concat_tables([one.findings for one in done]), temporary)
