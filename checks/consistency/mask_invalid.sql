-- /// check
-- title      = "A mask is empty, or its code does not fill it"
-- why        = "An object is counted that has no pixel; or every run after the fault lies in the wrong place."
-- fix        = "Draw it again, or export it again with the size at which it was drawn."
-- wrong_when = "The tool writes an empty mask for 'nothing to see': record that as a label instead."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "COCO's mask API: the run lengths of a code sum to height x width"
-- ///
SELECT item_id, annotation_id, a.annotator_id, a.label, o.pixels,
       if(whole, 'the mask holds no pixel', format('the code of the mask is none, or does not fill its {} x {} pixels', mask.width, mask.height)) AS message
FROM outline AS o JOIN annotation AS a USING (item_id, annotation_id)
WHERE NOT whole OR o.pixels = 0
