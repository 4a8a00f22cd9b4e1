-- /// check
-- title      = "Two images show nearly the same picture"
-- why        = "Near copies count twice in training, and leak when they fall into different splits."
-- fix        = "Look at both: keep the better one, or keep them in one split and group."
-- wrong_when = "The items are frames of one video, or pages of one form."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = [["item_id", "other_item"]]
-- source     = "Zauner 2010 (perceptual hash); CleanVision near duplicates; pixels confirm"
-- looks_at   = "SELECT 1 FROM image WHERE phash IS NOT NULL"
-- nothing    = "no file is a readable image of 32 pixels or more"
-- [params]
-- max_hamming = { value = 5, help = "bits in which the perceptual hashes may differ (0..5)" }
-- min_correlation = { value = 0.9, help = "correlation of brightness at 64 x 64 (-1..1) that two copies reach" }
-- max_block = { value = 0.4, help = "largest difference that one of 8 x 8 blocks may show, in standard deviations of brightness: copies differ a little everywhere, different pictures much somewhere" }
-- ///
SELECT item_a AS item_id, item_b AS other_item, hamming, correlation, block_distance, least(1.0, correlation) AS score,
       format('nearly the same picture as another item: brightness correlates at {:.3f}, hashes differ by {} of 64 bits', correlation, hamming) AS message
FROM image_pair
WHERE hamming <= $max_hamming AND correlation >= $min_correlation AND block_distance <= $max_block
