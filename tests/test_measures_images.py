"""The image measures: a hash that survives what copies go through, a search that misses no pair, pixels that tell copies from look-alikes."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from auditor.measure import Inputs
from auditor.measures import image, image_pair


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with large and small shapes."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(int(v) for v in random.integers(60, 200, 3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y = random.uniform(0, size[0]), random.uniform(0, size[1])
        w, h = random.uniform(10, size[0] / 3), random.uniform(10, size[1] / 3)
        draw.ellipse((x, y, x + w, y + h), fill=tuple(int(v) for v in random.integers(0, 256, 3)))
    return picture.filter(ImageFilter.GaussianBlur(1))


def inputs(folder, pictures: dict[str, Image.Image | bytes], suffix: str = ".png") -> Inputs:
    paths = []
    for name, picture in pictures.items():
        path = folder / f"{name}{suffix}"
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            picture.save(path)
        paths.append(str(path))
    pq.write_table(pa.table({"item_id": list(pictures), "path": paths}), folder / "media.parquet")
    con = duckdb.connect(config={"threads": 1})
    con.register("given", pa.table({"item_id": list(pictures), "sha256": list(pictures), "media": ["image"] * len(pictures)}))
    con.execute("CREATE TABLE item AS SELECT * FROM given")
    return Inputs(con, folder / "media.parquet", lambda _what, _done, _total: None)


def hashes(folder, pictures, suffix=".png"):
    rows = image.compute(inputs(folder, pictures, suffix)).to_pylist()
    return {row["item_id"]: row for row in rows}


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.resize((480, 360)),
        lambda p: p.resize((160, 120), Image.Resampling.LANCZOS),
        lambda p: ImageEnhance.Brightness(p).enhance(0.8),
        lambda p: ImageEnhance.Contrast(p).enhance(0.8),
        lambda p: p.filter(ImageFilter.GaussianBlur(1.5)),
        lambda p: p.convert("L"),
        lambda p: p.convert("RGBA"),
    ],
    ids=["larger", "smaller", "darker", "flatter", "blurred", "grey", "alpha"],
)
def test_hash_survives_what_copies_go_through(change, tmp_path):
    for seed in range(5):
        rows = hashes(tmp_path, {"a": scene(seed), "b": change(scene(seed))})
        assert (rows["a"]["phash"] ^ rows["b"]["phash"]).bit_count() <= image_pair.MAX_HAMMING


def test_hashes_of_different_scenes_are_far_apart(tmp_path):
    rows = hashes(tmp_path, {str(seed): scene(seed) for seed in range(12)})
    codes = [row["phash"] for row in rows.values()]
    apart = [(a ^ b).bit_count() for i, a in enumerate(codes) for b in codes[i + 1 :]]
    assert min(apart) > image_pair.MAX_HAMMING


def test_small_flat_and_broken_images_have_no_hash(tmp_path):
    whole = tmp_path / "whole.png"
    scene(1).save(whole)
    rows = hashes(
        tmp_path,
        {
            "small": scene(1).resize((31, 200)),
            "flat": Image.new("L", (200, 200), 80),
            "cut": whole.read_bytes()[:2000],
            "text": b"this is no image",
            "empty": b"",
            "whole": scene(1),
        },
    )
    assert {name: row["phash"] is None for name, row in rows.items()} == {
        "small": True, "flat": True, "cut": True, "text": True, "empty": True, "whole": False,
    }  # fmt: skip
    assert (rows["small"]["width"], rows["small"]["height"]) == (31, 200)
    assert rows["text"]["width"] is None
    assert rows["flat"]["mean"] == 80
    assert rows["flat"]["std"] == rows["flat"]["entropy"] == rows["flat"]["sharpness"] == 0


def test_an_image_that_claims_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "MAX_PIXELS", 320 * 240 - 1)
    row = hashes(tmp_path, {"a": scene(1)})["a"]
    assert (row["width"], row["height"], row["phash"], row["mean"]) == (320, 240, None, None)


def test_deep_and_palette_images_are_read(tmp_path):
    deep = Image.fromarray(np.asarray(scene(3).convert("L"), dtype=np.uint16) * 200)
    rows = hashes(tmp_path, {"plain": scene(3).convert("L"), "deep": deep, "palette": scene(3).quantize(64)})
    for name in ("deep", "palette"):
        assert (rows["plain"]["phash"] ^ rows[name]["phash"]).bit_count() <= image_pair.MAX_HAMMING


def test_sharpness_and_light_mean_what_they_say(tmp_path):
    rows = hashes(
        tmp_path,
        {
            "sharp": scene(2),
            "blurred": scene(2).filter(ImageFilter.GaussianBlur(12)),
            "dark": ImageEnhance.Brightness(scene(2)).enhance(0.2),
        },
    )
    assert rows["blurred"]["sharpness"] < 0.2 * rows["sharp"]["sharpness"]
    assert rows["dark"]["mean"] < 0.3 * rows["sharp"]["mean"]


_code = st.integers(0, 2**64 - 1)


@settings(max_examples=150, deadline=None)
@given(
    base=st.lists(_code, min_size=1, max_size=5),
    flips=st.lists(st.tuples(st.integers(0, 4), st.sets(st.integers(0, 63), max_size=8)), max_size=25),
)
def test_search_misses_no_pair_and_invents_none(base, flips):
    codes = list(base)
    for which, bits in flips:
        code = base[which % len(base)]
        for bit in bits:
            code ^= 1 << bit
        codes.append(code)
    con = duckdb.connect(config={"threads": 1})
    con.execute("CREATE TABLE image (item_id VARCHAR, sha256 VARCHAR, phash UBIGINT)")
    con.executemany(
        "INSERT INTO image VALUES (?, ?, ?)", [(f"{n:02}", None if n % 3 else f"d{n}", code) for n, code in enumerate(codes)]
    )
    found = con.execute(image_pair.PAIRS).fetchall()
    con.close()
    expected = {
        (f"{i:02}", f"{j:02}", (a ^ b).bit_count())
        for i, a in enumerate(codes)
        for j, b in enumerate(codes)
        if i < j and (a ^ b).bit_count() <= image_pair.MAX_HAMMING
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_copies_of_one_file_stand_for_one_picture():
    con = duckdb.connect(config={"threads": 1})
    con.execute(
        "CREATE TABLE image AS SELECT * FROM (VALUES ('a', 's1', 7::UBIGINT), ('b', 's1', 7), ('c', 's2', 5), ('d', 's3', NULL)) AS t(item_id, sha256, phash)"
    )
    assert con.execute(image_pair.PAIRS).fetchall() == [("a", "c", 1)]


def test_pixels_tell_a_shifted_copy_from_a_look_alike(tmp_path):
    base = scene(4, (330, 240))
    changed = base.copy()
    ImageDraw.Draw(changed).rectangle((60, 60, 150, 130), fill=(255, 255, 255))
    given = inputs(
        tmp_path, {"base": base, "moved": base.crop((3, 0, 330, 237)), "changed": changed, "other": scene(5, (330, 240))}
    )
    _, _, one = image.small_gray(str(tmp_path / "base.png"))
    apart = {
        name: image_pair.pixel_distance(one, image.small_gray(str(tmp_path / f"{name}.png"))[2])
        for name in ("moved", "changed", "other")
    }
    assert apart["moved"][1] < 0.4 < apart["changed"][1] < apart["other"][1]
    assert apart["moved"][2] > 0.95 > apart["other"][2]
    given.con.register("image", image.compute(given))
    pairs = image_pair.compute(given).to_pylist()
    assert ("base", "moved") in {(row["item_a"], row["item_b"]) for row in pairs}
    assert all("other" not in (row["item_a"], row["item_b"]) for row in pairs)


def test_handwritten_digits_are_no_near_duplicates(tmp_path):
    """Digits of one class collide in the hash and correlate at up to 0.99; their worst block tells them apart."""
    from sklearn.datasets import load_digits

    pictures = {
        f"{n:04}": Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
        for n, digit in enumerate(load_digits().images)
    }
    given = inputs(tmp_path, pictures)
    given.con.register("image", image.compute(given))
    pairs = image_pair.compute(given).to_pylist()
    assert len(pairs) > 20
    assert max(row["correlation"] for row in pairs) > 0.96
    assert min(row["block_distance"] for row in pairs) > 0.4
