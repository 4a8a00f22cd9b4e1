"""COCO instances to Parquet: 300,000 generated annotations, beside json + pandas."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import as_base_install

ANNOTATIONS = 300_000
IMAGES = 40_000


def generate(path: Path) -> None:
    """An instances file shaped like COCO's own: polygons, areas, 80 classes."""
    draw = random.Random(7)
    images = [{"id": n, "file_name": f"{n:012}.jpg", "width": 640, "height": 480} for n in range(IMAGES)]
    annotations = []
    for n in range(ANNOTATIONS):
        x, y, w, h = (round(draw.uniform(0, 300), 2) for _ in range(4))
        ring = [round(draw.uniform(0, 480), 2) for _ in range(2 * draw.randint(4, 20))]
        annotations.append({"id": n, "image_id": draw.randrange(IMAGES), "category_id": draw.randint(1, 80), "bbox": [x, y, w, h],
                            "area": round(w * h, 2), "iscrowd": 0, "segmentation": [ring]})  # fmt: skip
    categories = [{"id": n, "name": f"class {n}", "supercategory": "thing"} for n in range(1, 81)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def ours(path: Path) -> None:
    from auditor import formats
    from auditor.engines import duckdb as engine
    from auditor.stage import Source, Stage

    with tempfile.TemporaryDirectory() as work:
        con = engine.connect(Path(work))
        stage = Stage(con, Path(work))
        formats.read(Source(path), stage)
        tables = stage.finish(Path(work))
        assert tables.rows["annotation"] == ANNOTATIONS


def peer(path: Path) -> None:
    import pandas as pd

    with path.open() as stream:
        loaded = json.load(stream)
    with tempfile.TemporaryDirectory() as work:
        for name in ("images", "annotations", "categories"):
            pd.DataFrame(loaded[name]).to_parquet(Path(work) / f"{name}.parquet")


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        as_base_install()
    {"generate": generate, "ours": ours, "peer": peer}[sys.argv[1]](Path(sys.argv[2]))
