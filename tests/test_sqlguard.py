"""What a check may not do, and that ordinary SQL is let through."""

from __future__ import annotations

import duckdb
import pytest

from auditor.errors import CheckFileError
from auditor.sqlguard import FUNCTIONS, inspect

CON = duckdb.connect()
ALLOWED = [
    "SELECT 1",
    "FROM item",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    "SELECT i.*, row_number() OVER (PARTITION BY width ORDER BY item_id) AS n FROM item i QUALIFY n = 1",
    "SELECT * FROM (VALUES (1), (2)) v(x)",
    "SELECT count(*) FILTER (WHERE width > 1), list(item_id ORDER BY item_id) FROM item GROUP BY ALL HAVING count(*) > 1",
    "SELECT list_transform([1, 2], lambda x: x + 1), unnest([1, 2])",
    "SELECT * FROM item a LEFT JOIN item b ON a.item_id < b.item_id AND a.width IS NOT DISTINCT FROM b.width",
    "SELECT item_id FROM item UNION ALL SELECT 'x' WHERE $p IN (1, 2)",
    "SELECT item_id FROM item WHERE EXISTS (SELECT 1 FROM item j WHERE j.item_id = item.item_id)",
    "SELECT CASE WHEN width > 1 THEN 1 END, width::VARCHAR, {'a': 1}, [1, 2], attributes['x'], text[1:3] FROM item",
    "WITH a AS (SELECT * FROM item), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (item_id)",
    "SELECT extract(year FROM captured_at), captured_at + INTERVAL 1 DAY FROM item",
    "SELECT quantile_cont(width, 0.5), median(width), sum(width) OVER (ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM item GROUP BY width",
]
REFUSED = [
    "WITH x AS (COPY (SELECT 1) TO '/tmp/z') SELECT 1",
    "WITH x AS (DELETE FROM item RETURNING *) SELECT * FROM x",
    "SELECT * FROM '/etc/passwd'",
    "WITH \"/etc/passwd\" AS (SELECT * FROM '/etc/passwd') SELECT * FROM \"/etc/passwd\"",
    "WITH item AS (SELECT * FROM item) SELECT * FROM item",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM item ORDER BY (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM item LIMIT (SELECT count(*) FROM read_text('/etc/passwd'))",
    "SELECT count(*) OVER (ORDER BY (SELECT content FROM read_text('x')))",
    "SELECT * FROM item JOIN read_csv('x') USING (a)",
    "SELECT current_setting('x')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.item",
    "SELECT * FROM pragma_table_info('item')",
    "SELECT * FROM (DESCRIBE item)",
    "SELECT * FROM (SHOW TABLES)",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('item')",
    "SELECT * FROM glob('*')",
    "SELECT getenv('HOME')",
    "SELECT sleep_ms(10)",
    "SELECT repeat('a', 1000000000)",
    "SELECT rpad('a', 1000000000, 'b')",
    "SELECT random()",
    "SELECT now()",
    "SELECT current_date",
    "SELECT user",
    "SELECT version()",
    "SELECT nextval('a')",
    "SELECT * FROM item TABLESAMPLE 10%",
    "SELECT * FROM item POSITIONAL JOIN item",
    "PIVOT item ON width",
    "SELECT * FROM (PIVOT item ON width)",
    "SELECT 1; SELECT 2",
    "CREATE TABLE x AS SELECT 1",
    "SET memory_limit = '1TB'",
    "ATTACH 'x.db'",
    "SELECT 1 FROM secret",
    "SELECT 'x",
    "",
]  # fmt: skip


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(sql):
    inspect(CON, sql, {"item"}, "x.sql")


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(sql):
    with pytest.raises(CheckFileError, match=r"^x\.sql: "):
        inspect(CON, sql, {"item"}, "x.sql")


def test_what_it_reads_and_binds():
    parsed = inspect(
        CON,
        "WITH a AS (SELECT * FROM item WHERE width > $low) SELECT * FROM a JOIN annotation USING (item_id)",
        {"item", "annotation"},
        "x",
    )
    assert set(parsed.tables) == {"item", "annotation"}
    assert parsed.params == {"low"}


def test_a_table_that_does_not_exist_gets_a_suggestion():
    with pytest.raises(CheckFileError) as caught:
        inspect(CON, "SELECT * FROM anotation", {"item", "annotation"}, "x.sql")
    assert "'annotation'" in caught.value.hint


def test_no_allowed_function_reads_files_or_settings():
    rows = CON.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'pragma')"
    ).fetchall()
    dangerous = {row[0] for row in rows} - {"range", "generate_series", "unnest"}
    assert not FUNCTIONS & dangerous
    assert not {name for name in FUNCTIONS if name.startswith(("read_", "duckdb_", "pragma", "getvariable", "current_"))}
