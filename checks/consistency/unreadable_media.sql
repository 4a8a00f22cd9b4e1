-- /// check
-- title      = "An item's file cannot be opened"
-- why        = "A training run stops at a broken file, or skips it without a word."
-- fix        = "Copy the file again from where it was recorded and compare sizes: most broken files are cut off. Remove the item if no good copy exists."
-- wrong_when = "The file is of a kind that Pillow and the standard library do not read, such as DICOM or JPEG 2000 with rare options."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "CleanVision and datumaro: unreadable images"
-- ///
SELECT item_id, source_id, coalesce(detail, 'the file cannot be read') AS message
FROM intake JOIN item USING (item_id)
WHERE problem = 'unreadable_media' AND located
