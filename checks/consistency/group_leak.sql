-- /// check
-- title      = "One person, session or recording stands in two splits"
-- why        = "The model recognises the person or the recording instead of the thing to be learnt, and the test does not notice."
-- fix        = "Split by the group, not by the item: move all items of a group to one split."
-- wrong_when = "The model is meant for people it has already met, such as a voice assistant adapted to its owner."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "dataset"
-- key        = ["grouping", "member"]
-- source     = "Kapoor, Narayanan, Leakage and the reproducibility crisis, Patterns 4(9) 2023, non-independence"
-- optional   = ["item.subject_id", "item.attributes"]
-- looks_at   = "SELECT 1 FROM item WHERE trim(split) <> '' AND (subject_id IS NOT NULL OR list_has_any(list_transform(map_keys(attributes), lambda name: lower(name)), $attributes)) HAVING min(split) <> max(split)"
-- nothing    = "no items of two splits say which subject, session or recording they are of"
-- [params]
-- attributes = { value = ["patient", "patient_id", "speaker", "speaker_id", "subject", "subject_id", "session", "session_id", "video", "video_id", "recording", "recording_id"], help = "item attributes, in lower case, that name a group which must not be torn apart" }
-- ///
WITH said AS (
  SELECT item_id, split, 'subject' AS grouping, subject_id AS member FROM item WHERE subject_id IS NOT NULL AND trim(split) <> ''
  UNION ALL
  SELECT item_id, split, entry.key, entry.value
  FROM (SELECT item_id, split, unnest(map_entries(attributes)) AS entry FROM item WHERE attributes IS NOT NULL AND trim(split) <> '')
  WHERE list_contains($attributes, lower(entry.key)) AND trim(entry.value) <> ''
), placed AS (
  SELECT grouping, member, split, count(*) AS items, min(item_id) AS item_id FROM said GROUP BY grouping, member, split
)
SELECT arg_min(item_id, split) AS item_id, arg_max(item_id, split) AS other_item, grouping, member, sum(items) AS items,
       format('one {} stands in {} splits: {}', replace(grouping, '_id', ''), count(*),
              string_agg(format('{} ({:,} item{})', split, items, if(items = 1, '', 's')), ', ' ORDER BY split)) AS message
FROM placed
GROUP BY grouping, member
HAVING count(*) > 1
