"""findings.csv: the findings for a spreadsheet. Cells that a spreadsheet would run as formulas begin with an apostrophe."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from auditor.files import replacing
from auditor.finding import COLUMNS
from auditor.outputs.escape import UNSEEN_SQL
from auditor.tables import literal

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

# OWASP, "CSV Injection": = + - @, also full-width, also behind white space.
_FORMULA = r"^[\s\x{00a0}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}|]"


def write(con: Connection, path: Path) -> None:
    """Write the table `finding_sorted` as CSV (RFC 4180, UTF-8 with a byte order mark, which spreadsheets look for)."""
    cells = []
    for name, spec in COLUMNS.items():
        if spec.type != "VARCHAR":
            cells.append(f'"{name}"')
            continue
        clean = f"regexp_replace(\"{name}\", {literal(UNSEEN_SQL)}, '\ufffd', 'g')"
        cells.append(f"CASE WHEN regexp_matches({clean}, {literal(_FORMULA)}) THEN '''' || {clean} ELSE {clean} END AS \"{name}\"")
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
