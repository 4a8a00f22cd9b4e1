"""The mean number that groups of annotators give, and that groups of items get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures._groups import ALONE, ATTRIBUTES, MOMENTS, compare
from auditor.measures.group_rate import _CLUSTERS
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "mean of the numbers given by attribute of the annotator or of the item, against all others with that attribute"
SOURCE = (
    "ratio of cluster totals with linearised variance: Cochran, Sampling Techniques, 1977, section 6.3; "
    "Welch's t, Biometrika 34, 1947, and the group drawn by lot: Mielke and Berry, Permutation Methods, 2007, chapter 2; "
    "Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "of", "key", "value")
EMPTY = "no attribute of annotators or items makes groups, or no task asks for numbers"
READS = ("annotation.value", "vote", "vote_code", "vote_task", "vote_item", "annotator", "item.item_id")
OPTIONAL = ("annotator", "item")
ANY_OF = (("annotator.attributes", "item.attributes"),)
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "of": Column("VARCHAR", "annotator | item: whose attribute, and what the clusters are"),
    "key": Column("VARCHAR", "name of the attribute"),
    "value": Column("VARCHAR", "its value, which makes the group"),
    "clusters": Column("BIGINT", "annotators (or items) in the group"),
    "rest_clusters": Column("BIGINT", "annotators (or items) with another value"),
    "n": Column("BIGINT", "numbers given by (or for) the group"),
    "mean": Column("DOUBLE", "their mean"),
    "rest": Column("DOUBLE", "mean of all others"),
    "difference": Column("DOUBLE", "mean - rest"),
    "low": Column("DOUBLE", "lower end of its 95 % interval, clustered", absent=ALONE),
    "high": Column("DOUBLE", "upper end", absent=ALONE),
    "effect": Column("DOUBLE", "difference over the standard deviation between clusters"),
    "p": Column("DOUBLE", "two-sided p value, the larger of Welch's and of the group drawn by lot", "0..1", absent=ALONE),
    "q": Column("DOUBLE", "corrected over the groups of the task and kind of attribute", "0..1", absent=ALONE),
}
# Sums of decimals are the same in any order; sums of doubles are taken in a fixed one. A number beyond 1e15 fits none (value_range
# names it).
_QUERY = """
WITH described AS ({described}), attribute AS MATERIALIZED ({attributes}), answer AS (
  SELECT v.task, {cluster} AS cluster, c.value FROM vote AS v
  JOIN vote_task AS t ON t.task_code = v.task AND t.numeric
  JOIN vote_code AS c ON c.kind = 'label' AND c.code = v.label AND c.value IS NOT NULL
  WHERE first AND NOT v.several AND {cluster} IN (SELECT cluster FROM attribute) AND abs(c.value) < 1e15
), clustered AS (
  SELECT task, cluster, count(*) AS n, sum(CAST(value AS DECIMAL(28, 6))) AS x FROM answer GROUP BY ALL
), cell AS (
  SELECT task, key, a.value, count(*) AS m, sum(n) AS n, fsum(x ORDER BY cluster) AS x, sum(n * n) AS nn,
         fsum(CAST(x AS DOUBLE) * n ORDER BY cluster) AS xn, fsum(CAST(x AS DOUBLE) * x ORDER BY cluster) AS xx,
         sum(CAST(n AS HUGEINT) * n * n) AS nnn, fsum(CAST(x AS DOUBLE) * n * n ORDER BY cluster) AS xnn,
         fsum(CAST(x AS DOUBLE) * x * n ORDER BY cluster) AS xxn, fsum(CAST(x AS DOUBLE) * x * x ORDER BY cluster) AS xxx
  FROM clustered JOIN attribute AS a USING (cluster) GROUP BY ALL
)
SELECT '{of}' AS of, t.task, key, c.value, {moments}, {alls}
FROM cell AS c JOIN vote_task AS t ON t.task_code = c.task
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare the groups of every attribute that has at most `MAX_VALUES` values, on tasks whose answers are numbers.

    Args:
        inputs: the tables annotator and item, the measures vote, vote_code, vote_task, vote_item.

    Returns:
        Arrow with `COLUMNS`; interval and p are NULL where a group or its rest has fewer than 2 clusters.
    """
    import pyarrow as pa

    parts = " UNION ALL ".join(
        "FROM (" + _QUERY.format(
            of=of, cluster="v.annotator" if of == "annotator" else "v.item", described=described, attributes=ATTRIBUTES,
            moments=", ".join(f"CAST(c.{name} AS DOUBLE) AS {name}" for name in MOMENTS),
            alls=", ".join(
                f"fsum(CAST(c.{name} AS DOUBLE)) OVER (PARTITION BY c.task, key ORDER BY c.value "
                f"ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS all_{name}" for name in MOMENTS
            ),
        ) + ")"
        for of, described in _CLUSTERS.items()
    )  # fmt: skip
    table = inputs.con.sql(f"SELECT * FROM ({parts}) ORDER BY task, of, key, value").to_arrow_table()
    found = compare(table, ("task", "of"), "d")
    found["mean"] = found.pop("rate")
    other = {"clusters": table["m"], "rest_clusters": pa.array(table["all_m"].to_numpy() - table["m"].to_numpy())}
    named = {name: pa.array(values, from_pandas=True) for name, values in found.items()} | other
    return pa.table({name: named[name] if name in named else table[name] for name in COLUMNS})
