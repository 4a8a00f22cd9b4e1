"""Findings by item and by annotation: what a sample says of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.finding import OTHER_ANNOTATIONS, OTHER_ITEMS
from auditor.outputs.escape import shorten, visible
from auditor.views.tags import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection as Connection

SEVERITIES = ("info", "warning", "error")
# Messages a sample holds, and characters of one.
MAX_MESSAGES, MAX_MESSAGE = 20, 300


@dataclass
class Found:
    """What was found about one item.

    Attributes:
        checks: their ids, sorted.
        severity: the worst.
        count: findings.
        score: the highest, or None.
        messages: worst first.
        by_annotation: annotation -> ids of checks.
    """

    checks: list[str]
    severity: str
    count: int
    score: float | None
    messages: list[str]
    by_annotation: dict[str, list[str]] = field(default_factory=dict)

    @property
    def tags(self) -> list[str]:
        """A tag a check."""
        return [PREFIX + check for check in self.checks]

    def values(self) -> dict[str, Any]:
        """As FiftyOne's embedded document."""
        known = {} if self.score is None else {"score": self.score}
        return {"_cls": "DynamicEmbeddedDocument", "checks": self.checks, "severity": self.severity, "count": self.count, **known,
                "messages": self.messages}  # fmt: skip


def by_item(con: Connection, findings: Path, annotation: Path) -> tuple[dict[str, Found], dict[str, str], int]:
    """What was found about each item.

    Args:
        con: any connection.
        findings: findings.parquet.
        annotation: the opened table's Parquet file.

    Returns:
        item -> what was found; check -> its severity, for checks that found something about an item; and how many findings are
        about no item (about an annotator, a class, the dataset).
    """
    files = {"findings": str(findings), "annotation": str(annotation)}
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE about AS
        WITH one AS (SELECT *, row_number() OVER () AS nth FROM read_parquet([$findings])),
        named AS (
          SELECT nth, item_id, annotation_id FROM one
          UNION SELECT nth, json_extract_string(evidence, '$.' || key), NULL FROM one, unnest({list(OTHER_ITEMS)}) AS t(key)
          UNION SELECT nth, NULL, json_extract_string(evidence, '$.' || key) FROM one, unnest({list(OTHER_ANNOTATIONS)}) AS t(key)
        ), placed AS (
          SELECT nth, coalesce(a.item_id, named.item_id) AS item_id, named.annotation_id
          FROM named LEFT JOIN (SELECT annotation_id, item_id FROM read_parquet([$annotation])) AS a
            ON a.annotation_id = named.annotation_id
        )
        SELECT DISTINCT nth, placed.item_id, placed.annotation_id, check_id, severity, score, message
        FROM placed JOIN one USING (nth) WHERE placed.item_id IS NOT NULL
        """,
        files,
    )
    rank = "CASE severity WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
    rows = con.execute(
        f"""
        SELECT item_id, list_sort(list(DISTINCT check_id)), max({rank}), count(DISTINCT nth), max(score) FILTER (isfinite(score)),
               list(left(message, {MAX_MESSAGE + 1}) ORDER BY {rank} DESC, nth) FILTER (first_of AND message IS NOT NULL)
        FROM (SELECT *, row_number() OVER (PARTITION BY item_id, nth) = 1
                        AND dense_rank() OVER (PARTITION BY item_id ORDER BY {rank} DESC, nth) <= {MAX_MESSAGES} AS first_of
              FROM about)
        GROUP BY item_id
        """
    ).fetchall()
    found = {
        item: Found(
            checks, SEVERITIES[worst], count, None if score is None or not math.isfinite(score) else score,
            [shorten(visible(message), MAX_MESSAGE) for message in messages or []],
        )
        for item, checks, worst, count, score, messages in rows
    }  # fmt: skip
    for item, annotation_id, checks in con.execute(
        "SELECT item_id, annotation_id, list_sort(list(DISTINCT check_id)) FROM about WHERE annotation_id IS NOT NULL GROUP BY ALL"
    ).fetchall():
        found[item].by_annotation[annotation_id] = checks
    severities = {
        check: SEVERITIES[worst]
        for check, worst in con.execute(f"SELECT check_id, max({rank}) FROM about GROUP BY check_id ORDER BY check_id").fetchall()
    }
    lost = con.execute(
        "SELECT count(*) FROM read_parquet([$findings]) WHERE item_id IS NULL AND annotation_id IS NULL",
        {"findings": str(findings)},
    ).fetchall()
    con.execute("DROP TABLE about")
    return found, severities, int(lost[0][0])
