"""findings.csv: the findings for a spreadsheet, with an empty column `decision` for those who judge them.

Cells that a spreadsheet would run as formulas begin with an apostrophe.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

from auditor.files import replacing
from auditor.finding import COLUMNS
from auditor.outputs.escape import UNSEEN_SQL, visible
from auditor.tables import literal

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# OWASP, "CSV Injection": = + - @, also full-width, also behind white space.
_FORMULA = r"^[\s\x{00a0}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}|]"
_RUN = re.compile(r"[\s\u00a0]*[=+\-@\uff1d\uff0b\uff0d\uff20|]")


def plain(value: Any) -> Any:
    r"""A cell that neither a terminal nor a spreadsheet runs; other values than texts stay as they are.

    >>> plain("=1+1"), plain("-"), plain("a\x1b[31m"), plain(-1.5)
    ("'=1+1", "'-", 'a\\x1b[31m', -1.5)
    """
    if not isinstance(value, str):
        return value
    clean = visible(value)
    return f"'{clean}" if _RUN.match(clean) else clean


def write(con: Connection, path: Path) -> None:
    """Write the table `finding_sorted` as CSV (RFC 4180, UTF-8 with a byte order mark, which spreadsheets look for)."""
    cells = []
    for name, spec in COLUMNS.items():
        if spec.type != "VARCHAR":
            cells.append(f'"{name}"')
            continue
        clean = f"regexp_replace(\"{name}\", {literal(UNSEEN_SQL)}, '\ufffd', 'g')"
        cells.append(f"CASE WHEN regexp_matches({clean}, {literal(_FORMULA)}) THEN '''' || {clean} ELSE {clean} END AS \"{name}\"")
    # Empty, to be filled in: `auditor review --import` reads it back.
    cells.append("CAST(NULL AS VARCHAR) AS decision")
    with replacing(path) as temporary:
        plain = temporary.with_suffix(".plain")
        try:
            con.execute(
                f"COPY (SELECT {', '.join(cells)} FROM finding_sorted ORDER BY nth) TO {literal(str(plain))} "
                "(FORMAT csv, HEADER true, USE_TMP_FILE false)"
            )
            with plain.open("rb") as body, temporary.open("wb") as target:
                target.write(b"\xef\xbb\xbf")
                shutil.copyfileobj(body, target)
        finally:
            plain.unlink(missing_ok=True)
