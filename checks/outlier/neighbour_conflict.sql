-- /// check
-- title      = "The items that are most alike have another label"
-- why        = "Where nearly all neighbours of an item agree on another label, its own is wrong more often than not, or the item is an odd one."
-- fix        = "Look at the item beside its neighbours; mend the label, or keep it as a rare kind of its class."
-- wrong_when = "The embedding does not see what the labels tell apart: then most items of a label have neighbours of others, and the label is left out here."
-- severity   = "warning"
-- tolerance  = "3%"
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["model", "task", "item_id"]
-- source     = "k-nearest-neighbour votes: Cover and Hart, IEEE Trans. Inf. Theory 13, 1967"
-- [params]
-- max_share = { value = 0.1, help = "largest share of neighbours with the label given" }
-- min_suggested = { value = 0.8, help = "smallest share of neighbours with one other label" }
-- min_usual = { value = 0.6, help = "smallest mean share over the items of the label: below it the embedding does not tell this label from others" }
-- min_neighbours = { value = 5, help = "neighbours that must be there" }
-- ///
SELECT item_id, annotation_id, model, task, label, suggested, alike, neighbours, share, suggested_share, similarity, label_share, 1 - share AS score,
       format('labelled {}, as {} of its {} nearest neighbours are; {:.0f} % of them are {}', label, alike, neighbours, 100 * suggested_share, suggested) AS message
FROM neighbour_vote
WHERE neighbours >= $min_neighbours AND share <= $max_share AND suggested_share >= $min_suggested AND suggested <> label AND label_share >= $min_usual
