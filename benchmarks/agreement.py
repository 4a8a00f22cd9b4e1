"""Agreement from integer-coded votes: alpha in three metrics beside krippendorff and pandas, all pairs of annotators beside scikit-learn."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.tables import write
from benchmarks.timing import Figure, as_base_install, once, paired

ROWS, MANY_ROWS = 10_000_000, 100_000_000
PAIR_ROWS, PAIR_PEOPLE = 600_000, 150
VOTES = 3
LABELS = 5
BASE = ("vote", "vote_code", "vote_task", "vote_item")  # what the figures of alpha start from; those of pairs have the patterns too


def generate(folder: Path, rows: int, people: int) -> None:
    """Canonical tables of ratings 1 to 5, three on each item, and the measure `vote` with its codes: what all of these start from."""
    # Three different people, any two of whom meet: work is dealt out at random in a crowd.
    person = f"(hash(i // {VOTES}, 1) % {people} + (i % {VOTES}) * (1 + hash(i // {VOTES}, 4) % ({people} // {VOTES}))) % {people}"
    query = f"""
        SELECT 'a' || lpad(i::VARCHAR, 9, '0') AS annotation_id, 'item-' || lpad((i // {VOTES})::VARCHAR, 8, '0') AS item_id,
               'label' AS task, 'value' AS type, 'ann-' || {person} AS annotator_id, 'human' AS source,
               1 + CASE WHEN hash(i, 2) % 10 < 8 THEN hash(i // {VOTES}) % {LABELS} ELSE hash(i, 3) % {LABELS} END AS value
        FROM range({rows}) t(i)"""
    people_query = f"SELECT 'ann-' || i AS annotator_id, 'person' AS kind FROM range({people}) t(i)"
    write(folder, {"annotation": query, "annotator": people_query})
    _session(folder, folder / "measures", ()).measure("vote_task")
    _session(folder, folder / "measures", BASE[:3]).measure("vote_item")
    _session(folder, folder / "measures", BASE).measure("vote_pattern")


def _session(folder: Path, measures: Path, known: tuple[str, ...]):
    from auditor import check, measure
    from auditor.run import Session
    from auditor.stage import Tables
    from auditor.tables import TABLES, present_columns, row_count

    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    rows = {name: row_count(path) for name, path in paths.items()}
    present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
    session = Session(Tables(paths, rows, present, None, ()), measures, folder, check.Binder(measure.columns()), memory="700MB")
    for name in known:
        session.adopt(name, folder / "measures" / f"{name}.parquet")
    return session


def ours(folder: Path, name: str) -> None:
    """One measure from the votes."""
    with tempfile.TemporaryDirectory() as work:
        session = _session(folder, Path(work), BASE if name == "agreement" else (*BASE, "item_vote", "vote_pattern"))
        assert session.measure(name) is None


def peer_alpha(folder: Path) -> None:
    """The same three coefficients, without intervals, from counts made by pandas."""
    import krippendorff
    import pandas as pd

    votes = pd.read_parquet(folder / "measures" / "vote.parquet", columns=["item", "annotator", "label"])
    counts = pd.crosstab(votes["item"], votes["label"]).to_numpy()
    for level in ("nominal", "ordinal", "interval"):
        krippendorff.alpha(value_counts=counts, value_domain=np.arange(1.0, LABELS + 1), level_of_measurement=level)


def peer_pairs(folder: Path) -> None:
    """Kappa of each pair by scikit-learn, from a table of people by items."""
    import pandas as pd
    from sklearn.metrics import cohen_kappa_score

    votes = pd.read_parquet(folder / "measures" / "vote.parquet", columns=["item", "annotator", "label"])
    table = np.full((PAIR_PEOPLE, votes["item"].max() + 1), -1, np.int8)
    table[votes["annotator"], votes["item"]] = votes["label"]
    for a in range(PAIR_PEOPLE):
        for b in range(a):
            both = (table[a] >= 0) & (table[b] >= 0)
            if both.sum() >= 20:
                for weights in (None, "linear", "quadratic"):
                    cohen_kappa_score(table[a][both], table[b][both], weights=weights, labels=range(LABELS))


def scan(folder: Path) -> None:
    """Three columns hashed."""
    from auditor.engines import duckdb as engine

    con = engine.connect(folder, "700MB")
    path = folder / "measures" / "vote.parquet"
    con.execute(
        f"SELECT bit_xor(hash(item)), bit_xor(hash(annotator)), bit_xor(hash(label)) FROM read_parquet('{path}')"
    ).fetchall()


def bootstrap() -> None:
    """Seconds of one estimate from a million votes, and of the same with 1,000 bootstrap draws, in one process."""
    from scipy import sparse

    from auditor.measures import _alpha
    from auditor.measures._tally import tally

    rng = np.random.default_rng(0)
    for votes, labels in ((3, 5), (5, 5), (10, 10)):
        units = 1_000_000 // votes
        unit = np.repeat(np.arange(units), votes)
        truth = rng.integers(0, labels, units)[unit]
        label = np.where(rng.random(len(unit)) < 0.7, truth, rng.integers(0, labels, len(unit)))
        started = time.perf_counter()
        counted = tally(unit, label)
        _, first, items = np.unique(counted.pattern, return_index=True, return_counts=True)
        rows = (counted.unit[first][:, None] * votes + np.arange(votes)).ravel()
        at = (np.ones(len(rows)), (np.repeat(np.arange(len(first)), votes), label[rows]))
        patterns = _alpha.Patterns(sparse.csr_array(at, shape=(len(first), labels)), items)
        found = _alpha._ready("alpha_nominal", patterns, None)
        value = float(found[0].coefficients(found[1][None])[0])
        one = time.perf_counter() - started
        started = time.perf_counter()
        with_interval = _alpha.agreement("alpha_nominal", patterns)
        both = one + time.perf_counter() - started
        assert with_interval.value == value
        print(
            f"{votes} votes of {labels} labels: {len(first):,} patterns, estimate {one:.3f} s, with its interval {both:.3f} s, {both / one:.2f}x"
        )


Line = tuple[str, str, str, Figure, Figure | None, float | None]


def alpha(cache: Path, shape: str) -> Line:
    folder = _made(cache / f"agreement-{shape}", ROWS, 1000)
    command = ["-m", "benchmarks.agreement"]
    mine, theirs, ratio = paired([*command, "agreement", str(folder)], [*command, "peer_alpha", str(folder)], runs=3)
    what = f"alpha nominal, ordinal, interval and eight more coefficients with intervals, {ROWS:,} coded votes"
    return (
        what,
        "pandas counts + krippendorff, three alphas without intervals",
        "at least 30x faster, under 1 GB",
        mine,
        theirs,
        ratio,
    )


def alpha_many(cache: Path, shape: str) -> Line:
    folder = _made(cache / f"agreement-{MANY_ROWS}-{shape}", MANY_ROWS, 1000)
    command = ["-m", "benchmarks.agreement"]
    mine, theirs, ratio = paired([*command, "agreement", str(folder)], [*command, "scan", str(folder)], runs=3)
    what = f"the same from {MANY_ROWS:,} coded votes"
    return what, "scan: three columns hashed", "at most 15x the scan, under 1 GB", mine, theirs, ratio


def pairs(cache: Path, shape: str) -> Line:
    folder = _made(cache / f"agreement-pairs-{shape}", PAIR_ROWS, PAIR_PEOPLE)
    command = ["-m", "benchmarks.agreement"]
    mine, theirs, ratio = paired([*command, "agreement_pair", str(folder)], [*command, "peer_pairs", str(folder)], runs=3)
    what = f"all pairs of {PAIR_PEOPLE} annotators: three kappas with intervals, pi, PABAK, tau-b; {PAIR_ROWS:,} coded votes"
    return what, "loop over cohen_kappa_score, three kappas", "at least 30x faster", mine, theirs, ratio


def _made(folder: Path, rows: int, people: int) -> Path:
    if not (folder / "measures" / "vote_pattern.parquet").is_file():
        once(["-m", "benchmarks.agreement", "generate", str(folder), str(rows), str(people)])
    return folder


if __name__ == "__main__":
    which, *rest = sys.argv[1:]
    if which == "generate":
        as_base_install()
        generate(Path(rest[0]), int(rest[1]), int(rest[2]))
    elif which == "bootstrap":
        bootstrap()
    elif which in {"peer_alpha", "peer_pairs", "scan"}:
        {"peer_alpha": peer_alpha, "peer_pairs": peer_pairs, "scan": scan}[which](Path(rest[0]))
    else:
        as_base_install()
        ours(Path(rest[0]), which)
