-- /// check
-- title      = "An image shows nothing that could be labelled"
-- why        = "Labels on black, white or empty images are guesses."
-- fix        = "Look at the file: replace it with a good recording, or leave the item out."
-- wrong_when = "Empty or very dark scenes belong to the task, such as night sky or blank test patches."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "item"
-- scope      = "item"
-- key        = ["item_id"]
-- source     = "CleanVision: dark, light and low-information images"
-- [params]
-- min_std = { value = 2.0, help = "standard deviation of brightness (0..127.5) below which an image counts as blank" }
-- dark = { value = 6.0, help = "mean brightness (0..255) below which an image counts as black, and the same distance from 255 as white" }
-- min_entropy = { value = 0.1, help = "bits (0..8) of brightness below which an image counts as empty" }
-- ///
SELECT item_id, mean, std, entropy,
       CASE WHEN std < $min_std THEN format('the image is blank: its brightness varies by {:.1f} of 255', std)
            WHEN mean < $dark THEN format('the image is nearly black: its mean brightness is {:.1f} of 255', mean)
            WHEN mean > 255 - $dark THEN format('the image is nearly white: its mean brightness is {:.1f} of 255', mean)
            ELSE format('the image holds little information: {:.2f} bits of 8', entropy) END AS message
FROM image
WHERE std < $min_std OR mean < $dark OR (mean > 255 - $dark AND std < $dark) OR entropy < $min_entropy
