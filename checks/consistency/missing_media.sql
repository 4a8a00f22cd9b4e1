-- /// check
-- title      = "An item's file is not in the media folder"
-- why        = "Training skips the item or stops at it, and nobody can look at its labels."
-- fix        = "Restore the file, or remove the item and its annotations from the release. Many at once: the folder or the item's uri is off by a path component."
-- wrong_when = "The folder given with --media holds only a sample of the release."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "datumaro validator, missing media; labellint"
-- ///
SELECT item_id, source_id, coalesce(detail, 'its file is not in the media folder') AS message
FROM intake JOIN item USING (item_id)
WHERE problem = 'missing_media' AND NOT located
