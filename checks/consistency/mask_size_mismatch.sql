-- /// check
-- title      = "A mask has another size than its image"
-- why        = "Laid over the image it is shifted, stretched or refused; often it was drawn on a thumbnail or with width and height swapped."
-- fix        = "Find the size at which it was drawn and scale the mask, or export it again."
-- wrong_when = "Masks are stored smaller on purpose and your loader scales them."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO format: the size of a run-length code is that of its image"
-- ///
SELECT item_id, a.annotation_id, a.annotator_id, a.label, mask.width AS mask_width, mask.height AS mask_height, i.width, i.height,
       format('the mask has {} x {} pixels, its image {} x {}{}', mask.width, mask.height, i.width, i.height,
              if(mask.width = i.height AND mask.height = i.width, ': width and height are swapped', '')) AS message
FROM annotation AS a JOIN item AS i USING (item_id)
WHERE mask IS NOT NULL AND (mask.width <> i.width OR mask.height <> i.height)
