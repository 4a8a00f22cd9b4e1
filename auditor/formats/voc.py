"""Pascal VOC: a folder with Annotations/*.xml (or only such files), ImageSets/Main/<split>.txt and JPEGImages.

An item is called by its XML file's name without suffix, as in ImageSets. Coordinates are taken as written: a box is xmin, ymin and
w = xmax - xmin, h = ymax - ymin, so that a box whose corners coincide has no area and shows. VOC gives objects no ids.
Source: Everingham et al., The PASCAL Visual Object Classes Challenge, development kit, section "Annotation".
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.errors import InputError
from auditor.files import inside
from auditor.formats.predictions import declare_classes
from auditor.formats.xmltree import MAX_XML, Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.stage import Source, Stage

TITLE = "Pascal VOC folder (Annotations/*.xml)"
CALLED = "Pascal VOC"
TAKES = frozenset({"classes"})
HINTS = {
    "map a column to value": "",
    "map a column to text": "",
    "give --predictions FILE": "",
    "map a column to split": "list the images of each split in ImageSets/Main/train.txt, val.txt, test.txt",
    "give an ontology: a format that declares its classes, or --classes FILE": "give --classes FILE, or a labelmap.txt",
}
_BATCH = 1000  # files
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".JPG", ".JPEG", ".PNG")
_ATTRIBUTES = ("pose", "truncated", "difficult", "occluded")
_HINT = "export the file again"
_TEXT, _NUMBER = pa.string(), pa.float64()
_MAP = pa.map_(_TEXT, _TEXT)
_ITEM = pa.schema(
    [("item_id", _TEXT), ("media", _TEXT), ("uri", _TEXT), ("width", pa.int32()), ("height", pa.int32()), ("split", _TEXT)]
)
_ANNOTATION = pa.schema(
    [
        ("item_id", _TEXT),
        ("type", _TEXT),
        ("label", _TEXT),
        ("x", _NUMBER),
        ("y", _NUMBER),
        ("w", _NUMBER),
        ("h", _NUMBER),
        ("attributes", _MAP),
    ]
)
_INTAKE = pa.schema([("problem", _TEXT), ("of", _TEXT), ("item_id", _TEXT), ("source_id", _TEXT), ("detail", _TEXT)])


def detect(path: Path, head: bytes) -> float:
    """0.9 for a folder of VOC files or one such file's folder layout; 0 for anything else."""
    try:
        if not path.is_dir():
            return 0.9 if path.suffix.lower() == ".xml" and _is_voc(head) else 0.0
        folder = _folder(path)
        return 0.9 if folder is not None and any(_is_voc(_head(file)) for file in _xml(folder)[:3]) else 0.0
    except (OSError, ValueError):
        return 0.0


def read(source: Source, stage: Stage) -> None:
    """Put a VOC folder on the stage.

    Raises:
        InputError: a file is not plain XML (entities are refused), is no VOC file, or names an image outside the folder.
    """
    single = not source.path.is_dir()
    folder = source.path.parent if single else _folder(source.path)
    files = [source.path] if single else _xml(folder) if folder is not None else []
    if folder is None or not files:
        raise InputError(source.path, "", "no Annotations/*.xml is in this folder", "give the folder that holds Annotations")
    root = folder.parent if folder.name == "Annotations" else folder
    splits = {} if source.split else _image_sets(root, stage)
    images = _images(root, folder) if source.media is None else {}
    media: dict[str, str] = {}
    lost: list[str] = []
    for start in range(0, len(files), _BATCH):
        rows: dict[str, list[dict[str, Any]]] = {"item": [], "annotation": [], "intake": []}
        for file in files[start : start + _BATCH]:
            item = _read_file(file, root, rows)
            item["split"] = source.split or splits.get(item["item_id"])
            if found := _image(images, item):
                media[item["item_id"]] = found
            elif item["uri"]:
                lost.append(item["item_id"])
        _add(stage, rows)
        stage.progress("reading VOC files", min(start + _BATCH, len(files)), len(files))
    # With --media they are looked for there; without any image beside the labels nobody has claimed that there are some.
    if source.media is None and (media or (root / "JPEGImages").is_dir()):
        _miss(stage, lost)
    if media:
        stage.add_media(pa.table({"item_id": pa.array(list(media), _TEXT), "path": pa.array(list(media.values()), _TEXT)}))
    if source.classes is not None:
        declare_classes(source, stage, exclusive=False)
    else:
        _label_map(root, stage)


def _add(stage: Stage, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table, schema in (("item", _ITEM), ("annotation", _ANNOTATION), ("intake", _INTAKE)):
        if rows[table]:
            stage.add(table, pa.Table.from_pylist(rows[table], schema=schema))


def _image(images: dict[str, str], item: dict[str, Any]) -> str | None:
    """The item's image: the one that it names, else the one of its own name."""
    return images.get(item["uri"]) or next(
        (images[name] for suffix in _SUFFIXES if (name := item["item_id"] + suffix) in images), None
    )


def _miss(stage: Stage, lost: list[str]) -> None:
    told = {"problem": "missing_media", "of": "item", "source_id": None, "detail": "no file for it beside the annotations"}
    if lost:
        stage.add("intake", pa.Table.from_pylist([{"item_id": one, **told} for one in lost], schema=_INTAKE))


def _read_file(file: Path, root: Path, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    tree = parse(file)
    if tree.tag != "annotation":
        raise InputError(file, "", f"its root is <{tree.tag[:40]}>, not <annotation>", "leave other files out of the folder")
    item_id, name = file.stem, tree.get("filename")
    if name is not None and inside(root, name) is None:
        raise InputError(file, "filename", f"{name[:200]!r} points outside the folder", "make it the image's plain file name")
    size = next(iter(tree.all("size")), Node(""))
    item = {
        "item_id": item_id,
        "media": "image",
        "uri": name,
        "width": _pixels(size.get("width")),
        "height": _pixels(size.get("height")),
    }
    rows["item"].append(item)
    for side in ("width", "height"):
        written = size.get(side)
        if written is not None and written.strip() and item[side] is None and _number(written) != 0:
            why = f"size: the {side} is no number of pixels"
            rows["intake"].append({"problem": "bad_value", "of": "item", "item_id": item_id, "source_id": None, "detail": why})
    for nth, thing in enumerate(tree.all("object"), 1):
        box, why = _box(thing)
        if why:
            rows["intake"].append(
                {"problem": "bad_value", "of": "annotation", "item_id": item_id, "source_id": None, "detail": f"object {nth} {why}"}
            )
        rows["annotation"].append({"item_id": item_id, "label": thing.get("name"), "attributes": _attributes(thing), **box})
    return item


def _box(thing: Node) -> tuple[dict[str, Any], str]:
    """The columns of an object's box, and what is wrong with it or ''."""
    bounds = thing.all("bndbox")
    if not bounds:
        return {"type": "class"}, "has no bndbox"
    corners = [_number(bounds[0].get(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = corners
    columns = {"type": "box", "x": left, "y": top}
    columns |= {
        "w": right - left if right is not None and left is not None else None,
        "h": bottom - top if bottom is not None and top is not None else None,
    }
    return columns, "has a bndbox whose corners are not four numbers" if None in corners else ""


def _attributes(thing: Node) -> list[tuple[str, str]]:
    found = {key: value for key in _ATTRIBUTES if (value := thing.get(key)) is not None}
    if parts := thing.all("part"):
        found["parts"] = ", ".join(part.get("name") or "?" for part in parts)
    for group in thing.all("attributes"):
        for attribute in group.all("attribute"):
            key, value = attribute.get("name"), attribute.get("value")
            if key and value is not None:
                found.setdefault(key, value)
    return list(found.items())


def _number(text: str | None) -> float | None:
    """A finite number as VOC files write it: 12, 12.5, 1e2."""
    if text is None or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _pixels(text: str | None) -> int | None:
    value = _number(text)
    return round(value) if value is not None and 0 < value < 2**31 else None


def _image_sets(root: Path, stage: Stage) -> dict[str, str]:
    """Item -> split from ImageSets/Main; an image in two sets keeps the first, and the user is told."""
    found: dict[str, str] = {}
    twice = 0
    for name, split in _SPLITS.items():
        for kind in ("Main", "Layout", "Segmentation"):
            file = root / "ImageSets" / kind / f"{name}.txt"
            if not file.is_file():
                continue
            for line in _lines(file):
                words = line.split()
                # `name -1` says that the image lacks a class: lists of one class are not splits, but tolerated here.
                twice += found.setdefault(words[0], split) != split
            break
    if twice:
        stage.note(f"{twice:,} images stand in more than one of train, val and test; the first is used")
    return found


def _label_map(root: Path, stage: Stage) -> None:
    file = root / "labelmap.txt"
    if not file.is_file():
        return
    labels = dict.fromkeys(name for line in _lines(file) if (name := line.split(":", 1)[0].strip()))
    schema = pa.schema([("task", _TEXT), ("label", _TEXT), ("exclusive", pa.bool_())])
    stage.add(
        "ontology", pa.Table.from_pylist([{"task": "label", "label": label, "exclusive": False} for label in labels], schema=schema)
    )


def _lines(file: Path) -> Iterator[str]:
    try:
        if file.stat().st_size > MAX_XML:
            raise InputError(file, "", "is too large for a list of names", _HINT)
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(file, f"byte {error.start + 1}", "not UTF-8 text", "save it as UTF-8") from error
    except OSError as error:
        raise InputError(file, "", f"cannot be opened: {error.strerror or error}", "check the path and its permissions") from error
    return (line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#"))


def _images(root: Path, folder: Path) -> dict[str, str]:
    """File name -> absolute path of the images in JPEGImages (or beside the XML); links only if they stay inside."""
    found: dict[str, str] = {}
    for holder in dict.fromkeys((root / "JPEGImages", root / "images", root, folder)):
        if holder.is_dir() and holder.resolve().is_relative_to(root.resolve()):
            with os.scandir(holder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.name.endswith(_SUFFIXES) and (
                        entry.is_file() and (not entry.is_symlink() or inside(root, os.path.relpath(entry.path, root)))
                    ):
                        found.setdefault(entry.name, str(Path(entry.path).absolute()))
    return found


def _folder(path: Path) -> Path | None:
    """The folder of the XML files: Annotations here, or one level below, or the folder itself."""
    below = sorted(entry for entry in path.iterdir() if entry.is_dir())
    named = [entry for entry in below if entry.name == "Annotations"] or [
        entry / "Annotations" for entry in below if (entry / "Annotations").is_dir()
    ]
    if len(named) > 1:
        return None
    return named[0] if named else path


def _xml(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.suffix.lower() == ".xml" and entry.is_file())


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(4096)


def _is_voc(head: bytes) -> bool:
    """The root is <annotation>, and not LabelMe's (its polygons) or CVAT's (<annotations>)."""
    root = re.search(rb"<([A-Za-z_][\w.-]*)[\s>/]", re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    return (
        root is not None
        and root.group(1) == b"annotation"
        and b"<polygon>" not in head
        and (b"<bndbox>" in head or b"<segmented>" in head or b"<size>" in head)
    )
