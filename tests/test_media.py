"""Media that cannot be read: each is a finding, none ends the audit or holds it up."""

from __future__ import annotations

import os
import socket
import struct
import zlib

import duckdb
import pyarrow as pa
import pytest
from PIL import Image

from auditor import formats, media
from auditor.errors import InputError
from auditor.stage import Source, Stage
from tests.worlds import read


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height):
    """A PNG that claims a size and holds hardly any pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    """One good image of each kind, and a crowd of others."""
    folder = tmp_path / "media"
    folder.mkdir()
    noise = Image.effect_noise((120, 80), 60).convert("RGB")
    for suffix in ("jpg", "png", "bmp", "gif", "webp", "tif"):
        noise.save(folder / f"good.{suffix}")
    for suffix in ("jpg", "png", "bmp", "webp"):
        whole = (folder / f"good.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "bomb.png").write_bytes(png(60_000, 60_000))
    (folder / "text.jpg").write_text("not an image")
    (folder / "empty.png").write_bytes(b"")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "deep").mkdir()
    os.mkfifo(folder / "deep" / "deeppipe.jpg")
    (folder / "link.jpg").symlink_to("pipe.jpg")
    return folder


def test_each_broken_file_is_a_finding_and_the_rest_is_audited(tmp_path, folder):
    names = sorted(path.name for path in folder.rglob("*") if path.name != "deep")
    stage = Stage(duckdb.connect(), tmp_path)
    stage.begin("labels.csv")
    stage.add("item", pa.table({"item_id": names, "uri": names}))
    tables = stage.finish(tmp_path, folder)
    told = {(row["item_id"], row["problem"]) for row in read(tables.paths["intake"])}
    broken = {"cut.jpg", "cut.png", "cut.bmp", "cut.webp", "bomb.png", "text.jpg", "empty.png"}
    assert told == {(name, "unreadable_media") for name in broken} | {
        (name, "missing_media") for name in ("pipe.jpg", "deeppipe.jpg", "link.jpg")
    }
    details = {row["item_id"]: row["detail"] for row in read(tables.paths["intake"])}
    assert details["bomb.png"] == "the file cannot be read: its header claims too many pixels"
    sizes = {row["item_id"]: (row["width"], row["height"]) for row in read(tables.paths["item"])}
    assert {sizes[name] for name in names if name.startswith("good")} == {(120, 80)}


def test_a_large_image_is_judged_by_its_header(tmp_path):
    (tmp_path / "large.png").write_bytes(png(12_000, 12_000))
    assert media.image_size(tmp_path / "large.png") == (12_000, 12_000)


def test_a_pipe_a_socket_or_a_device_is_no_source(tmp_path):
    os.mkfifo(tmp_path / "labels.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "labels.json"))
        for path in (tmp_path / "labels.csv", tmp_path / "labels.json", "/dev/zero"):
            for name in ("", "long", "coco", "label_studio"):
                with pytest.raises(InputError, match="neither a file nor a folder"):
                    formats.read(Source(tmp_path / path, name), Stage(duckdb.connect(), tmp_path))
