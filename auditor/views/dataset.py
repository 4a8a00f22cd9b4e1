"""A FiftyOne dataset of ours: made, read for the tags that people gave, exported. `fo` is FiftyOne, handed in by `app.load`."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError, UsageError
from auditor.views import insert
from auditor.views.fields import LISTS, ONE
from auditor.views.labels import CARRIED
from auditor.views.samples import Sample
from auditor.views.tags import PREFIX, Tag, given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.views.samples import Plan

# Told apart from datasets that other programs keep in the same database.
MARK = "label_auditor"
# In the dataset's info: tags that people gave to what is not there any more.
WAITING = "waiting_tags"
BEING_MADE = " (being made "
ALL = "all findings"
# Wong, Points of view: Color blindness, Nature Methods 8 (2011), without black, and three of Tol's muted scheme.
PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2", "#f0e442", "#88ccee", "#aa4499", "#999933")
_COLORS = {"error": "#d55e00", "warning": "#e69f00", "info": "#56b4e9"}
# Values that say a field's type.
_EXAMPLES: dict[str, Any] = {
    "captured_at": dt.datetime(2000, 1, 1, tzinfo=dt.UTC), "made_at": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    "seconds": 0.0, "start_s": 0.0, "end_s": 0.0, "start_char": 0, "end_char": 0,
}  # fmt: skip
_OF_CLASS: dict[str, dict[str, Any]] = {
    "Classification": {"label": "", "confidence": 0.0},
    "Regression": {"value": 0.0},
    "Detection": {"label": "", "confidence": 0.0, "bounding_box": [0.0, 0.0, 0.0, 0.0]},
    "Polyline": {"label": "", "confidence": 0.0, "points": [[[0.0, 0.0]]]},
    "Keypoint": {"label": "", "points": [[0.0, 0.0]], "visible": [True]},
    "TemporalDetection": {"label": "", "confidence": 0.0, "support": [1, 1]},
}


def build(fo: Any, name: str, planned: Plan, samples: Iterable[Sample], titles: Mapping[str, str]) -> tuple[int, list[str]]:
    """Make the dataset `name`, in place of an earlier one of ours.

    Returns:
        How many samples it has, and notes for the user.

    Raises:
        AuditorError: there is a dataset of that name that is not ours.
        UsageError: FiftyOne takes no such name.
    """
    existing(fo, name)
    _verify_name(fo, name)
    for left in (other for other in fo.list_datasets() if other.startswith(name + BEING_MADE)):
        fo.delete_dataset(left)
    dataset = fo.Dataset(f"{name}{BEING_MADE}{os.getpid()})", persistent=True)
    dataset.info = {MARK: 1}
    dataset.media_type = "video" if planned.video else "image"
    _declare(fo, dataset, planned)
    count, notes = insert.samples(fo, dataset, samples)
    _save_views(fo, dataset, planned, titles)
    _arrange(fo, dataset, planned)
    dataset.save()
    if name in fo.list_datasets():
        fo.delete_dataset(name)
    dataset.name = name
    return count, notes


def existing(fo: Any, name: str) -> Any | None:
    """The dataset of ours of this name, or None.

    Raises:
        AuditorError: there is one that is not ours.
    """
    if name not in fo.list_datasets():
        return None
    dataset = fo.load_dataset(name)
    if MARK not in dataset.info:
        raise AuditorError(f"the database has a dataset {name!r} that is not auditor's", "give --name another name")
    return dataset


def _verify_name(fo: Any, name: str) -> None:
    """Raise where FiftyOne cannot give a dataset this name: it makes an address of it, and no two may be equal."""
    try:
        slug = fo.core.utils.to_slug(name)
    except ValueError as error:
        raise UsageError(f"FiftyOne takes no dataset named {name!r}", "give --name one with letters or digits") from error
    for other in fo.list_datasets():
        if other != name and fo.core.utils.to_slug(other) == slug:
            raise UsageError(f"the names {name!r} and {other!r} are one to FiftyOne", "give --name another name")


def tags(dataset: Any) -> list[Tag]:
    """The tags that people gave, and those that wait for their item or annotation to come back."""
    waiting = [Tag(*one) for one in dataset.info.get(WAITING, [])]
    return list(dict.fromkeys([*placed_tags(dataset), *waiting]))


def keep_waiting(dataset: Any, lost: Iterable[Tag]) -> None:
    """Remember tags whose item or annotation is gone: it may come back with the next release."""
    dataset.info[WAITING] = [[one.item_id, one.annotation_id, one.tag] for one in lost]
    dataset.save()


def placed_tags(dataset: Any) -> list[Tag]:
    """The tags that people gave samples and labels of a dataset."""
    found = []
    ids = dataset.values("item_id")
    for item, own in zip(ids, dataset.values("tags"), strict=True):
        found += [Tag(item, "", tag) for tag in given(own or [])]
    for path in _label_paths(dataset):
        columns = dataset.values([f"{path}.annotation_id", f"{path}.tags"])
        for item, names, owns in zip(ids, *columns, strict=True):
            pairs = zip(names or [], owns or [], strict=True) if isinstance(names, list) else [(names, owns)]
            found += [Tag(item, name or "", tag) for name, own in pairs for tag in given(own or [])]
    return list(dict.fromkeys(found))


def export(fo: Any, dataset: Any, folder: Path) -> int:
    """Write a dataset as a FiftyOneDataset, all or nothing: media, labels, tags, saved views; returns how many samples."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".auditor-", dir=folder.resolve().parent) as work:
        made = Path(work) / "export"
        with contextlib.redirect_stdout(sys.stderr):
            dataset.export(export_dir=str(made), dataset_type=fo.types.FiftyOneDataset, export_media=True, progress=False)
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()  # an empty folder that somebody made for us
        made.rename(folder)
    return len(dataset)


def is_ours(fo: Any, name: str) -> bool:
    """Whether we made the dataset, and finished."""
    return MARK in fo.load_dataset(name).info and BEING_MADE not in name


def _label_paths(dataset: Any) -> list[str]:
    paths = []
    for name, field in dataset.get_field_schema(embedded_doc_type=None).items():
        label = getattr(getattr(field, "document_type", None), "__name__", "")
        if label in LISTS:
            paths.append(f"{name}.{LISTS[label]}")
        elif label in {"Classification", "Regression"}:
            paths.append(name)
    return paths


def _declare(fo: Any, dataset: Any, planned: Plan) -> None:
    """Give the dataset all its fields at once, by a sample that has each of them and goes again.

    Field by field FiftyOne takes a quarter of a second for each, and longer the more there are.
    """
    values: dict[str, Any] = {name: _EXAMPLES.get(name, "") for name in ("item_id", "split", "text", "subject_id", "captured_at")
                              if name == "item_id" or name in planned.columns}  # fmt: skip
    values |= dict.fromkeys(planned.item_attributes.values(), "")
    carried = {name: _EXAMPLES.get(name, "") for column, name in CARRIED.items() if column in planned.carried}
    carried |= dict.fromkeys(planned.label_attributes.values(), "")
    for field in planned.fields.values():
        one = {"_cls": ONE[field.label_class], **_OF_CLASS[ONE[field.label_class]], **carried}
        values[field.name] = {"_cls": field.label_class, field.many: [one]} if field.many else one
        if field.kind == "value":
            one["value"] = 0.0
    for field in planned.predictions.values():
        values[field.name] = {"_cls": "Classification", "label": "", "confidence": 0.0, "top": [""]}
    values["findings"] = {
        "_cls": "DynamicEmbeddedDocument",
        "severity": "",
        "count": 0,
        "score": 0.0,
        "checks": [""],
        "messages": [""],
    }
    metadata = {"_cls": "VideoMetadata" if planned.video else "ImageMetadata"}
    example = Sample("example.mp4" if planned.video else "example.png", dataset.media_type, metadata, [], values)
    dataset.delete_samples([dataset.add_sample(insert.plain(fo, example), dynamic=True)])
    for field in (*planned.fields.values(), *planned.predictions.values()):
        described = dataset.get_field(field.name)
        described.description = field.meaning
        described.save()


def _save_views(fo: Any, dataset: Any, planned: Plan, titles: Mapping[str, str]) -> None:
    """One saved view a check that found something, the worst first, and one of everything that was found."""
    if planned.severities:
        everything = dataset.match(fo.ViewField("findings.count") > 0)
        dataset.save_view(ALL, everything, description="every item that a check found something about")
    order = list(_COLORS)
    for check in sorted(planned.severities, key=lambda check: (order.index(planned.severities[check]), check)):
        view, title = dataset.match_tags(PREFIX + check), titles.get(check, check)
        try:
            dataset.save_view(check, view, description=title, color=_COLORS[planned.severities[check]])
        except ValueError:
            # In addresses FiftyOne leaves signs out, so that a/b and ab are one name.
            dataset.save_view(f"{check} {len(dataset.list_saved_views())}", view, description=title)


def _arrange(fo: Any, dataset: Any, planned: Plan) -> None:
    """The sidebar: what was found first, then who said what, then the item; colours that most eyes tell apart."""
    groups = {"findings": [f"findings.{name}" for name in ("severity", "count", "score", "checks", "messages")],
              "tags": ["tags", "_label_tags"]}  # fmt: skip
    for field in (*planned.fields.values(), *planned.predictions.values()):
        groups.setdefault(field.group, []).append(field.name)
    schema = dataset.get_field_schema()
    item = [name for name in ("item_id", "split", "text", "subject_id", "captured_at") if name in schema]
    groups |= {"item": [*item, *planned.item_attributes.values()]}
    known = {path for paths in groups.values() for path in paths}
    groups["metadata"] = [f"metadata.{name}" for name in schema["metadata"].get_field_schema()]
    groups["file"] = [name for name in schema if name not in known and name not in {"findings", "metadata"}]
    labels = [field.name for field in (*planned.fields.values(), *planned.predictions.values())]
    config = dataset.app_config
    config.sidebar_groups = [
        fo.SidebarGroupDocument(name=name, paths=paths, expanded=name not in {"file", "metadata"})
        for name, paths in groups.items()
        if paths
    ]
    config.active_fields = fo.ActiveFields(exclude=False, paths=["findings.severity", *labels])
    # One field of shapes: its classes are what is to be told apart; several: who said it is.
    config.color_scheme = fo.ColorScheme(
        color_pool=list(PALETTE),
        color_by="value" if len(labels) == 1 else "field",
        # Spans are filled: what they mark is to be read. Boxes are lines.
        opacity=0.4 if any(field.kind == "span" for field in planned.fields.values()) else 0.8,
        fields=[
            {
                "path": "findings.severity",
                "fieldColor": _COLORS["error"],
                "valueColors": [{"value": severity, "color": color} for severity, color in _COLORS.items()],
            }
        ],
    )
