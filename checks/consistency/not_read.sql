-- /// check
-- title      = "Annotations of the source were not read"
-- why        = "Nothing was asked of them: a verdict that is silent about a part of the release must not be green."
-- fix        = "Export that part in a form that is read (run-length codes or polygons instead of PNG files), or audit without its file."
-- wrong_when = "The same objects stand in another file of the source that was read: leave this file out."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "dataset"
-- key        = ["kind", "file", "detail"]
-- source     = "completeness: ISO/IEC 25012 data quality model"
-- ///
SELECT item_id, annotation_id, "of" AS kind, file, detail, coalesce(detail, 'a part of the source was not read') AS message
FROM intake
WHERE problem = 'not_read'
