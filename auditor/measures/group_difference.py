"""What a model takes for one class, labelled as another: how often, in groups of items and of annotators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.measures._groups import ALONE, ATTRIBUTES, MOMENTS, compare
from auditor.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from auditor.measure import Inputs

MEANING = (
    "annotations whose label is not the class that a model predicts, by attribute of the item or of the annotator, against the rest"
)
SOURCE = (
    "differential item functioning with the predicted class as the matching variable (Holland and Wainer, Differential Item "
    "Functioning, 1993); ratio of cluster totals: Cochran, Sampling Techniques, 1977, section 6.3; Welch's t, Biometrika 34, 1947, "
    "and the group drawn by lot: Mielke and Berry, Permutation Methods, 2007, chapter 2; "
    "Cohen's h, 1988; Benjamini and Hochberg, JRSS B 57, 1995"
)
KEY = ("task", "model", "of", "key", "value", "predicted", "label")
EMPTY = "no attribute of annotators or items makes groups among labels that differ from the predicted class"
READS = ("label_quality", "annotation.item_id", "annotator", "item.item_id")
OPTIONAL = ("annotator", "item")
ANY_OF = (("annotator.attributes", "item.attributes"),)
COLUMNS = {
    "task": Column("VARCHAR", "the question asked"),
    "model": Column("VARCHAR", "whose predictions"),
    "of": Column("VARCHAR", "annotator | item: whose attribute, and what the clusters are"),
    "key": Column("VARCHAR", "name of the attribute"),
    "value": Column("VARCHAR", "its value, which makes the group"),
    "predicted": Column("VARCHAR", "the class that the model finds most probable"),
    "label": Column("VARCHAR", "another label, given to some of these"),
    "clusters": Column("BIGINT", "items (or annotators) of the group with an annotation that is predicted so"),
    "rest_clusters": Column("BIGINT", "the same of all other values of the attribute"),
    "n": Column("BIGINT", "annotations of the group that are predicted so"),
    "x": Column("BIGINT", "of these, those labelled so"),
    "rate": Column("DOUBLE", "x / n", "0..1"),
    "rest": Column("DOUBLE", "the same share of all others", "0..1"),
    "difference": Column("DOUBLE", "rate - rest", "-1..1"),
    "low": Column("DOUBLE", "lower end of its 95 % interval, clustered", absent=ALONE),
    "high": Column("DOUBLE", "upper end", absent=ALONE),
    "effect": Column("DOUBLE", "Cohen's h: 0.2 is small, 0.5 medium, 0.8 large", "-pi..pi"),
    "p": Column("DOUBLE", "two-sided p value, the larger of Welch's and of the group drawn by lot", "0..1", absent=ALONE),
    "q": Column(
        "DOUBLE", "corrected over groups and pairs of classes of the task, model and kind of attribute", "0..1", absent=ALONE
    ),
}
_IDS = {"annotator": "annotator_id", "item": "item_id"}
_QUERY = """
WITH described AS (
  SELECT {id} AS cluster, attributes FROM {of} WHERE cardinality(attributes) > 0
), attribute AS MATERIALIZED ({attributes}), judged AS MATERIALIZED (
  SELECT q.task, q.model, {cluster} AS cluster, q.predicted, q.label
  FROM label_quality AS q {join} WHERE q.known AND {cluster} IS NOT NULL
), sized AS MATERIALIZED (
  SELECT task, model, cluster, predicted, count(*) AS n FROM judged GROUP BY ALL
), other AS MATERIALIZED (
  SELECT task, model, cluster, predicted, label, count(*) AS x FROM judged WHERE label <> predicted GROUP BY ALL
), bulk AS (
  SELECT task, model, key, value, predicted, count(*) AS m, sum(n) AS n, sum(n * n) AS nn, sum(CAST(n AS HUGEINT) * n * n) AS nnn
  FROM sized JOIN attribute USING (cluster) GROUP BY ALL
), hit AS (
  SELECT task, model, key, value, predicted, label, sum(x) AS x, sum(x * n) AS xn, sum(x * x) AS xx,
         sum(CAST(x AS HUGEINT) * n * n) AS xnn, sum(CAST(x AS HUGEINT) * x * n) AS xxn, sum(CAST(x AS HUGEINT) * x * x) AS xxx
  FROM other JOIN sized USING (task, model, cluster, predicted) JOIN attribute USING (cluster) GROUP BY ALL
), used AS (
  SELECT DISTINCT task, model, key, predicted, label FROM hit
)
SELECT '{of}' AS of, task, model, key, value, predicted, label, m, n, coalesce(x, 0) AS x, nn,
       coalesce(xn, 0) AS xn, coalesce(xx, 0) AS xx, nnn, coalesce(xnn, 0) AS xnn, coalesce(xxn, 0) AS xxn, coalesce(xxx, 0) AS xxx
FROM bulk JOIN used USING (task, model, key, predicted) LEFT JOIN hit USING (task, model, key, value, predicted, label)
"""


def compute(inputs: Inputs) -> pa.Table:
    """Compare the groups of every attribute that has at most `MAX_VALUES` values, among annotations that are predicted alike.

    Args:
        inputs: the tables annotation, annotator, item, the measure label_quality.

    Returns:
        Arrow with `COLUMNS`, a row for each group and each pair of classes that occurs with the attribute; interval and p are
        NULL where a group or its rest has fewer than 2 clusters.
    """
    import pyarrow as pa

    cells = " UNION ALL ".join(
        "FROM (" + _QUERY.format(
            of=of, id=name, attributes=ATTRIBUTES, cluster="q.item_id" if of == "item" else "a.annotator_id",
            join="" if of == "item" else "JOIN annotation AS a USING (annotation_id)",
        ) + ")"
        for of, name in _IDS.items()
    )  # fmt: skip
    moments = ", ".join(
        f"CAST({name} AS DOUBLE) AS {name}, CAST(sum({name}) OVER (PARTITION BY of, task, model, key, predicted, label) AS DOUBLE) "
        f"AS all_{name}"
        for name in MOMENTS
    )
    names = "task, model, of, key, value, predicted, label"
    table = inputs.con.sql(f"SELECT {names}, {moments} FROM ({cells}) ORDER BY {names}").to_arrow_table()
    found = compare(table, ("task", "model", "of"), "h")
    other = {"clusters": table["m"], "rest_clusters": pa.array(table["all_m"].to_numpy() - table["m"].to_numpy())}
    named = {name: pa.array(values, from_pandas=True) for name, values in found.items()} | other
    return pa.table({name: named[name] if name in named else table[name] for name in COLUMNS})
