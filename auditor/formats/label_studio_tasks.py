"""Tasks of Label Studio as rows: items, people, completions, predictions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.errors import InputError
from auditor.formats.label_studio_values import Row, WrongTypeError, listing, mapping, number, rows, text
from auditor.media import kind as medium

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.formats.label_studio_config import Config
    from auditor.stage import Stage

ANSWERS = ("annotations", "completions")
_HINT = "export the project again as JSON (not JSON-MIN)"
_SHORT = 200  # characters of a data value that is kept as an attribute
_BATCH = 50_000  # annotations
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


@dataclass
class Reader:
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
    percent: int = 0
    named: set[bool] = field(default_factory=set)
    nameless: list[tuple[bool, pa.Table]] = field(default_factory=list)
    used: dict[str, set[str]] = field(default_factory=dict)

    def take(self, nth: int, task: Any) -> None:
        """Read one task; `nth` counts from 0. Raises InputError that names the task and the key."""
        try:
            _check(task)
            item = self._item(nth, task)
            for key in ANSWERS:
                for answer in listing(task, key):
                    self._answer(answer, item, key)
            for guess in listing(task, "predictions"):
                self._prediction(guess, item)
        except WrongTypeError as error:
            place = f"task {nth}" + (f", key {error.key!r}" if error.key else "")
            raise InputError(self.file, place, str(error), _HINT) from error
        if len(self.annotations) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        """Put what is left on the stage, and tell what was left out."""
        self._flush()
        for guessed, table in self.nameless:
            # Ids are missing only where others of their kind have one: predictions that were imported mostly have none at all.
            self.stage.add("annotation", table if guessed in self.named else table.drop_columns(["annotation_id"]))
        tables = (
            ("item", self.items, _ITEM),
            ("intake", self.intake, _INTAKE),
            ("annotator", list(self.people.values()), _ANNOTATOR),
        )
        for table, found, schema in tables:
            if found:
                self.stage.add(table, pa.Table.from_pylist(found, schema=schema))
        ontology = self._ontology()
        if ontology:
            schema = pa.schema([("task", _T), ("label", _T), ("parent", _T), ("type", _T), ("exclusive", pa.bool_())])
            self.stage.add("ontology", pa.Table.from_pylist(ontology, schema=schema))
        if self.cancelled:
            self.stage.note(f"{self.file.name}: {self.cancelled:,} cancelled completions were left out")
        if self.percent:
            boxes = f"{self.percent:,} {'box is' if self.percent == 1 else 'boxes are'}"
            self.stage.note(f"{self.file.name}: {boxes} in per cent, as the export does not hold the video's size")
        for kind, count in sorted(self.unknown.items()):
            results = f"{count:,} {'result' if count == 1 else 'results'} of the type {kind[:60]!r}"
            unread = f"{results} {'was' if count == 1 else 'were'} not read"
            self.stage.note(f"{self.file.name}: {unread}")
            told = {"problem": "not_read", "of": "annotation", "detail": unread}
            self.stage.add("intake", pa.Table.from_pylist([told], schema=_INTAKE))

    def _ontology(self) -> list[Row]:
        """The configuration's labels, of those tasks where it is this export's: a folder often holds several exports."""
        offered: dict[str, set[str]] = {}
        for row in self.config.ontology:
            offered.setdefault(row["task"], set()).add(row["label"])
        strange = {task for task, labels in offered.items() if self.used.get(task) and not self.used[task] & labels}
        for task in sorted(strange):
            self.stage.note(f"{self.file.name}: the configuration beside it is another's: none of its labels of {task!r} is used")
        return [row for row in self.config.ontology if row["task"] not in strange]

    def _flush(self) -> None:
        for row in self.annotations:
            if row.get("label") is not None:
                self.used.setdefault(row["task"], set()).add(row["label"])
        for guessed in (False, True):
            mine = [row for row in self.annotations if (row["source"] == "model") is guessed]
            with_id = [row for row in mine if row["annotation_id"] is not None]
            without = [row for row in mine if row["annotation_id"] is None]
            if with_id:
                self.named.add(guessed)
                self.stage.add("annotation", pa.Table.from_pylist(with_id, schema=_ANNOTATION))
            if without:
                self.nameless.append((guessed, pa.Table.from_pylist(without, schema=_ANNOTATION)))
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
        """The key of `data` that was labelled: the configuration's, else one that a result aims at, else a medium."""
        named = [key for key in self.config.values if key in data]
        answers = [answer for key in (*ANSWERS, "predictions") for answer in listing(task, key) if isinstance(answer, dict)]
        results = [result for answer in answers for result in listing(answer, "result") if isinstance(result, dict)]
        aims = [result.get("to_name") for result in results]
        named += [aim.lstrip("$") for aim in aims if isinstance(aim, str) and aim.lstrip("$") in data]
        named += [key for key in ("image", "audio", "video", "text") if key in data]
        named += [key for key, value in data.items() if isinstance(value, str) and medium(value)]
        return named[0] if named else None

    def _answer(self, answer: Any, item: Row, key: str) -> None:
        if not isinstance(answer, dict):
            raise WrongTypeError(key, "a list of objects")
        if answer.get("was_cancelled") is True or answer.get("skipped") is True:
            self.cancelled += 1
            return
        review: Row = {}
        for said in listing(answer, "reviews"):
            if not isinstance(said, dict):
                raise WrongTypeError("reviews", "a list of objects")
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
        guessed = guess.get("result") if isinstance(guess, dict) else None
        proposed = {
            result["id"]: result
            for result in (guessed if isinstance(guessed, list) else ())
            if isinstance(result, dict) and isinstance(result.get("id"), str)
        }
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
            raise WrongTypeError("predictions", "a list of objects")
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
            raise WrongTypeError("result", "a list of objects")
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
            result = _sized(result, item)  # noqa: PLW2901 - the same result, with its size
            if kind == "relation":
                base = f"{made}:{result.get('from_id')}>{result.get('to_id')}:{nth}" if made is not None else None
                found = _relation(result, made)
            else:
                audio = item["media"] in {"audio", "video"} or "channel" in mapping(result, "value")
                found = list(rows(kind, result, item["text"], audio))
                unread = any(row.pop("unread", False) for row in found)
                self.percent += sum(row.pop("percent", False) for row in found)
                if unread or not (found or (kind in {"choices", "taxonomy", "textarea"} and "value" in result)):
                    self.unknown[kind] += 1
                    # Somebody has answered, even if with something that has no label.
                    found = found or [{"type": None}]
            prelabel = _prelabel(kind, proposed.get(own or ""))
            score = number(result, "score")
            track = own if any(row.get("frame") is not None for row in found) else None
            for further, row in enumerate(found):
                problem, extra = row.pop("problem", None), row.pop("attributes", None)
                annotation_id = base if not further or base is None else f"{base}:{further}"
                own_columns = {"annotation_id": annotation_id, "item_id": item["item_id"], "task": control}
                sure = {
                    "confidence": score if score is not None else common.get("confidence"),
                    "attributes": list((extra or {}).items()),
                }
                self.annotations.append(
                    {"parent_id": owner, "track_id": track, "prelabel": prelabel, **common, **row, **own_columns, **sure}
                )
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


def _check(task: Any) -> None:
    if not isinstance(task, dict):
        raise WrongTypeError("", "an object")
    if "data" not in task and not any(key in task for key in ANSWERS):
        raise WrongTypeError("data", "given")


def _relation(result: Row, made: str | None) -> list[Row]:
    """The rows of a relation: from `parent_id` to the attribute `to`."""
    names: list[str | None] = [name for name in listing(result, "labels") if isinstance(name, str)]
    start, end = text(result, "from_id"), text(result, "to_id")
    link = {"to": f"{made}:{end}", **({"direction": result["direction"]} if isinstance(result.get("direction"), str) else {})}
    return [
        {"type": "relation", "label": name, "parent_id": f"{made}:{start}", "attributes": dict(link)} for name in names or [None]
    ]


def _prelabel(kind: str, proposed: Row | None) -> str | None:
    """The label that a model proposed for a result, before a person changed or kept it."""
    return next((row.get("label") for row in rows(kind, proposed, None, audio=False)), None) if proposed else None


def _sized(result: Row, item: Row) -> Row:
    """A result with its image's size: predictions often lack it."""
    if item.get("width") and item.get("height"):
        return {"original_width": item["width"], "original_height": item["height"], **result}
    return result
