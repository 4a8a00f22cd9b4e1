"""Audits real handwritten digits with planted faults, and says which of the faults were found.

python examples/digits/run.py --out demo            with faults: the dataset fails its audit
python examples/digits/run.py --out demo --clean    without: it passes
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
import files
import numpy as np
from plant import plant
from tally import table, tally
from world import SEED, choose_gold, clean

PASSED, FAILED, INCOMPLETE = 0, 1, 4  # docs/adr/0003-exit-codes.md


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"), show_default=True, help="Where all goes."
)
@click.option("--clean", "faultless", is_flag=True, help="Plant nothing.")
@click.option("--data-only", is_flag=True, help="Write the data and stop.")
def main(out: Path, faultless: bool, data_only: bool) -> None:
    """Write the data, audit it with the real command, and compare. Exits 0 if the verdict is what the data deserve."""
    started = time.perf_counter()
    world = clean()
    rng = np.random.default_rng(SEED + 1)
    damaged = set() if faultless else plant(world, rng)
    choose_gold(world, rng, besides=damaged)
    try:
        files.write(world, out)
    except FileExistsError as error:
        raise click.UsageError(str(error)) from error
    click.echo(
        f"wrote {len(world.items):,} images and {len(world.votes):,} answers of 6 simulated annotators to {_shown(out)}, with "
        f"{sum(len(fault.instances) for fault in world.faults)} planted faults of {len(world.faults)} kinds ({_seconds(started)})\n"
    )
    if data_only:
        return
    code = _audit(out)
    rows, further = tally(out / files.MARK, out / "audit")
    click.echo(f"\n{table(rows, further)}\n" if rows or further else "")
    sentence, ending = _ending(code, faultless=faultless)
    click.echo(sentence)
    click.echo(f"report: {_shown(out / 'audit' / 'report.html')} (all done in {_seconds(started)})")
    raise SystemExit(ending)


def _ending(code: int, *, faultless: bool) -> tuple[str, int]:
    """What the audit's exit code means here, and the demo's own: 0 only if the verdict is what the data deserve."""
    if code == INCOMPLETE:
        return "the audit is INCOMPLETE: a check could not run, so this demo shows nothing; see above", code
    if faultless:
        return (
            ("the dataset passed: nothing was planted", 0) if code == PASSED else ("the dataset FAILED, and nothing was planted", 1)
        )
    if code == FAILED:
        return "the dataset failed its audit, as it should: the faults above are in it; the demo itself went well and exits 0", 0
    return "the dataset PASSED although the faults above are in it", 1


def _audit(out: Path) -> int:
    words = ["audit", _shown(out / "labels.csv"), "--map", "item.scanner=scanner", "--out", _shown(out / "audit")]
    for option, name in (
        ("--media", "images"),
        ("--gold", "gold.csv"),
        ("--predictions", "probabilities.csv"),
        ("--classes", "classes.txt"),
        ("--policy", "policy.toml"),
        ("--key-file", "pseudonym.key"),
    ):
        words += [option, _shown(out / name)]
    click.echo(f"$ auditor {shlex.join(words)}")
    done = subprocess.run([sys.executable, "-m", "auditor", *words], check=False)  # noqa: S603  # our own command and paths
    if done.returncode not in {PASSED, FAILED, INCOMPLETE}:
        raise SystemExit(done.returncode)
    return done.returncode


def _shown(path: Path) -> str:
    """As short as it can be written from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.0f} s"


if __name__ == "__main__":
    main()
