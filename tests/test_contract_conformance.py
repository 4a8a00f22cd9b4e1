"""Great Expectations' core expectations through our DuckDB dialect, beside Great Expectations on pandas, on the same data.

Each is asked twice, once where it is met and once where it is not, over a locked connection that sees one Parquet file. Success, number
of unexpected rows and observed value must be equal, figures to nine digits.
"""

from __future__ import annotations

import datetime as dt
import json
import math

import pytest

from auditor import contract
from auditor.breach import plain

pytest.importorskip("great_expectations")
pd = pytest.importorskip("pandas")

DAY = lambda day: dt.datetime.fromisoformat(f"2024-01-0{day}")  # noqa: E731
SETS = {"column": "label", "value_set": ["cat", "犬", "naïve"]}
ONLY_CATS = {"type": "comparison", "column": {"name": "label"}, "operator": "==", "parameter": "cat"}
RANKED = {
    "type": "and",
    "conditions": [
        {"type": "comparison", "column": {"name": "rank"}, "operator": ">", "parameter": 1},
        {"type": "nullity", "column": {"name": "label"}, "is_null": False},
    ],
}

# Expectation -> (arguments, is met) twice at least.
CASES: dict[str, list[tuple[dict, bool]]] = {
    "expect_column_distinct_values_to_be_in_set": [
        ({"column": "label", "value_set": ["cat", "犬", "naïve", "it's", "a%b"]}, True),
        (SETS, False),
        ({"column": "rank", "value_set": [0, 1, 2]}, False),
    ],
    "expect_column_distinct_values_to_contain_set": [
        (SETS, True),
        ({"column": "label", "value_set": ["cat", "none"]}, False),
    ],
    "expect_column_distinct_values_to_equal_set": [
        ({"column": "rank", "value_set": [0, 1, 2, 3, 4]}, True),
        (SETS, False),
    ],
    "expect_column_kl_divergence_to_be_less_than": [
        ({"column": "rank", "partition_object": {"values": [0, 1, 2, 3, 4], "weights": [0.2] * 5}, "threshold": 0.1}, True),
        ({"column": "rank", "partition_object": {"values": [0, 1, 2, 3, 4], "weights": [0.9] + [0.025] * 4}, "threshold": 0.1}, False),
        ({"column": "x", "partition_object": {"bins": [-9, -1, 0, 1, 9], "weights": [0.1, 0.4, 0.4, 0.1]}, "threshold": 3}, True),
    ],
    "expect_column_max_to_be_between": [
        ({"column": "x", "min_value": 1, "max_value": 10}, True),
        ({"column": "x", "max_value": 0}, False),
        ({"column": "at", "max_value": DAY(1)}, False),
    ],
    "expect_column_mean_to_be_between": [
        ({"column": "x", "min_value": -1, "max_value": 1}, True),
        ({"column": "rank", "min_value": 10}, False),
        ({"column": "x", "min_value": -1, "max_value": 1, "row_condition": RANKED}, True),
    ],
    "expect_column_median_to_be_between": [
        ({"column": "x", "min_value": -1, "max_value": 1}, True),
        ({"column": "number", "max_value": 5}, False),
    ],
    "expect_column_min_to_be_between": [
        ({"column": "x", "min_value": -10, "max_value": 0}, True),
        ({"column": "number", "min_value": 1}, False),
    ],
    "expect_column_most_common_value_to_be_in_set": [
        ({"column": "label", "value_set": ["cat"]}, True),
        ({"column": "label", "value_set": ["犬"]}, False),
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        ({"column_A": "upper", "column_B": "x"}, True),
        ({"column_A": "x", "column_B": "rank"}, False),
        ({"column_A": "x", "column_B": "upper", "or_equal": True, "ignore_row_if": "either_value_is_missing"}, False),
    ],
    "expect_column_pair_values_to_be_equal": [
        ({"column_A": "label", "column_B": "again"}, True),
        ({"column_A": "label", "column_B": "id"}, False),
        ({"column_A": "label", "column_B": "id", "ignore_row_if": "either_value_is_missing"}, False),
    ],
    "expect_column_pair_values_to_be_in_set": [
        ({"column_A": "rank", "column_B": "parity", "value_pairs_set": [[a, b] for a in range(5) for b in (0, 1)]}, True),
        ({"column_A": "rank", "column_B": "parity", "value_pairs_set": [[0, 0], [1, 1]]}, False),
    ],
    "expect_column_proportion_of_non_null_values_to_be_between": [
        ({"column": "x", "min_value": 0.5}, True),
        ({"column": "x", "min_value": 0.999}, False),
    ],
    "expect_column_proportion_of_unique_values_to_be_between": [
        ({"column": "id", "min_value": 1}, True),
        ({"column": "label", "min_value": 0.5}, False),
    ],
    "expect_column_quantile_values_to_be_between": [
        ({"column": "number", "quantile_ranges": {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[0, 30], [90, 110], [None, None]]}}, True),
        ({"column": "number", "quantile_ranges": {"quantiles": [0.25, 0.75], "value_ranges": [[0, 1], [0, 1]]}}, False),
    ],
    "expect_column_stdev_to_be_between": [
        ({"column": "x", "min_value": 0.1, "max_value": 3}, True),
        ({"column": "x", "max_value": 0.1}, False),
    ],
    "expect_column_sum_to_be_between": [
        ({"column": "rank", "min_value": 1}, True),
        ({"column": "x", "min_value": 1000}, False),
    ],
    "expect_column_to_exist": [
        ({"column": "x"}, True),
        ({"column": "none"}, False),
        ({"column": "x", "column_index": 99}, False),
    ],
    "expect_column_unique_value_count_to_be_between": [
        ({"column": "label", "min_value": 5, "max_value": 5}, True),
        ({"column": "rank", "max_value": 2}, False),
    ],
    "expect_column_value_lengths_to_be_between": [
        ({"column": "label", "min_value": 1, "max_value": 5}, True),
        ({"column": "label", "min_value": 2}, False),
        ({"column": "label", "max_value": 3, "strict_max": True}, False),
    ],
    "expect_column_value_lengths_to_equal": [
        ({"column": "id", "value": 4}, True),
        ({"column": "label", "value": 3}, False),
        ({"column": "label", "value": 3, "mostly": 0.2}, True),
    ],
    "expect_column_value_z_scores_to_be_less_than": [
        ({"column": "x", "threshold": 9, "double_sided": True}, True),
        ({"column": "x", "threshold": 1, "double_sided": True}, False),
        ({"column": "x", "threshold": 1, "double_sided": False}, False),
    ],
    "expect_column_values_to_be_between": [
        ({"column": "x", "min_value": -10, "max_value": 10}, True),
        ({"column": "x", "min_value": 0, "max_value": 1}, False),
        ({"column": "rank", "min_value": 0, "strict_min": True}, False),
        ({"column": "at", "min_value": DAY(3), "max_value": DAY(5)}, False),
        ({"column": "x", "min_value": 0, "mostly": 0.1}, True),
        ({"column": "x", "min_value": 0, "max_value": 1, "row_condition": ONLY_CATS}, False),
        ({"column": "x", "min_value": 0, "max_value": 1, "row_condition": RANKED}, False),
        ({"column": "x", "min_value": -10, "row_condition": RANKED}, True),
    ],
    "expect_column_values_to_be_in_set": [
        ({"column": "label", "value_set": ["cat", "犬", "naïve", "it's", "a%b"]}, True),
        (SETS, False),
        ({"column": "rank", "value_set": [0, 1]}, False),
        ({"column": "label", "value_set": ["it's"]}, False),
    ],
    "expect_column_values_to_be_json_parseable": [
        ({"column": "fine"}, True),
        ({"column": "json"}, False),
    ],
    "expect_column_values_to_be_null": [
        ({"column": "nothing"}, True),
        ({"column": "x"}, False),
    ],
    "expect_column_values_to_be_unique": [
        ({"column": "id"}, True),
        ({"column": "label"}, False),
        ({"column": "x"}, True),
    ],
    "expect_column_values_to_match_regex": [
        ({"column": "id", "regex": r"^i\d{3}$"}, True),
        ({"column": "label", "regex": "a"}, False),
        ({"column": "label", "regex": "[ï犬]"}, False),
        ({"column": "label", "regex": "it's"}, False),
        ({"column": "label", "regex": "(?i)CAT|%"}, False),
    ],
    "expect_column_values_to_match_regex_list": [
        ({"column": "label", "regex_list": [".", "z"], "match_on": "any"}, True),
        ({"column": "label", "regex_list": ["a", "t"], "match_on": "all"}, False),
        ({"column": "label", "regex_list": ["^c", "犬"], "match_on": "any"}, False),
    ],
    "expect_column_values_to_match_strftime_format": [
        ({"column": "day", "strftime_format": "%Y-%m-%d"}, True),
        ({"column": "day", "strftime_format": "%d.%m.%Y"}, False),
        ({"column": "when", "strftime_format": "%Y-%m-%d %H:%M"}, False),
    ],
    "expect_column_values_to_not_be_in_set": [
        ({"column": "label", "value_set": ["dog"]}, True),
        (SETS, False),
    ],
    "expect_column_values_to_not_be_null": [
        ({"column": "id"}, True),
        ({"column": "x"}, False),
        ({"column": "label"}, False),
    ],
    "expect_column_values_to_not_be_outliers": [
        ({"column": "x", "method": "iqr", "multiplier": 9}, True),
        ({"column": "x", "method": "iqr", "multiplier": 0.5}, False),
        ({"column": "x", "method": "std", "multiplier": 1}, False),
    ],
    "expect_column_values_to_not_match_regex": [
        ({"column": "label", "regex": "dog"}, True),
        ({"column": "label", "regex": "^[cn]"}, False),
    ],
    "expect_column_values_to_not_match_regex_list": [
        ({"column": "label", "regex_list": ["dog", "bird"]}, True),
        ({"column": "label", "regex_list": ["dog", "犬"]}, False),
    ],
    "expect_compound_columns_to_be_unique": [
        ({"column_list": ["id", "label"]}, True),
        ({"column_list": ["label", "rank"]}, False),
        ({"column_list": ["label", "rank"], "ignore_row_if": "any_value_is_missing"}, False),
    ],
    "expect_multicolumn_sum_to_equal": [
        ({"column_list": ["parity", "other"], "sum_total": 1}, True),
        ({"column_list": ["parity", "rank"], "sum_total": 1}, False),
    ],
    "expect_multicolumn_values_to_be_equal": [
        ({"column_list": ["label", "again"]}, True),
        ({"column_list": ["rank", "parity"]}, False),
    ],
    "expect_select_column_values_to_be_unique_within_record": [
        ({"column_list": ["id", "label"]}, True),
        ({"column_list": ["label", "again"]}, False),
        ({"column_list": ["rank", "parity"]}, False),
    ],
    "expect_table_column_count_to_be_between": [({"min_value": 2}, True), ({"max_value": 2}, False)],
    "expect_table_column_count_to_equal": [({"value": 18}, True), ({"value": 2}, False)],
    "expect_table_columns_to_match_ordered_list": [
        ({"column_list": ["id", "number", "rank", "parity", "other", "x", "upper", "label", "again", "at", "day", "when", "json", "fine",
                          "nothing", "yes", "box", 'odd "name; --']}, True),
        ({"column_list": ["number", "id"]}, False),
    ],
    "expect_table_columns_to_match_set": [
        ({"column_set": ["x", "id"], "exact_match": False}, True),
        ({"column_set": ["x", "id"]}, False),
    ],
    "expect_table_row_count_to_be_between": [({"min_value": 1}, True), ({"max_value": 5}, False)],
    "expect_table_row_count_to_equal": [({"value": 201}, True), ({"value": 5}, False)],
}  # fmt: skip
# Compared otherwise, below.
BESIDE = {
    "expect_column_values_to_match_like_pattern": "pandas has none: against the same pattern as a regular expression",
    "expect_column_values_to_match_like_pattern_list": "pandas has none: against the same patterns as regular expressions",
    "expect_column_values_to_not_match_like_pattern": "pandas has none: against the same pattern as a regular expression",
    "expect_column_values_to_not_match_like_pattern_list": "pandas has none: against the same patterns as regular expressions",
    "expect_column_values_to_be_of_type": "types have other names in each engine",
    "expect_column_values_to_be_in_type_list": "types have other names in each engine",
    "expect_column_type_to_be": "types have other names in each engine",
    "expect_table_row_count_to_equal_other_table": "pandas has no second table: against the counts themselves",
    "unexpected_rows_expectation": "pandas has no SQL: against the count itself",
}
LEFT_OUT = contract.UNSUPPORTED


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    import random

    draw = random.Random(5)
    labels = ["cat", "cat", "cat", "犬", "naïve", "it's", "a%b", None]
    n = 201
    x = [None if i % 23 == 7 else draw.gauss(0, 1) for i in range(n)]
    label = [draw.choice(labels) for _ in range(n)]
    start = DAY(1)
    frame = pd.DataFrame(
        {
            "id": [f"i{i:03}" for i in range(n)],
            "number": list(range(n)),
            "rank": [draw.randrange(5) for _ in range(n)],
            "parity": [i % 2 for i in range(n)],
            "other": [1 - i % 2 for i in range(n)],
            "x": x,
            "upper": [None if v is None else v + 1 for v in x],
            "label": label,
            "again": label,
            "at": [None if i % 31 == 3 else start + dt.timedelta(hours=i) for i in range(n)],
            "day": [(start + dt.timedelta(days=i)).date().isoformat() for i in range(n)],
            "when": [None if i % 7 == 0 else "2024-02-30 10:00" if i % 5 == 0 else "2024-02-28 10:00" for i in range(n)],
            "json": [None if i % 9 == 0 else "{" if i % 4 == 0 else '{"n": 1}' if i % 2 else "[1, 2]" for i in range(n)],
            "fine": [json.dumps({"ü": i}) for i in range(n)],
            "nothing": pd.Series([None] * n, dtype="str"),
            "yes": [i % 3 == 0 for i in range(n)],
            "box": [[1.0, 2.0]] * n,
            'odd "name; --': [f"o{i % 3}" for i in range(n)],
        }
    )
    path = tmp_path_factory.mktemp("data") / "data.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def frame(file):
    return pd.read_parquet(file)


def ours(tmp_path_factory, file, asked):
    """Rows in the order of `asked`, a list of (type, kwargs)."""
    suite = tmp_path_factory.mktemp("suite") / "suite.json"
    body = [{"type": kind, "kwargs": kwargs, "meta": {"table": "data"}} for kind, kwargs in asked]
    suite.write_text(json.dumps({"name": "all", "expectations": body}, default=str))
    done = contract.run(contract.load(suite), {"data": file, "second": file})
    return list(done.rows.values())


def theirs(frame, asked):
    """Results of Great Expectations on pandas."""
    with contract._quiet():
        import great_expectations as gx

        known = contract._known()
        context = gx.get_context(mode="ephemeral")
        batch = (
            context.data_sources.add_pandas("p")
            .add_dataframe_asset("a")
            .add_batch_definition_whole_dataframe("b")
            .get_batch({"dataframe": frame})
        )
        return [batch.validate(known[kind](**kwargs), result_format="SUMMARY") for kind, kwargs in asked]


ASKED = [(kind, kwargs, met) for kind, cases in CASES.items() for kwargs, met in cases]


@pytest.fixture(scope="module")
def both(tmp_path_factory, file, frame):
    asked = [(kind, kwargs) for kind, kwargs, _ in ASKED]
    return list(zip(ours(tmp_path_factory, file, asked), theirs(frame, asked), strict=True))


@pytest.mark.parametrize("number", range(len(ASKED)), ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(ASKED)])
def test_as_on_pandas(both, number):
    mine, peer = both[number]
    kind, kwargs, met = ASKED[number]
    assert not contract._raised(peer), contract._raised(peer)
    assert mine.outcome == "found", mine.reason
    assert mine.success is bool(peer.success) is met, (kind, kwargs, mine, peer.result)
    assert (mine.unexpected or 0) == (peer.result.get("unexpected_count") or 0)
    if peer.result.get("unexpected_percent") is not None and mine.percent is not None:
        assert mine.percent == pytest.approx(peer.result["unexpected_percent"])
    if mine.elements is not None and "element_count" in peer.result:
        assert mine.elements == peer.result["element_count"]
    assert same(mine.observed, plain(peer.result.get("observed_value"))), (mine.observed, peer.result["observed_value"])


def same(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(*pair) for pair in zip(a, b, strict=True))
    return a == b


LIKE = [
    ("expect_column_values_to_match_like_pattern", {"column": "label", "like_pattern": "c%"}, "expect_column_values_to_match_regex", "^c"),
    ("expect_column_values_to_match_like_pattern", {"column": "id", "like_pattern": "i___"}, "expect_column_values_to_match_regex", "^i...$"),
    ("expect_column_values_to_match_like_pattern_list", {"column": "label", "like_pattern_list": ["c%", "%犬%"]}, "expect_column_values_to_match_regex", "^c|犬"),
    ("expect_column_values_to_match_like_pattern_list", {"column": "id", "like_pattern_list": ["i%"]}, "expect_column_values_to_match_regex", "^i"),
    ("expect_column_values_to_not_match_like_pattern", {"column": "label", "like_pattern": "%'%"}, "expect_column_values_to_not_match_regex", "'"),
    ("expect_column_values_to_not_match_like_pattern", {"column": "label", "like_pattern": "dog"}, "expect_column_values_to_not_match_regex", "^dog$"),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "label", "like_pattern_list": ["c%", "na%"]}, "expect_column_values_to_not_match_regex", "^c|^na"),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "id", "like_pattern_list": ["c%"]}, "expect_column_values_to_not_match_regex", "^c"),
]  # fmt: skip


def test_like_patterns_count_as_regular_expressions_do_on_pandas(tmp_path_factory, file, frame):
    mine = ours(tmp_path_factory, file, [(kind, kwargs) for kind, kwargs, _, _ in LIKE])
    peers = theirs(frame, [(kind, {"column": kwargs["column"], "regex": regex}) for _, kwargs, kind, regex in LIKE])
    assert [(row.success, row.unexpected) for row in mine] == [
        (bool(peer.success), peer.result["unexpected_count"]) for peer in peers
    ]
    assert {row.success for row in mine} == {True, False}


def test_types_have_duckdbs_names(tmp_path_factory, file):
    rows = ours(
        tmp_path_factory,
        file,
        [
            ("expect_column_values_to_be_of_type", {"column": "x", "type_": "DOUBLE"}),
            ("expect_column_values_to_be_of_type", {"column": "x", "type_": "VARCHAR"}),
            ("expect_column_values_to_be_in_type_list", {"column": "at", "type_list": ["TIMESTAMP", "DATE"]}),
            ("expect_column_values_to_be_in_type_list", {"column": "at", "type_list": ["VARCHAR"]}),
            ("expect_column_type_to_be", {"column": "number", "type_": "BIGINT"}),
            ("expect_column_type_to_be", {"column": "box", "type_": "DOUBLE[]"}),
            ("expect_column_type_to_be", {"column": "yes", "type_": "VARCHAR"}),
        ],
    )
    assert [row.success for row in rows] == [True, False, True, False, True, True, False], rows


def test_two_tables_and_custom_sql(tmp_path_factory, file, frame):
    short = "SELECT id, label FROM {batch} WHERE regexp_matches(label, '^c') AND label <> ' :word' AND id NOT LIKE '%{{%'"
    both = "SELECT a.id FROM {batch} a JOIN second b USING (id) WHERE a.label IS DISTINCT FROM b.again"
    rows = ours(
        tmp_path_factory,
        file,
        [
            ("expect_table_row_count_to_equal_other_table", {"other_table_name": "second"}),
            ("unexpected_rows_expectation", {"unexpected_rows_query": short}),
            ("unexpected_rows_expectation", {"unexpected_rows_query": both}),
        ],
    )
    assert [row.success for row in rows] == [True, False, True], rows
    assert rows[1].observed == int(frame["label"].str.contains("^c", na=False).sum())


def test_every_core_expectation_is_covered_or_left_out_with_a_reason():
    with contract._quiet():
        known = set(contract._known())
    assert known == CASES.keys() | BESIDE.keys() | LEFT_OUT.keys()
    assert len(known) == len(CASES) + len(BESIDE) + len(LEFT_OUT)
    assert all({met for _, met in cases} == {True, False} for cases in CASES.values())
