"""Label Studio's JSON export: a list of tasks, or one task a line; one file, or a folder of them; with its label_config.xml if beside it.

Each control (`from_name`) is a task. A completion is one person's answer to one item: its results become annotations
`completion:result`, with `:1`, `:2` … for further labels of the same result. `seconds` is the lead time of the whole completion, put on
each of its annotations. Cancelled completions and drafts are left out. Several files with different items of one id: `file/id`.
Source: "Export annotations" and "Task format" in Label Studio's documentation; exports before version 1.0 say `completions`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.errors import InputError
from auditor.formats import jsonscan
from auditor.formats.label_studio_config import Config, read_config
from auditor.formats.label_studio_values import Row, WrongType, listing, mapping, number, rows, text
from auditor.media import kind as medium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.stage import Source, Stage

TITLE = "Label Studio JSON export"
MAX_BYTES = 512 << 20  # bytes read at once; Python's objects need about ten times as much memory
_SHORT = 200  # characters of a data value that is kept as an attribute
_BATCH = 50_000  # annotations
_HINT = "export the project again as JSON (not JSON-MIN)"
_ANSWERS = ("annotations", "completions")
_T, _D, _S = pa.string(), pa.float64(), pa.timestamp("us")
_MAP = pa.map_(_T, _T)
_ITEM = pa.schema(
    [(name, _T) for name in ("item_id", "media", "uri", "text", "split")]
    + [("width", pa.int32()), ("height", pa.int32()), ("attributes", _MAP)]
)
_POINT = pa.struct([("x", _D), ("y", _D), ("v", pa.int32())])
_ANNOTATION = pa.schema(
    [
        (name, _T)
        for name in (
            "annotation_id",
            "item_id",
            "task",
            "type",
            "annotator_id",
            "source",
            "label",
            "text",
            "track_id",
            "parent_id",
            "reviewer_id",
            "review",
            "prelabel",
        )
    ]
    + [(name, _D) for name in ("value", "x", "y", "w", "h", "angle", "start_s", "end_s", "confidence", "seconds")]
    + [(name, pa.int32()) for name in ("start_char", "end_char", "frame")]
    + [
        ("created_at", _S),
        ("reviewed_at", _S),
        ("attributes", _MAP),
        ("polygon", pa.list_(pa.list_(_D))),
        ("keypoints", pa.list_(_POINT)),
    ]
    + [("mask", pa.struct([("height", pa.int32()), ("width", pa.int32()), ("counts", _T)]))]
)
_ANNOTATOR = pa.schema([(name, _T) for name in ("annotator_id", "kind", "name", "email")])
_INTAKE = pa.schema([(name, _T) for name in ("problem", "of", "item_id", "annotation_id", "source_id", "detail")])


def detect(path: Path, head: bytes) -> float:
    """0.9 for a list (or lines) of tasks with data and answers, and for a folder with such files; else 0."""
    try:
        return 0.9 if (_files(path) if path.is_dir() else _is_tasks(head)) else 0.0
    except (OSError, ValueError):
        return 0.0


def read(source: Source, stage: Stage) -> None:
    """Put an export on the stage.

    Raises:
        InputError: it is not JSON, or not a list of tasks; names the task's number and the key.
    """
    files = _files(source.path) if source.path.is_dir() else [source.path]
    if not files:
        raise InputError(source.path, "", "no Label Studio export is in this folder", _HINT)
    seen: dict[str, str] = {}
    for file in files:
        if len(files) > 1:
            stage.begin(file.name)
        config = read_config(file.parent)
        reader = _Reader(file, config, source.split, stage, seen)
        for nth, task in enumerate(_tasks(file)):
            reader.take(nth, task)
        reader.finish()


def _tasks(file: Path) -> list[Any]:
    data = jsonscan.read_bytes(file, MAX_BYTES)
    if data.lstrip()[:1] == b"{":
        whole = jsonscan.decode(file, data)
        try:
            return [jsonscan.loads(whole)]
        except json.JSONDecodeError:
            return list(_lines(file, whole))
        except ValueError as error:
            raise InputError(file, "", f"not JSON: {error}", _HINT) from error
    tasks = jsonscan.load(file, MAX_BYTES)
    if not isinstance(tasks, list):
        raise InputError(file, "", "the JSON is not a list of tasks", _HINT)
    return tasks


def _lines(file: Path, whole: str) -> Iterator[Any]:
    for nth, line in enumerate(whole.split("\n"), 1):
        if line.strip():
            try:
                yield jsonscan.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    file,
                    f"line {nth}, column {error.colno}",
                    f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}",
                    "the file may be cut off: export it again",
                ) from error
            except ValueError as error:
                raise InputError(file, f"line {nth}", f"not JSON: {error}", _HINT) from error


@dataclass
class _Reader:
    """Takes the tasks of one file and puts rows on the stage in batches."""

    file: Path
    config: Config
    split: str
    stage: Stage
    seen: dict[str, str]
    items: list[Row] = field(default_factory=list)
    annotations: list[Row] = field(default_factory=list)
    intake: list[Row] = field(default_factory=list)
    people: dict[str, Row] = field(default_factory=dict)
    cancelled: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def take(self, nth: int, task: Any) -> None:
        try:
            if not isinstance(task, dict):
                raise WrongType("", "an object")
            if "data" not in task and not any(key in task for key in _ANSWERS):
                raise WrongType("data", "given")
            item = self._item(nth, task)
            for key in _ANSWERS:
                for answer in listing(task, key):
                    self._answer(answer, item, key)
            for guess in listing(task, "predictions"):
                self._prediction(guess, item)
        except WrongType as error:
            place = f"task {nth}" + (f", key {error.key!r}" if error.key else "")
            raise InputError(self.file, place, str(error), _HINT) from error
        if len(self.annotations) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        self._flush()
        tables = (
            ("item", self.items, _ITEM),
            ("intake", self.intake, _INTAKE),
            ("annotator", list(self.people.values()), _ANNOTATOR),
        )
        for table, found, schema in tables:
            if found:
                self.stage.add(table, pa.Table.from_pylist(found, schema=schema))
        if self.config.ontology:
            schema = pa.schema([("task", _T), ("label", _T), ("parent", _T), ("type", _T), ("exclusive", pa.bool_())])
            self.stage.add("ontology", pa.Table.from_pylist(list(self.config.ontology), schema=schema))
        if self.cancelled:
            self.stage.note(f"{self.file.name}: {self.cancelled:,} cancelled completions were left out")
        for kind, count in sorted(self.unknown.items()):
            self.stage.note(f"{self.file.name}: {count:,} results of the type {kind[:60]!r} were not read")

    def _flush(self) -> None:
        if self.annotations:
            self.stage.add("annotation", pa.Table.from_pylist(self.annotations, schema=_ANNOTATION))
            self.annotations = []

    def _item(self, nth: int, task: Row) -> Row:
        data, item_id = mapping(task, "data"), text(task, "id")
        item_id = item_id if item_id is not None else f"task-{nth}"
        mark = f"{self.file.name}\0{json.dumps(data, sort_keys=True)}"
        known = self.seen.setdefault(item_id, mark)
        if known != mark and known.split("\0", 1)[0] != self.file.name and known.split("\0", 1)[1] != mark.split("\0", 1)[1]:
            item_id = f"{self.file.stem}/{item_id}"
        key = self._value_key(task, data)
        given = data.get(key) if key is not None else None
        shown = self.config.media.get(key or "", key or "")
        file_like = isinstance(given, str) and (
            shown in {"image", "audio", "video"} or medium(given.split("?", 1)[0]) or "://" in given
        )
        uri = given if file_like and " " not in str(given) else None
        content = given if isinstance(given, str) and uri is None else None
        if content is None and uri is None and isinstance(data.get("text"), str):
            content = data["text"]
        short = {
            name: str(value)
            for name, value in {**mapping(task, "meta"), **data}.items()
            if name != key and isinstance(value, str | int | float) and len(str(value)) <= _SHORT
        }
        kind = (medium(uri.split("?", 1)[0]) if uri else None) or ("text" if content is not None and uri is None else None)
        kind = kind or (shown if shown in {"image", "audio", "video"} else None)
        item = {
            "item_id": item_id,
            "media": kind,
            "uri": uri,
            "text": content,
            "split": self.split or None,
            "attributes": list(short.items()),
        }
        self.items.append(item)
        return item

    def _value_key(self, task: Row, data: Row) -> str | None:
        """The key of `data` that was labelled: the configuration's, else one named like a result's `to_name`, else the first with a medium."""
        named = [key for key in self.config.values if key in data]
        aims = [result.get("to_name") for key in (*_ANSWERS, "predictions") for answer in listing(task, key) if isinstance(answer, dict)
                for result in (answer.get("result") or ()) if isinstance(answer.get("result"), list) and isinstance(result, dict)]  # fmt: skip
        named += [aim.lstrip("$") for aim in aims if isinstance(aim, str) and aim.lstrip("$") in data]
        named += [key for key in ("image", "audio", "video", "text") if key in data]
        named += [key for key, value in data.items() if isinstance(value, str) and medium(value)]
        return named[0] if named else None

    def _answer(self, answer: Any, item: Row, key: str) -> None:
        if not isinstance(answer, dict):
            raise WrongType(key, "a list of objects")
        if answer.get("was_cancelled") is True or answer.get("skipped") is True:
            self.cancelled += 1
            return
        review: Row = {}
        for said in listing(answer, "reviews"):
            if not isinstance(said, dict):
                raise WrongType("reviews", "a list of objects")
            outcome = (
                {True: "accepted", False: "rejected"}.get(said["accepted"]) if isinstance(said.get("accepted"), bool) else None
            )
            review = {
                "reviewer_id": self._person(said, "created_by"),
                "reviewed_at": _time(said.get("created_at")),
                "review": outcome,
            }
            if said.get("fixed_annotation_history") is not None:
                review["review"] = "fixed"
        guess = answer.get("prediction")
        proposed = {result["id"]: result for result in (guess.get("result") or ()) if isinstance(result, dict) and isinstance(result.get("id"), str)} if isinstance(guess, dict) and isinstance(guess.get("result"), list) else {}  # fmt: skip
        common = {
            "annotator_id": self._person(answer, "completed_by"),
            "source": "gold" if answer.get("ground_truth") is True else "human",
            "seconds": number(answer, "lead_time"),
            "created_at": _time(answer.get("created_at")),
            **review,
        }
        self._results(answer, text(answer, "id"), item, common, proposed)

    def _prediction(self, guess: Any, item: Row) -> None:
        if not isinstance(guess, dict):
            raise WrongType("predictions", "a list of objects")
        model, made = text(guess, "model_version") or "model", text(guess, "id")
        common = {
            "annotator_id": model,
            "source": "model",
            "created_at": _time(guess.get("created_at")),
            "confidence": number(guess, "score"),
        }
        self.people.setdefault(model, {"annotator_id": model, "kind": "model"})
        # Predictions and completions are numbered apart.
        self._results(guess, f"prediction-{made}" if made is not None else None, item, common, {})

    def _results(self, answer: Row, made: str | None, item: Row, common: Row, proposed: dict[str, Row]) -> None:
        results = listing(answer, "result")
        if not all(isinstance(result, dict) for result in results):
            raise WrongType("result", "a list of objects")
        kinds = [text(result, "type") or "" for result in results]
        labelled = {
            result.get("id")
            for result, kind in zip(results, kinds, strict=True)
            if kind.endswith("labels") and isinstance(result.get("id"), str)
        }
        used: set[str] = set()
        for nth, (result, kind) in enumerate(zip(results, kinds, strict=True)):
            own, control = text(result, "id"), text(result, "from_name") or "label"
            if kind in {"rectangle", "polygon", "ellipse", "brush", "keypoint"} and own in labelled:
                continue  # the same region stands again with its labels
            base = f"{made}:{own if own is not None else f'{control}:{nth}'}" if made is not None else None
            owner = None
            if base in used:  # what is said of a region has the region's id
                base, owner = f"{base}:{control}", base
            if base is not None:
                used.add(base)
            self._size(item, result)
            if item.get("width") and item.get("height"):  # predictions often lack them
                result = {"original_width": item["width"], "original_height": item["height"], **result}  # noqa: PLW2901
            if kind == "relation":
                names = [name for name in listing(result, "labels") if isinstance(name, str)] or [None]
                ends = {"from": text(result, "from_id"), "to": text(result, "to_id")}
                base = f"{made}:{ends['from']}>{ends['to']}:{nth}" if made is not None else None
                link = {
                    "to": f"{made}:{ends['to']}",
                    **({"direction": result["direction"]} if isinstance(result.get("direction"), str) else {}),
                }
                found = [
                    {"type": "relation", "label": name, "parent_id": f"{made}:{ends['from']}", "attributes": link} for name in names
                ]
            else:
                audio = item["media"] in {"audio", "video"} or "channel" in mapping(result, "value")
                found = list(rows(kind, result, item["text"], audio))
                if not found and not (kind in {"choices", "taxonomy", "textarea"} and "value" in result):
                    self.unknown[kind] += 1
            before = proposed.get(own or "")
            prelabel = next((row.get("label") for row in rows(kind, before, item["text"], False)), None) if before else None
            score = number(result, "score")
            track = own if any(row.get("frame") is not None for row in found) else None
            for further, row in enumerate(found):
                problem, extra = row.pop("problem", None), row.pop("attributes", {})
                annotation_id = base if not further or base is None else f"{base}:{further}"
                self.annotations.append(
                    {"parent_id": owner, "track_id": track, "prelabel": prelabel, **common, **row, "annotation_id": annotation_id, "item_id": item["item_id"],
                     "task": control, "confidence": score if score is not None else common.get("confidence"), "attributes": list(extra.items())}
                )  # fmt: skip
                if problem:
                    self.intake.append(
                        {
                            "problem": "bad_value",
                            "of": "annotation",
                            "item_id": item["item_id"],
                            "annotation_id": annotation_id,
                            "source_id": own,
                            "detail": problem,
                        }
                    )

    def _size(self, item: Row, result: Row) -> None:
        for side in ("width", "height"):
            given = number(result, f"original_{side}")
            if given is not None and 0 < given < 2**31 and item.get(side) is None:
                item[side] = round(given)

    def _person(self, holder: Row, key: str) -> str | None:
        """The id of who is named there (their e-mail where they have none); what else is said goes to `annotator`."""
        given = holder.get(key)
        if not isinstance(given, dict):
            return text(holder, key)
        email = text(given, "email") or None
        who = text(given, "id") or email
        if who is not None:
            name = " ".join(part for part in (text(given, "first_name"), text(given, "last_name")) if part) or None
            self.people.setdefault(who, {"annotator_id": who, "kind": "person", "name": name, "email": email})
        return who


def _time(given: Any) -> datetime | None:
    """A time in UTC without zone, from ISO 8601 or seconds since 1970; None where it is neither."""
    try:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return datetime.fromtimestamp(given, UTC).replace(tzinfo=None)
        moment = datetime.fromisoformat(given) if isinstance(given, str) else None
        return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment
    except (ValueError, OverflowError, OSError):
        return None


def _files(folder: Path) -> list[Path]:
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.suffix.lower() in {".json", ".jsonl"} and entry.is_file():
            with entry.open("rb") as stream:
                if _is_tasks(stream.read(65_536)):
                    found.append(entry)
    return found


def _is_tasks(head: bytes) -> bool:
    first, keys = jsonscan.top_keys(head)
    if first not in {"[", "{"}:
        return False
    depth = 2 if first == "[" else 1
    outer = keys.get(depth, set())
    return bool(outer & {*_ANSWERS, "predictions"}) and (
        "data" in outer or bool({"result", "completed_by", "was_cancelled"} & keys.get(depth + 2, set()))
    )
