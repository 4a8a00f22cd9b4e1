"""Datasets written for the report's tests: hostile texts, secrets, and many findings over many pictures."""

from __future__ import annotations

import csv
import datetime as dt
import json
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from auditor import api
from auditor.stage import Source

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = dt.date(2026, 1, 31)
# Nothing of these may reach a browser as markup, or an eye unseen.
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{7*7}} {% raw %} ${7*7}",
    "\"><svg onload=alert(1)>' onfocus='x",
    "left \u202eright\u2066 \u200bhidden",
    "bell \x07 escape \x1b[31m tag \U000e0041",
    "</style></title></textarea><!--",
    "&lt;b&gt; &amp; &#x3c;",
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "javascript:alert(1)",
)
SECRETS = {
    "item": "CANARYITEM7f3a",
    "label": "CANARYLABEL91bc",
    "text": "CANARYTEXTd02e",
    "annotator": "CANARYANNOTATOR55aa",
    "file": "CANARYFILE0c1d",
}

_CHECK = """\
-- /// check
-- title      = "{title}"
-- why        = "A test needs many findings."
-- fix        = "Delete it."
-- wrong_when = "Always."
-- severity   = "{severity}"
-- tolerance  = 0
-- unit       = "annotation"
-- scope      = "annotation"
-- key        = ["annotation_id"]
-- source     = "this test"
-- optional   = ["annotation.annotator_id", "annotation.label"]
-- ///
{sql}
"""
_CASES = """\
[[case]]
name = "one"
finds = 1
annotation = [{ annotation_id = "a", item_id = "i", type = "class", label = "x", annotator_id = "p", x = 1, y = 1, w = 1, h = 1 }]
[[case]]
name = "none"
finds = 0
annotation = [{ annotation_id = "a", item_id = "i", type = "class" }]
"""
_LABELS = """\
SELECT item_id, annotation_id, annotator_id, label, 0.5 AS score, label AS quoted, [label, item_id] AS both,
       'somebody says ' || label AS message
FROM annotation WHERE label IS NOT NULL"""
_BOXES = """\
SELECT item_id, annotation_id, label, w / 1000 AS score, x, y, w, h,
       format('box of {:.1f} x {:.1f} px at ({:.1f}, {:.1f}) looks odd for its class', w, h, x, y) AS message
FROM annotation WHERE w IS NOT NULL"""


def checks(folder: Path, copies: int = 0) -> Path:
    """Checks that find every label and every box; `copies` more that each find another tenth of the boxes."""
    tenths = [(f"tenth{n}", f"A box of tenth {n}", "info", f"{_BOXES} AND hash(annotation_id) % 10 = {n}") for n in range(copies)]
    for name, title, severity, sql in (
        ("labels", "Somebody said something", "error", _LABELS),
        ("boxes", "A box looks odd", "warning", _BOXES),
        *tenths,
    ):
        path = folder / "stress" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_CHECK.format(title=title, severity=severity, sql=sql), encoding="utf-8")
        path.with_suffix(".toml").write_text(_CASES, encoding="utf-8")
    return folder


def hostile_csv(path: Path) -> Path:
    """Votes in which ids, labels, annotators and texts are all hostile."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["item_id", "annotator_id", "label", "text"])
        for nth, bad in enumerate(HOSTILE):
            for who in range(3):
                label = HOSTILE[(nth + (who == nth % 3)) % len(HOSTILE)]
                table.writerow([f"{nth} {bad}", f"w{who} {HOSTILE[who]}", label, f"a text\nof two lines {bad}"])
    return path


def secret_csv(path: Path) -> Path:
    """Votes whose every value is a canary."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["item_id", "annotator_id", "label", "text"])
        for nth in range(12):
            for who in range(3):
                label = f"{SECRETS['label']}{(nth + (who == nth % 3)) % 2}"
                table.writerow([f"{SECRETS['item']}{nth}", f"{SECRETS['annotator']}{who}", label, f"{SECRETS['text']} {nth}"])
    return path


def boxes(folder: Path, images: int, each: int, side: tuple[int, int] = (320, 240)) -> tuple[Path, Path]:
    """A COCO file and its images: noise on a ramp, which compresses as badly as photographs do."""
    random = np.random.default_rng(7)
    media = folder / "images"
    media.mkdir(parents=True)
    made: dict[str, list[dict[str, object]]] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "dust"}],
    }
    width, height = side
    for image in range(images):
        name = f"{SECRETS['file']}_{image:04}.jpg"
        ramp = np.linspace(0, 180, width)[None, :, None] + random.normal(30, 25, (height, width, 3))
        Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(media / name, quality=85)
        made["images"].append({"id": image, "file_name": name, "width": width, "height": height})
        for box in range(each):
            x, y, w, h = (round(float(value), 1) for value in random.uniform((0, 0, 5, 5), (width - 80, height - 80, 80, 80)))
            made["annotations"].append(
                {
                    "id": image * each + box,
                    "image_id": image,
                    "category_id": 1 + box % 2,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    labels = folder / "instances.json"
    labels.write_text(json.dumps(made), encoding="utf-8")
    return labels, media


def audit(source: Path, out: Path, checks_folder: Path, **more: object) -> api.Audit:
    """An audit as of a fixed day, with the checks of this file, or with those that `only` names (none: all)."""
    more.setdefault("only", ("stress",))
    media = more.pop("media", None)
    request = api.Request(
        (Source(source, media=media),), out, media=media, checks=checks_folder, as_of=AS_OF, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return api.run(request)
