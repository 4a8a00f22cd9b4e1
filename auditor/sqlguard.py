"""What SQL a check may hold: one SELECT over known tables with known functions, judged on its syntax tree.

DuckDB's own locks are not a sandbox (`WITH x AS (COPY …) SELECT 1` is one SELECT that writes files, and `FROM '/etc/passwd'`
is a table), so the tree is walked against allow-lists: node kinds, table names, functions. What is not listed is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import CheckFileError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb

_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_RELATIONS = {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EMPTY_FROM", "EXPRESSION_LIST", "TABLE_FUNCTION", "CTE"}
_EXPRESSIONS = {
    "COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "CAST", "COMPARISON", "CONJUNCTION", "CASE", "BETWEEN",
    "PARAMETER", "STAR", "SUBQUERY", "WINDOW", "LAMBDA", "COLLATE", "LAMBDA_REF", "TYPE",
}  # fmt: skip
_TABLE_FUNCTIONS = {"unnest", "range", "generate_series"}
# Functions of values alone: nothing here reads settings, files, the clock of the machine, or makes rows without bound.
_ALLOWED = """
    + - * / // % ** ^ & | ~ << >> || ! @ <-> <=> = <> != < > <= >= ~~ !~~ ~~* !~~* ~~~ and or not abs acos add asin atan
    atan2 ceil ceiling cos degrees divide exp even floor fdiv gamma gcd greatest isfinite isinf isnan lcm least lgamma
    ln log log10 log2 mod multiply pi pow power radians round round_even sign sin sqrt cbrt subtract tan trunc xor
    bit_count coalesce constant_or_null if ifnull isnull notnull nullif error array_length array_contains array_slice
    array_extract array_position array_value cardinality element_at flatten len length list list_aggregate list_append
    list_avg list_concat list_contains list_count list_cosine_distance list_cosine_similarity list_distance
    list_distinct list_dot_product list_element list_extract list_filter list_has list_has_any list_has_all list_indexof
    list_inner_product list_intersect list_max list_mean list_min list_position list_product list_reduce list_reverse
    list_reverse_sort list_select list_slice list_sort list_stddev_pop list_sum list_transform list_unique list_value
    list_var_pop list_where list_zip range unnest unpivot_list map map_contains map_entries map_extract
    map_extract_value map_from_entries map_keys map_values map_concat row struct_extract struct_extract_at struct_pack
    struct_insert struct_concat array_to_string ascii bar chr codepoint concat concat_ws contains damerau_levenshtein
    ends_with format formatreadabledecimalsize hamming instr jaccard jaro_similarity jaro_winkler_similarity lcase left
    left_grapheme length_grapheme levenshtein like_escape lower ltrim md5 mismatches nfc_normalize not_like_escape ord
    position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches
    regexp_replace regexp_split_to_array replace reverse right right_grapheme rtrim sha256 split_part starts_with
    str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen strpos substr
    substring substring_grapheme suffix translate trim ucase unicode upper hash bin hex unhex to_base url_decode
    url_encode age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day
    dayname dayofmonth dayofweek dayofyear epoch epoch_ms era extract hour isodow isoyear julian last_day make_date
    make_timestamp microsecond millisecond minute month monthname quarter second strftime strptime time_bucket to_days
    to_hours to_milliseconds to_minutes to_months to_seconds to_timestamp to_weeks to_years try_strptime week weekday
    weekofyear year yearweek json_array json_object to_json json_extract json_extract_string any_value
    approx_count_distinct approx_quantile arbitrary arg_max arg_max_null arg_min arg_min_null avg bit_and bit_or bit_xor
    bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy favg first fsum geometric_mean
    group_concat grouping histogram kurtosis kurtosis_pop last listagg mad max max_by mean median min min_by mode
    product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan
    var_pop var_samp variance row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value
    last_value nth_value fill
"""
FUNCTIONS = frozenset(_ALLOWED.split())
# Written without brackets, so the parser takes them for columns; they change from run to run or tell of the machine.
_MOODS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "user", "current_user",
          "session_user", "current_role", "current_catalog", "current_schema"}  # fmt: skip


@dataclass(frozen=True)
class Parsed:
    """A query that passed.

    Attributes:
        tables: the known tables it reads, in order of appearance.
        params: the names of its parameters.
    """

    tables: tuple[str, ...]
    params: frozenset[str]


def inspect(con: duckdb.DuckDBPyConnection, sql: str, known: Collection[str], where: str) -> Parsed:
    """Check a query's syntax tree.

    Args:
        con: any connection; nothing is executed.
        sql: the text of a check.
        known: tables it may read.
        where: named in errors.

    Raises:
        CheckFileError: not exactly one SELECT, or something in it is not on the lists.

    >>> import duckdb
    >>> inspect(duckdb.connect(), "SELECT * FROM item WHERE width > $n", {"item"}, "x.sql")
    Parsed(tables=('item',), params=frozenset({'n'}))
    """
    import duckdb

    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise CheckFileError(
            f"{where}: {_first_line(error)}", "correct the SQL; `auditor explain` shows a check that works"
        ) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise CheckFileError(f"{where}: a check is exactly one SELECT", "one file, one question; use WITH for steps")
    row = con.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    if tree.get("error"):
        raise CheckFileError(f"{where}: {tree.get('error_message', 'not a plain SELECT')}", "use plain SELECT, WITH, JOIN, UNION")
    tables: dict[str, None] = {}
    for node, scope in _nodes(tree["statements"][0]["node"], frozenset()):
        _judge(node, scope, known, tables, where)
    return Parsed(tuple(tables), frozenset(statements[0].named_parameters))


def _nodes(node: Any, scope: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every dict of the tree with the names of the CTEs that are visible there."""
    if isinstance(node, list):
        for child in node:
            yield from _nodes(child, scope)
    elif isinstance(node, dict):
        here = scope | {entry["key"] for entry in (node.get("cte_map") or {}).get("map", [])}
        if node.get("type") in {"RECURSIVE_CTE_NODE", "CTE_NODE"}:
            here |= {node.get("cte_name") or node.get("ctename") or ""}
        yield node, here
        for child in node.values():
            yield from _nodes(child, here)


def _judge(node: dict[str, Any], scope: frozenset[str], known: Collection[str], tables: dict[str, None], where: str) -> None:
    _judge_kind(node, where)
    for entry in (node.get("cte_map") or {}).get("map", []):
        # Within itself a step's name means the catalogue's table of that name, or a file: neither may hide behind it.
        if not str(entry["key"]).isidentifier() or entry["key"] in known:
            raise _refused(where, f"the name {entry['key']!r} for a step")
    kind = node.get("type")
    if kind == "BASE_TABLE":
        _judge_table(node, scope, known, tables, where)
    elif kind == "TABLE_FUNCTION":
        name = str(node.get("function", {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(where, f"the table function {name}()")
    elif kind == "COLUMN_REF" and str(node["column_names"][-1]).lower() in _MOODS:
        raise _refused(where, node["column_names"][-1])
    elif kind == "JOIN" and node.get("ref_type") == "POSITIONAL":
        raise _refused(where, "a positional join")
    if node.get("sample"):
        raise _refused(where, "a sample, which is another one in every run")
    if "function_name" in node and str(node["function_name"]).lower() not in FUNCTIONS:
        raise _refused(where, f"the function {node['function_name']}()")


def _judge_kind(node: dict[str, Any], where: str) -> None:
    """Expressions, query nodes and relations each have a list of kinds that may stand there."""
    kind = str(node.get("type"))
    if isinstance(node.get("class"), str):
        if node["class"] not in _EXPRESSIONS:
            raise _refused(where, f"{node['class'].lower().replace('_', ' ')} expressions")
    elif "select_list" in node or kind.endswith("_NODE"):
        if kind not in _NODES:
            raise _refused(where, f"a {kind.lower().replace('_', ' ')}")
    elif ("sample" in node or ("table_name" in node and "alias" in node)) and kind not in _RELATIONS:
        raise _refused(where, f"a {kind.lower().replace('_', ' ')} in FROM")


def _judge_table(node: dict[str, Any], scope: frozenset[str], known: Collection[str], tables: dict[str, None], where: str) -> None:
    name = node["table_name"]
    if node.get("schema_name") or node.get("catalog_name"):
        raise _refused(where, f"the table {name!r} of another schema")
    if name in scope:
        return
    if name not in known:
        raise CheckFileError(f"{where}: there is no table or measure {name!r}", _suggest(name, known))
    tables[name] = None


def _refused(where: str, what: str) -> CheckFileError:
    return CheckFileError(f"{where}: a check may not use {what}", "checks read the tables and measures that `auditor tables` lists")


def _suggest(name: str, known: Collection[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
