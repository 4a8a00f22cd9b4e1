"""How often groups of annotators give a label, and groups of items get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures._groups import ALONE, ATTRIBUTES, MOMENTS, compare
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = "share of votes for each label by attribute of the annotator or of the item, against all others with that attribute"
SOURCE = (
    "ratio of cluster totals with linearised variance: Cochran, Sampling Techniques, 1977, section 6.3; "
    "Welch's t, Biometrika 34, 1947, and the group drawn by lot: Mielke and Berry, Permutation Methods, 2007, chapter 2; "
    "Cohen's h: Statistical Power Analysis, 1988, chapter 6; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "of", "key", "value", "label")
EMPTY = "no attribute of annotators or items makes groups, or no task has labels that exclude each other"
READS = ("vote", "vote_code", "vote_task", "vote_item", "annotator", "item.item_id")
OPTIONAL = ("annotator", "item")
ANY_OF = (("annotator.attributes", "item.attributes"),)
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "of": Column("VARCHAR", "annotator | item: whose attribute, and what the clusters are"),
    "key": Column("VARCHAR", "name of the attribute"),
    "value": Column("VARCHAR", "its value, which makes the group"),
    "label": Column("VARCHAR", "the class"),
    "clusters": Column("BIGINT", "annotators (or items) in the group"),
    "rest_clusters": Column("BIGINT", "annotators (or items) with another value"),
    "n": Column("BIGINT", "votes of the group"),
    "x": Column("BIGINT", "of these, votes for the label"),
    "rate": Column("DOUBLE", "x / n", "0..1"),
    "rest": Column("DOUBLE", "the same share of all others", "0..1"),
    "difference": Column("DOUBLE", "rate - rest", "-1..1"),
    "low": Column("DOUBLE", "lower end of its 95 % interval, clustered", absent=ALONE),
    "high": Column("DOUBLE", "upper end", absent=ALONE),
    "effect": Column("DOUBLE", "Cohen's h: 0.2 is small, 0.5 medium, 0.8 large", "-pi..pi"),
    "p": Column("DOUBLE", "two-sided p value, the larger of Welch's and of the group drawn by lot", "0..1", absent=ALONE),
    "q": Column("DOUBLE", "corrected over the groups and labels of the task and kind of attribute", "0..1", absent=ALONE),
}
_CLUSTERS = {
    "annotator": "SELECT c.code AS cluster, a.attributes FROM annotator AS a "
    "JOIN vote_code AS c ON c.kind = 'annotator' AND c.text = a.annotator_id",
    "item": "SELECT v.item AS cluster, attributes FROM item JOIN vote_item AS v USING (item_id) WHERE cardinality(attributes) > 0",
}
_QUERY = """
WITH described AS ({described}), attribute AS MATERIALIZED ({attributes}), counted AS MATERIALIZED (
  SELECT v.task, {cluster} AS cluster, label, count(*) AS x FROM vote AS v
  JOIN vote_task AS t ON t.task_code = v.task AND t.exclusive AND NOT t.numeric
  WHERE first AND NOT v.several AND {cluster} IN (SELECT cluster FROM attribute)
  GROUP BY ALL
), sized AS MATERIALIZED (
  SELECT task, cluster, CAST(sum(x) AS BIGINT) AS n FROM counted GROUP BY ALL
), bulk AS (
  SELECT task, key, value, count(*) AS m, sum(n) AS n, sum(n * n) AS nn, sum(CAST(n AS HUGEINT) * n * n) AS nnn
  FROM sized JOIN attribute USING (cluster) GROUP BY ALL
), hit AS (
  SELECT task, key, value, label, sum(x) AS x, sum(x * n) AS xn, sum(x * x) AS xx,
         sum(CAST(x AS HUGEINT) * n * n) AS xnn, sum(CAST(x AS HUGEINT) * x * n) AS xxn, sum(CAST(x AS HUGEINT) * x * x) AS xxx
  FROM counted JOIN sized USING (task, cluster) JOIN attribute USING (cluster) GROUP BY ALL
), used AS (
  SELECT DISTINCT task, key, label FROM hit
), cell AS (
  SELECT task, key, value, label, m, n, coalesce(x, 0) AS x, nn, coalesce(xn, 0) AS xn, coalesce(xx, 0) AS xx, nnn,
         coalesce(xnn, 0) AS xnn, coalesce(xxn, 0) AS xxn, coalesce(xxx, 0) AS xxx
  FROM bulk JOIN used USING (task, key) LEFT JOIN hit USING (task, key, value, label)
)
SELECT '{of}' AS of, t.task, key, c.value, l.text AS label, {moments}, {alls}
FROM cell AS c JOIN vote_task AS t ON t.task_code = c.task JOIN vote_code AS l ON l.kind = 'label' AND l.code = c.label
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare the groups of every attribute that has at most `MAX_VALUES` values, on exclusive tasks with named labels.

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
                f"CAST(sum(c.{name}) OVER (PARTITION BY c.task, key, c.label) AS DOUBLE) AS all_{name}" for name in MOMENTS
            ),
        ) + ")"
        for of, described in _CLUSTERS.items()
    )  # fmt: skip
    table = inputs.con.sql(f"SELECT * FROM ({parts}) ORDER BY task, of, key, value, label").to_arrow_table()
    found = compare(table, ("task", "of"), "h")
    other = {"clusters": table["m"], "rest_clusters": pa.array(table["all_m"].to_numpy() - table["m"].to_numpy())}
    named = {name: pa.array(values, from_pandas=True) for name, values in found.items()} | other
    return pa.table({name: named[name] if name in named else table[name] for name in COLUMNS})
