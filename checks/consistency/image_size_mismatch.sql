-- /// check
-- title      = "An image has another size than the labels say"
-- why        = "Coordinates were drawn on another picture: every box of the image is shifted or scaled."
-- fix        = "Find the picture that was labelled, or scale the coordinates. Width and height swapped: the tool applied the EXIF rotation and your loader does not."
-- wrong_when = "The folder given with --media holds thumbnails."
-- severity   = "error"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "COCO and Pascal VOC: declared image sizes; EXIF 2.32, orientation tag"
-- ///
SELECT item_id, i.width, i.height, m.width AS file_width, m.height AS file_height,
       format('declared as {} x {}, the file has {} x {}{}', i.width, i.height, m.width, m.height,
              if(i.width = m.height AND i.height = m.width, ': width and height are swapped', '')) AS message
FROM item AS i JOIN image AS m USING (item_id)
WHERE i.width <> m.width OR i.height <> m.height
