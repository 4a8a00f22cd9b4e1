-- /// check
-- title      = "The times of an annotation contradict each other"
-- why        = "Evidence that a label was reviewed after it was made is worth nothing if the clock says otherwise; statistics over time go wrong."
-- fix        = "Compare time zones and units (seconds or milliseconds) of the exports; then find rows that were edited by hand."
-- wrong_when = "Rows were imported into the tool later and carry the import's time."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "process conformance: van der Aalst, Process Mining, 2016, temporal constraints"
-- optional   = ["annotation.reviewed_at", "item.captured_at", "item"]
-- [params]
-- earliest = { value = "1990-01-01", help = "date before which nothing was labelled (a zero clock says 1970)" }
-- latest = { value = "2100-01-01", help = "date after which nothing can be labelled yet; set it to the release's date" }
-- slack_s = { value = 60.0, help = "seconds that the clocks of two machines may be apart" }
-- zone_slack_h = { value = 26.0, help = "hours by which a recording's clock may be off: the widest span of time zones" }
-- ///
WITH clocked AS (
  SELECT item_id, annotation_id, annotator_id, created_at, reviewed_at, CAST(NULL AS TIMESTAMP) AS captured_at,
    CASE WHEN created_at < CAST($earliest AS TIMESTAMP) OR created_at > CAST($latest AS TIMESTAMP)
           THEN format('made in the year {}: no plausible time', year(created_at))
         ELSE format('reviewed {:.0f} s before it was made', epoch(created_at) - epoch(reviewed_at)) END AS message
  FROM annotation
  WHERE created_at < CAST($earliest AS TIMESTAMP) OR created_at > CAST($latest AS TIMESTAMP)
     OR epoch(created_at) - epoch(reviewed_at) > $slack_s
), early AS (
  -- apart, so that annotations are joined to items only where items say when they were recorded
  SELECT item_id, annotation_id, annotator_id, created_at, reviewed_at, captured_at,
    format('made {:.0f} h before its item was recorded', (epoch(captured_at) - epoch(created_at)) / 3600) AS message
  FROM annotation JOIN item USING (item_id)
  WHERE captured_at IS NOT NULL AND epoch(captured_at) - epoch(created_at) > 3600 * $zone_slack_h
)
SELECT * FROM clocked
UNION ALL
SELECT * FROM early ANTI JOIN clocked USING (item_id, annotation_id)
