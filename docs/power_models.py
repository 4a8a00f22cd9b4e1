"""The section "Labels beside a model" of docs/power.md: what the checks that use predictions find, and whom they name wrongly.

`python docs/power.py` writes it with the others; `python docs/power_models.py` prints it alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditor.measures._stats import wilson
from tests import measured

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = list[dict[str, Any]]
    World = tuple[dict[str, Any], dict[str, set[str]], int]

WORLDS = 10
ITEMS, EACH = 150, 4  # items of a world of objects, and objects on each
FAULT = 0.03  # share of labels of each kind of fault
NAMES = ("ant", "bee", "cat")
KINDS = ("lost", "moved", "swapped")


def share(hits: int, n: int) -> str:
    """A share with its Wilson interval; a dash where there is nothing to count."""
    if not n:
        return "-"
    low, high = wilson(np.array([float(hits)]), np.array([float(n)]))
    return f"{100 * hits / n:.1f} % ({100 * low[0]:.1f} to {100 * high[0]:.1f})"


def objects(rng: np.random.Generator, shape: str, fault: float) -> World:
    """Objects of people and of a model whose confidence is true: of those with 0.9, one in ten has another label or place."""
    rows: Rows = []
    due: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for item in range(ITEMS):
        for slot in range(EACH):
            label, place = int(rng.integers(3)), np.array([100.0 * slot, 0.0]) + rng.integers(0, 8, 2)
            size = rng.integers(30, 50, 2)
            kind = rng.choice([*KINDS, ""], p=[fault] * 3 + [1 - 3 * fault])
            base = {"item_id": f"{item:04d}", "task": "label"}
            name = f"{item:04d}-{slot}"
            if kind != "lost":
                said = (label + 1) % 3 if kind == "swapped" else label
                moved = place + (size * 0.6 if kind == "moved" else 0)
                rows.append(
                    base | drawn(shape, moved, size) | {"annotation_id": f"h{name}", "label": NAMES[said], "annotator_id": "p"}
                )
            sure = float(rng.beta(6, 1))
            wrong = rng.random() > sure
            guess = (label + int(rng.integers(1, 3))) % 3 if wrong and rng.random() < 0.5 else label
            seen = place + (size * 0.6 if wrong and guess == label else (rng.integers(-1, 2, 2) if shape != "span" else 0))
            rows.append(
                base | drawn(shape, np.maximum(seen, 0), size)
                | {"annotation_id": f"m{name}", "label": NAMES[guess], "annotator_id": "net", "source": "model", "confidence": sure}
            )  # fmt: skip
            if kind:
                due[str(kind)].add(("m" if kind == "lost" else "h") + name)
    texts = {"item": [{"item_id": f"{item:04d}", "text": "x" * 500} for item in range(ITEMS)]} if shape == "span" else {}
    return {"annotation": rows, **texts}, due, ITEMS * EACH


def drawn(shape: str, place: np.ndarray, size: np.ndarray) -> dict[str, Any]:
    """One object: a box, a polygon of the same corners, or a span as long as it is wide."""
    (x, y), (w, h) = (float(v) for v in place), (float(v) for v in size)
    if shape == "box":
        return {"type": "box", "x": x, "y": y, "w": w, "h": h}
    if shape == "span":
        return {"type": "span", "start_char": int(x), "end_char": int(x + w)}
    return {"type": "polygon", "polygon": [[x, y, x + w, y, x + w, y + h, x, y + h]]}


def sets(rng: np.random.Generator, fault: float) -> World:
    """Sets of three labels, each with a true probability."""
    probs = np.where(rng.random((600, 3)) < 0.4, rng.beta(6, 1, (600, 3)), rng.beta(1, 6, (600, 3))).astype(np.float32)
    truth = rng.random(probs.shape) < probs
    turned = rng.random(probs.shape) < fault
    given = truth ^ turned
    rows = [
        {
            "item_id": f"{n:04d}",
            "annotation_id": f"{n:04d}{k}",
            "type": "class",
            "task": "label",
            "label": NAMES[k],
            "annotator_id": "p",
        }
        for n, k in zip(*np.nonzero(given), strict=True)
    ]
    ids = [f"{n:04d}" for n in range(len(probs))]
    lists = pa.array([row.tolist() for row in probs], pa.list_(pa.float32()))
    prediction = pa.table({"item_id": ids, "task": ["label"] * len(ids), "model": ["net"] * len(ids), "probs": lists})
    tables = {
        "annotation": rows, "prediction": prediction, "model": [{"model": "net", "task": "label", "classes": list(NAMES)}],
        "ontology": [{"task": "label", "label": name, "exclusive": False} for name in NAMES],
    }  # fmt: skip
    places = zip(*np.nonzero(turned & given.any(axis=1)[:, None]), strict=True)
    return tables, {"": {f"{n:04d}/{NAMES[k]}" for n, k in places}}, probs.size


def values(rng: np.random.Generator, fault: float) -> World:
    """Numbers with long-tailed noise, some of them ten times too large."""
    truth = rng.uniform(20, 100, 1000)
    wrong = rng.random(1000) < fault
    given = (truth + rng.standard_t(6, 1000)) * np.where(wrong, 10, 1)
    rows: Rows = []
    for n in range(1000):
        row = {"item_id": f"{n:04d}", "type": "value", "task": "label"}
        rows.append(row | {"annotation_id": f"h{n:04d}", "value": given[n], "annotator_id": "p"})
        rows.append(row | {"annotation_id": f"m{n:04d}", "value": truth[n], "annotator_id": "net", "source": "model"})
    return {"annotation": rows}, {"": {f"{n:04d}" for n in np.flatnonzero(wrong)}}, 1000


def _classes(rng: np.random.Generator, fault: float) -> tuple[np.ndarray, Rows, set[str]]:
    truth = rng.integers(0, 3, 600)
    wrong = rng.random(600) < fault
    given = np.where(wrong, (truth + 1) % 3, truth)
    rows = [{"item_id": f"{n:04d}", "type": "class", "task": "label", "label": NAMES[k]} for n, k in enumerate(given)]
    return truth, rows, {f"{n:04d}" for n in np.flatnonzero(wrong)}


def embedded(rng: np.random.Generator, fault: float) -> World:
    """Three heaps of vectors that overlap a little."""
    truth, rows, wrong = _classes(rng, fault)
    vectors = np.eye(8)[truth] * 4 + rng.normal(size=(600, 8))
    lists = pa.array([row.tolist() for row in vectors], pa.list_(pa.float32()))
    ids = [f"{n:04d}" for n in range(600)]
    return {"annotation": rows, "embedding": pa.table({"item_id": ids, "model": ["e"] * 600, "vector": lists})}, {"": wrong}, 600


def texts(rng: np.random.Generator, fault: float) -> World:
    """Short texts of 12 words, four of them drawn from the 30 of their class, the others from 60 that all share."""
    truth, rows, wrong = _classes(rng, fault)
    item = [
        {"item_id": f"{n:04d}", "text": " ".join([*(f"w{k}x{v}" for v in rng.integers(0, 30, 4)), *(f"c{v}" for v in rng.integers(0, 60, 8))])}
        for n, k in enumerate(truth)
    ]  # fmt: skip
    return {"annotation": rows, "item": item}, {"": wrong}, 600


Case = tuple[str, str, str, "Callable[[np.random.Generator, float], World]"]


def _of(shape: str) -> Callable[[np.random.Generator, float], World]:
    return lambda rng, fault: objects(rng, shape, fault)


CASES: tuple[Case, ...] = (
    *(
        (f"outlier/{check}", kind, "annotation_id", _of(shape))
        for shape, names in (
            ("box", ("overlooked_box", "badly_located_box", "swapped_box_label")),
            ("polygon", ("overlooked_mask", "badly_segmented_mask", "swapped_mask_label")),
        )
        for check, kind in zip(names, KINDS, strict=True)
    ),
    ("outlier/suspicious_span", "all", "annotation_id", _of("span")),
    ("outlier/suspicious_label_set", "", "item_id/label", sets),
    ("outlier/suspicious_value", "", "item_id", values),
    ("outlier/neighbour_conflict", "", "item_id", embedded),
    ("outlier/suspicious_label_built_in", "", "item_id", texts),
)


def labels_beside_a_model() -> str:
    """Hit rates and false alarms with the parameters that the checks come with."""
    lines = [
        "## Labels beside a model\n",
        f"{WORLDS} worlds a row. Three in a hundred labels are faulty in each way that can be. Of objects (boxes, polygons, spans; four on",
        "each of 150 items) and of sets, the model's confidence is true: of what it gives 0.9, one in ten is wrong; its mean is 0.86. A",
        "model that is surer than it is right makes as many more false alarms. Numbers have noise of Student's t with 6 degrees of freedom.",
        "*Found* are faulty labels of the check's kind that it names; *wrong* are sound labels among those that it names; *sound* is the",
        "share of labels that it names in a world without faults.\n",
        "| check | found | wrong | sound |",
        "|---|---|---|---|",
    ]
    for number, (check, kind, key, make) in enumerate(CASES):
        hits = planted = wrong = named = calm = labels = 0
        for world in range(WORLDS):
            for fault in (FAULT, 0.0):
                tables, faulty, size = make(np.random.default_rng([number, world, int(100 * fault)]), fault)
                with tempfile.TemporaryDirectory() as folder:
                    found = measured.findings(measured.of_rows(Path(folder), **tables), check)
                got = {"/".join(str(row[name]) for name in key.split("/")) for row in found}
                if fault:
                    due = set().union(*faulty.values()) if kind == "all" else faulty[kind]
                    any_fault = set().union(*faulty.values())
                    # who moved or swapped is found under another name too: the model's object beside it
                    beside = {one[1:] for one in any_fault} if key == "annotation_id" else set()
                    right = {one for one in got if one in any_fault or one[1:] in beside}
                    hits, planted = hits + len(due & got), planted + len(due)
                    wrong, named = wrong + len(got - right), named + len(got)
                else:
                    calm, labels = calm + len(got), labels + size
        lines.append(f"| `{check}` | {share(hits, planted)} | {share(wrong, named)} | {share(calm, labels)} |")
    lines += [
        "",
        "Intervals of shares are Wilson's, 95 %. What a model does not see surely is not named: found is bounded by its confidence.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(labels_beside_a_model())
