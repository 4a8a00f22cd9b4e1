"""How well the human boxes of an item fit a model's, all taken together."""

from auditor.tables import Column

MEANING = "each item's human boxes beside a model's: one score each for overlooked, badly located and swapped ones, and one in all"
SOURCE = (
    "ObjectLab: Tkachenko, Thyagarajan, Mueller, ICML DataPerf workshop 2023, section 3: softmin of temperature 0.1, geometric mean"
)
KEY = ("model", "task", "item_id")
OPTIONAL = ("box_quality",)
EMPTY = "no item has both human boxes and predicted boxes with a confidence above one half"
COLUMNS = {
    "model": Column("VARCHAR", "whose boxes"),
    "task": Column("VARCHAR", "the question asked"),
    "item_id": Column("VARCHAR", "the item"),
    "boxes": Column("BIGINT", "human boxes"),
    "overlooked": Column("DOUBLE", "softmin over predicted boxes that no human box meets; 1 without any", "0..1"),
    "badly_located": Column("DOUBLE", "softmin over human boxes", "0..1"),
    "swapped": Column("DOUBLE", "softmin over human boxes", "0..1"),
    "score": Column("DOUBLE", "their geometric mean: low is suspicious", "0..1"),
}
_SOFT = "coalesce(sum({0} * exp(-10 * {0})) / sum(exp(-10 * {0})), 1.0) AS {0}"
_POOLED = ", ".join(_SOFT.format(name) for name in ("overlooked", "badly_located", "swapped"))
SQL = f"""
WITH pooled AS (
  SELECT model, task, item_id, count(*) FILTER (NOT predicted) AS boxes, {_POOLED}
  FROM box_quality GROUP BY model, task, item_id
)
-- rounded, so that the order of addition does not show; the product of the unrounded, as its root magnifies what is lost
SELECT model, task, item_id, boxes, round(overlooked, 12) AS overlooked, round(badly_located, 12) AS badly_located,
       round(swapped, 12) AS swapped, round(pow(overlooked * badly_located * swapped, 1.0 / 3), 12) AS score
FROM pooled
"""
