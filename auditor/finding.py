"""Findings: the rows that checks returned, as one table with stable ids.

A finding's id is a hash of the check's id and the values of its key columns (the members of a pair in sorted order), so it is equal
from run to run and from release to release as long as the same thing is wrong with the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.check import FINDING_COLUMNS
from auditor.errors import CheckFileError
from auditor.tables import Column, ddl

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from auditor.check import Check

COLUMNS: dict[str, Column] = {
    "finding_id": Column("VARCHAR", "a hash of the check and the finding's key; equal from run to run"),
    "check_id": Column("VARCHAR", "the check that found it"),
    "severity": Column("VARCHAR", "info | warning | error"),
    "item_id": Column("VARCHAR", "the item it is about, or NULL"),
    "annotation_id": Column("VARCHAR", "the annotation it is about, or NULL"),
    "annotator_id": Column("VARCHAR", "the annotator it is about, or NULL; a pseudonym where the policy asks for one"),
    "label": Column("VARCHAR", "the label it is about, or NULL"),
    "score": Column("DOUBLE", "how sure the check is", "0..1"),
    "message": Column("VARCHAR", "one sentence"),
    "link": Column("VARCHAR", "where to open it, from the link template"),
    "evidence": Column("VARCHAR", "the check's other columns, as a JSON object"),
}
ORDER = "CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, check_id, score DESC NULLS LAST, finding_id"
# Names under which a check's evidence names a second item or annotation: a pair is found on both sides.
OTHER_ITEMS = ("other_item", "item_a", "item_b")
OTHER_ANNOTATIONS = ("other_annotation", "annotation_a", "annotation_b")
# What a link template may hold in braces.
LINK_FIELDS = ("item_id", "annotation_id", "annotator_id")
_OPERATORS = {
    "=": "=",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "in": "IN",
    "not in": "NOT IN",
    "like": "LIKE",
}


def create(con: duckdb.DuckDBPyConnection) -> None:
    """An empty table `finding` in `con`."""
    con.execute(ddl("finding", COLUMNS))


def add(
    con: duckdb.DuckDBPyConnection,
    check: Check,
    rows: Any,
    *,
    severity: str,
    link: str = "",
    where: Mapping[str, Any] | None = None,
) -> int:
    """Turn a check's result rows into findings.

    Args:
        con: holds the table `finding`.
        check: the check that returned them.
        rows: Arrow (a table or a stream).
        severity: the check's own, or as overridden.
        link: a template such as `https://…/data?task={item_id}`, or "".
        where: {"column", "op", "value"}: rows to keep, or None.

    Returns:
        How many findings were added.
    """
    con.register("check_rows", rows)
    try:
        key = ", ".join(_key_part(part) for part in check.header.key)
        rest = [name for name in check.columns if name not in FINDING_COLUMNS]
        evidence = ", ".join(f'"{name}" := "{name}"' for name in rest)
        given = {name: f'CAST("{name}" AS {COLUMNS[name].type})' if name in check.columns else "NULL" for name in FINDING_COLUMNS}
        condition, values = _condition(where)
        before = _count(con)
        con.execute(
            f"""
            INSERT INTO finding
            SELECT substr(sha256(CAST(CASE WHEN twin > 1 THEN json_array(check_id, key, twin)
                                           ELSE json_array(check_id, key) END AS VARCHAR)), 1, 16),
                   check_id, $severity, item_id, annotation_id, annotator_id, label, score, message,
                   {_link(link)}, evidence
            FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY message, evidence) AS twin
                  FROM (SELECT $check_id AS check_id, CAST(json_array({key}) AS VARCHAR) AS key,
                               {", ".join(f"{expression} AS {name}" for name, expression in given.items())},
                               {f"CAST(to_json(struct_pack({evidence})) AS VARCHAR)" if evidence else "'{}'"} AS evidence
                        FROM check_rows {condition}))
            """,
            {"severity": severity, "check_id": check.id, **({"link": link} if link else {}), **values},
        )
        outside = "score IS NOT NULL AND NOT (score >= 0 AND score <= 1)"
        wrong = con.execute(f"SELECT score FROM finding WHERE check_id = ? AND {outside} LIMIT 1", [check.id]).fetchall()
        if wrong:
            raise CheckFileError(f"its score is {wrong[0][0]:g}, which is not between 0 and 1", "divide it by its largest value")
        return _count(con) - before
    finally:
        con.unregister("check_rows")


def hidden_groups(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of attributes whose value a finding names by a pseudonym: findings about groups carry them as `key` and `value`."""
    rows = con.execute(
        "SELECT DISTINCT json_extract_string(evidence, '$.key') AS name FROM finding "
        "WHERE json_extract_string(evidence, '$.value') LIKE '~%' ORDER BY name"
    ).fetchall()
    return [str(row[0]) for row in rows if row[0] is not None]


def _count(con: duckdb.DuckDBPyConnection) -> int:
    # fetchall, not fetchone: a result that is not read to its end keeps the connection busy
    return int(con.execute("SELECT count(*) FROM finding").fetchall()[0][0])


def _key_part(part: str | list[str]) -> str:
    if isinstance(part, str):
        return f'"{part}"'
    members = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in part)
    return f"list_sort([{members}])"


def _condition(where: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    if not where:
        return "", {}
    column = '"' + str(where["column"]).replace('"', '""') + '"'
    return f"WHERE {column} {_OPERATORS[where['op']]} $where_value", {"where_value": where["value"]}


def _link(template: str) -> str:
    """SQL that fills the template's fields with percent-encoded values."""
    if not template:
        return "NULL"
    sql = "$link"
    for name in LINK_FIELDS:
        sql = f"replace({sql}, '{{{name}}}', url_encode(coalesce({name}, '')))"
    return sql
