"""Agreement of annotators on objects, from the counterparts that `object_match` found.

Every coefficient is a mean over the objects of both annotators, which makes F1 (twice the matches over the objects of both) and
panoptic quality (Kirillov et al., CVPR 2019: sum of IoU over matches, over half the objects of both) ratios of sums over items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.measures._resample import ratios

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pyarrow as pa

_SUMS = """
WITH told AS (
  SELECT *, least(annotator_id, other_annotator_id) AS one, greatest(annotator_id, other_annotator_id) AS two,
         label IS NOT DISTINCT FROM other_label AND other_annotation_id IS NOT NULL AS same
  FROM object_match WHERE kind = '{kind}'
)
SELECT task, label, one, two, item_id, count(*) AS objects, {sums}
FROM told
GROUP BY GROUPING SETS ((task, label, one, two, item_id), (task, one, two, item_id), (task, label, item_id), (task, item_id))
HAVING grouping(label) = 1 OR label IS NOT NULL
ORDER BY task, one NULLS FIRST, two NULLS FIRST, label NULLS FIRST, item_id
"""


def agreed(
    con: duckdb.DuckDBPyConnection, kind: str, sums: Mapping[str, str], of: Mapping[str, tuple[str, str]], seed: int
) -> dict[str, pa.Array]:
    """Ratios for each task, pair of annotators and label, and for all annotators and labels together (NULL).

    Args:
        con: holds object_match.
        kind: box | span | segment.
        sums: name -> SQL of a sum over objects.
        of: coefficient -> the names of the sums that are its numerator and its denominator ("objects" is there too).
        seed: of the bootstrap.

    Returns:
        task, annotator_a, annotator_b, label, items, objects, the sums, and of each coefficient value, low and high.
    """
    import pyarrow as pa

    listed = ", ".join(f"CAST({sql} AS DOUBLE) AS {name}" for name, sql in sums.items())
    rows = con.sql(_SUMS.format(kind=kind, sums=listed)).to_arrow_table().combine_chunks()
    new = np.ones(rows.num_rows, np.bool_)
    names = ("task", "one", "two", "label")
    if rows.num_rows:
        codes = [
            rows[name].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False) for name in names
        ]
        new[1:] = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    group, head = np.cumsum(new) - 1, np.flatnonzero(new)
    held = {name: np.asarray(rows[name].to_numpy(), np.float64) for name in ("objects", *sums)}
    at = pa.array(head)
    made: dict[str, pa.Array] = {
        name: rows[column].take(at).combine_chunks()
        for name, column in zip(("task", "annotator_a", "annotator_b", "label"), names, strict=True)
    }
    made["items"] = pa.array(np.bincount(group, minlength=len(head)))
    for name, values in held.items():
        made[name] = pa.array(np.round(np.bincount(group, values, len(head)), 9))
    for name, (x, n) in of.items():
        for suffix, values in zip(("", "_low", "_high"), ratios(group, held[x], held[n], len(head), seed), strict=True):
            made[f"{name}{suffix}"] = pa.array(values, from_pandas=True)
    return made
