"""Dawid-Skene of a million votes beside crowd-kit, and the whole consensus of ten million."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.timing import as_base_install

VOTES = 1_000_000
PER_ITEM = 3
PEOPLE = 1_000
LABELS = 5
ROUNDS = 20


def generate(folder: Path) -> None:
    """Votes on items, four in five right, in the order of items."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    items = VOTES // PER_ITEM
    item = np.repeat(np.arange(items, dtype=np.int32), PER_ITEM)
    truth = rng.integers(0, LABELS, items)
    label = np.where(rng.random(len(item)) < 0.8, truth[item], rng.integers(0, LABELS, len(item)))
    person = rng.integers(0, PEOPLE, len(item), dtype=np.int32)
    pq.write_table(pa.table({"item": item, "person": person, "label": label.astype(np.int32)}), folder / "votes.parquet")


def _votes(folder: Path) -> list[np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "votes.parquet")
    return [table[name].to_numpy() for name in ("item", "person", "label")]


def ours(folder: Path) -> None:
    """Twenty rounds, and the most probable label of each item."""
    from auditor.measures import _ballots, _truth

    votes = _ballots.ballots(*_votes(folder))
    fit = _truth.dawid_skene(votes, ROUNDS, -np.inf)
    error, prior = np.log(fit.used_error), np.log(fit.used_prior)
    best = np.concatenate([_ballots.posterior(votes, *block, error, prior)[0].argmax(axis=1) for block in votes.blocks()])
    np.save(folder / "ours.npy", best)


def peer(folder: Path) -> None:
    """The same by crowd-kit."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    item, person, label = _votes(folder)
    frame = pd.DataFrame({"task": item, "worker": person, "label": label})
    found = DawidSkene(ROUNDS, tol=-np.inf).fit_predict(frame)
    best = found.sort_index().to_numpy()
    np.save(folder / "peer.npy", best)
    mine = folder / "ours.npy"
    assert not mine.is_file() or np.mean(np.load(mine) == best) > 0.9999


def consensus(folder: Path) -> None:
    """The measure `consensus` of ten million annotations, with every measure that it needs: the choice of a method included."""
    from auditor import check, measure
    from auditor.run import Session
    from auditor.stage import Tables
    from auditor.tables import TABLES, present_columns, row_count
    from benchmarks.ten_million import MEMORY

    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    rows = {name: row_count(path) for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    session = Session(
        Tables(paths, rows, present, None, ()), folder / "measures", folder, check.Binder(measure.columns()), memory=MEMORY
    )
    for name in sys.argv[3:] or ["consensus"]:
        assert session.measure(name) is None
    for name, seconds in sorted(session.seconds.items(), key=lambda entry: -entry[1]):
        sys.stderr.write(f"{seconds:7.2f} s measure {name}\n")


if __name__ == "__main__":
    if sys.argv[1] != "peer":
        as_base_install()
    {"generate": generate, "ours": ours, "peer": peer, "consensus": consensus}[sys.argv[1]](Path(sys.argv[2]))
