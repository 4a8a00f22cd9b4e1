"""A table file (CSV, TSV, JSON lines, Parquet) as a temporary table of text columns c0, c1 and so on.

The file's own column names stay in Python: whatever a header holds, it never becomes part of a query. DuckDB reads through a
link with a harmless name, because it takes `*`, `?` and `[` in a path as a pattern.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from auditor.errors import InputError
from auditor.formats import strictjson
from auditor.formats.scan import MAX_LINE, check_text, opened
from auditor.formats.synonyms import NAMES, plain
from auditor.formats.values import first
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.stage import Stage

TABLES_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
MAX_COLUMNS = 2000
# Columns without which rows are taken for something else: who, about what, and which answer.
_NEEDED = frozenset(
    name for route in (("annotation", "item_id"), ("annotation", "annotator_id"), ("annotation", "label")) for name in NAMES[route]
) - {"image", "img", "audio", "video", "file", "annotation"}
_HEADER_BYTES = 1024 * 1024
_OPEN_QUOTE = "unterminated quote"
_DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Loaded:
    """A file in DuckDB.

    Attributes:
        path: the file.
        relation: a temporary table, in the file's row order (rowid), with columns c0, c1, … of type VARCHAR.
        columns: the file's names of c0, c1, …; unique.
        rows: number of rows, at least 1.
    """

    path: Path
    relation: str
    columns: tuple[str, ...]
    rows: int


def load(stage: Stage, path: Path, relation: str, header: bool = True) -> Loaded:
    """Read a table file into the temporary table `relation`, every cell as text, empty cells as NULL.

    Args:
        stage: whose connection is used.
        path: CSV, TSV, JSON lines or Parquet; told by suffix, else by content.
        relation: name of the temporary table, replaced if it exists.
        header: whether a CSV or TSV file names its columns in the first row.

    Raises:
        InputError: the file cannot be read as a table; says where.
    """
    kind = kind_of(path, opened(path))
    with _linked(path) as link:
        try:
            if kind == "parquet":
                columns = _load_parquet(stage, path, link, relation)
            elif kind == "jsonl":
                check_text(path, stage.progress)
                columns = _load_jsonl(stage, path, link, relation)
            else:
                check_text(path, stage.progress)
                columns = _load_csv(stage, path, link, relation, header)
        except duckdb.Error as error:
            raise _translated(path, kind, error) from error
    counted = first(stage.con, f"SELECT count(*) FROM {relation}")
    rows = int(counted[0]) if counted else 0
    if not rows:
        raise InputError(path, "", "has no rows", "export it again")
    return Loaded(path, relation, _unique(columns), rows)


def kind_of(path: Path, head: bytes) -> str:
    """'csv', 'jsonl' or 'parquet', by suffix, else by the first bytes.

    >>> kind_of(Path("a.TSV"), b""), kind_of(Path("a"), b'{"a": 1}'), kind_of(Path("a"), b"a,b")
    ('csv', 'jsonl', 'csv')
    """
    known = TABLES_BY_SUFFIX.get(path.suffix.lower())
    if known:
        return known
    if head.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


def delimiter_of(path: Path, head: str) -> str:
    """The cell separator: a tab in .tsv files, else whichever the first line holds most of, outside quotes.

    >>> delimiter_of(Path("a.txt"), 'a;"b,c,d";e')
    ';'
    """
    if path.suffix.lower() in {".tsv", ".tab"}:
        return "\t"
    line = re.sub(r'"[^"]*"', "", head).split("\n", 1)[0]
    return max(_DELIMITERS, key=line.count)


@contextlib.contextmanager
def _linked(path: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
        link = Path(folder) / "table"
        link.symlink_to(path.resolve())
        yield str(link)


def _load_csv(stage: Stage, path: Path, link: str, relation: str, header: bool) -> Sequence[str]:
    with path.open("rb") as stream:
        text = stream.read(_HEADER_BYTES).decode("utf-8-sig", errors="ignore")
    delimiter = delimiter_of(path, text)
    try:
        # Python's own limit on a cell is lower than ours and would stop only headers; a header's cell is a name.
        names = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    except csv.Error as error:
        raise InputError(path, "line 1", "the header cannot be read", "give it one row of column names") from error
    if not names:
        raise InputError(path, "line 1", "has no header", "give it one row of column names")
    _limit(path, len(names))
    if not header:
        names = [f"column {index + 1}" for index in range(len(names))]
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(names)))

    # The buffer is stated because DuckDB's default is 16 times the longest line, for each thread.
    def read(quote: str) -> None:
        stage.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT * FROM read_csv({literal(link)}, auto_detect = false, "
            f"columns = {{{columns}}}, header = {header}, delim = {literal(delimiter)}, quote = {literal(quote)}, "
            f"escape = {literal(quote)}, nullstr = '', strict_mode = true, max_line_size = {MAX_LINE}, "
            f"buffer_size = {2 * MAX_LINE}, hive_partitioning = false, compression = 'none')"
        )

    try:
        read('"')
    except duckdb.Error as error:
        # Tab separated files often do not quote at all, and then a quote is a character like any other.
        if delimiter != "\t" or _OPEN_QUOTE not in str(error):
            raise
        try:
            read("")
        except duckdb.Error:
            raise error from None
        stage.note(f"{path.name}: quotes are not balanced, so they are read as characters of the text")
    return names


def _load_jsonl(stage: Stage, path: Path, link: str, relation: str) -> Sequence[str]:
    objects = (
        f"read_ndjson_objects({literal(link)}, maximum_object_size = {MAX_LINE}, hive_partitioning = false, compression = 'none')"
    )
    other = first(stage.con, f"SELECT 1 FROM {objects} WHERE json_type(json) <> 'OBJECT' LIMIT 1")
    if other:
        line, _ = _bad_json_line(path)
        raise InputError(path, f"line {line}", "is not a JSON object", 'write one object per line: {"item_id": …, "label": …}')
    # DuckDB takes the first of two equal keys, Python the last; and both take NaN, which no other reader of JSON does.
    strange = "len(json_keys(json)) <> list_unique(json_keys(json)) OR regexp_matches(CAST(json AS VARCHAR), 'NaN|Infinity')"
    if first(stage.con, f"SELECT 1 FROM {objects} WHERE {strange} LIMIT 1"):
        line, reason = _bad_json_line(path)
        if line:
            raise InputError(path, f"line {line}", reason, "write each key once, and null where there is no number")
    found = stage.con.execute(
        f"SELECT k FROM (SELECT unnest(json_keys(json)) AS k, generate_subscripts(json_keys(json), 1) AS place FROM {objects}) "
        f"GROUP BY k ORDER BY min(place), k LIMIT {MAX_COLUMNS + 1}"
    ).fetchall()
    names = [row[0] for row in found]
    _limit(path, len(names))
    if not names:
        raise InputError(path, "", "its objects have no fields", "export it again")
    paths = ", ".join(literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in names)
    cells = ", ".join(f"nullif(v[{index + 1}], '') AS c{index}" for index in range(len(names)))
    stage.con.execute(
        f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT {cells} "
        f"FROM (SELECT json_extract_string(json, [{paths}]) AS v FROM {objects})"
    )
    return names


def _load_parquet(stage: Stage, path: Path, link: str, relation: str) -> Sequence[str]:
    source = f"read_parquet({literal(link)}, hive_partitioning = false)"
    described = stage.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    _limit(path, len(described))
    # Some writers store text as bytes; what is not text (an image in its row) is left out.
    texts = {index for index, row in enumerate(described) if row[1] == "BLOB" and _is_text(stage, source, index, len(described))}
    binary = [row[0] for index, row in enumerate(described) if "BLOB" in row[1] and index not in texts]
    for name in binary:
        if plain(name) in _NEEDED:
            raise InputError(path, f"column {name[:80]!r}", "holds bytes that are not UTF-8 text", "export it as text")
    if binary:
        stage.note(f"{path.name}: left out, as they hold bytes: {', '.join(binary)}")
    kept = [index for index, row in enumerate(described) if "BLOB" not in row[1] or index in texts]
    if not kept:
        raise InputError(path, "", "has no column that can be read as text", "export it again")
    cells = ", ".join(
        f"nullif({f'decode(p{index})' if index in texts else f'CAST(p{index} AS VARCHAR)'}, '') AS c{number}"
        for number, index in enumerate(kept)
    )
    aliases = ", ".join(f"p{index}" for index in range(len(described)))
    stage.con.execute(f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT {cells} FROM {source} AS file({aliases})")
    return [described[index][0] for index in kept]


def _is_text(stage: Stage, source: str, index: int, width: int) -> bool:
    """Whether a column of bytes holds UTF-8 text in all its rows; a sample first, since media are large."""
    aliases = ", ".join(f"p{number}" for number in range(width))
    wrong = f"WHERE p{index} IS NOT NULL AND TRY(decode(p{index})) IS NULL LIMIT 1"
    column = f"(SELECT p{index} FROM {source} AS file({aliases})"
    sampled = first(stage.con, f"SELECT 1 FROM {column} LIMIT 100) {wrong}")
    return not (sampled or first(stage.con, f"SELECT 1 FROM {column}) {wrong}"))


def _translated(path: Path, kind: str, error: duckdb.Error) -> InputError:
    """One sentence of ours for DuckDB's several, which quote the query and the row."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return InputError(path, "", "does not fit into the memory limit", "raise memory_limit, or free space for temporary files")
    if kind == "parquet":
        return InputError(path, "", "is not a Parquet file that can be read: damaged or cut off", "export it again")
    if kind == "jsonl":
        line, reason = _bad_json_line(path)
        return InputError(path, f"line {line}" if line else "", reason, "was it cut off? write one object per line")
    text = str(error)
    said = re.search(r"CSV Error on Line: (\d+)", text)
    what, hint = _csv_fault(text)
    return InputError(path, f"line {said[1]}" if said else "", what, hint)


def _csv_fault(text: str) -> tuple[str, str]:
    """What is wrong with a CSV file, and a hint, from DuckDB's words."""
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        return f"has {counts[2]} cells where the header has {counts[1]}", "quote cells that hold the separator, or export it again"
    if _OPEN_QUOTE in text:
        return "a quote is opened and not closed, or text follows a closing quote", 'double quotes inside a cell: ""'
    if "Maximum line size" in text:
        return f"a row is longer than {MAX_LINE // 1024**2} MiB", "look for a quote that is opened and not closed"
    return (
        "its rows cannot be told apart: mixed line ends, or a stray carriage return",
        "export it again as CSV with one kind of line end",
    )


def _bad_json_line(path: Path) -> tuple[int, str]:
    """The first line that is not a JSON object, from 1, and why; line 0 if Python finds none."""
    with path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
            if not line.strip():
                continue
            if number == 1 and line.startswith(b"\xef\xbb\xbf"):
                return 1, "begins with a byte order mark, which JSON does not allow"
            try:
                value: Any = strictjson.loads(line.decode())
            except UnicodeDecodeError as error:
                return number, f"is not UTF-8 (byte {error.start + 1})"
            except json.JSONDecodeError as error:
                return number, f"is not valid JSON ({error.msg.lower()} at character {error.pos + 1})"
            except ValueError as error:
                return number, f"is not valid JSON: {error}"
            if not isinstance(value, dict):
                return number, "is not a JSON object"
    return 0, "is not valid JSON"


def _limit(path: Path, count: int) -> None:
    if count > MAX_COLUMNS:
        raise InputError(path, "", f"has more than {MAX_COLUMNS:,} columns", "is this a label table? give one row per annotation")


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Column names that differ from each other: 'a', 'a' become 'a', 'a (2)'; nameless ones get their number."""
    seen: set[str] = set()
    result = []
    for number, name in enumerate(names, 1):
        base = name.strip() or f"column {number}"
        free, nth = base, 1
        while free in seen:
            nth += 1
            free = f"{base} ({nth})"
        seen.add(free)
        result.append(free)
    return tuple(result)
