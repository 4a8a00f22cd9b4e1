"""Releases beside plain DVC, and `status` where nothing changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ITEMS = 4_000_000
FILES = 20_000
GIT = {
    "GIT_AUTHOR_NAME": "n",
    "GIT_AUTHOR_EMAIL": "n@example.org",
    "GIT_COMMITTER_NAME": "n",
    "GIT_COMMITTER_EMAIL": "n@example.org",
}


def call(folder: Path, *words: str) -> None:
    """Run a module's command in a folder, quietly."""
    environment = os.environ | GIT | {"DVC_NO_ANALYTICS": "1"}
    subprocess.run([sys.executable, "-m", *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def generate(folder: Path) -> None:
    """A workspace whose only source has a table of about 1 GB and 20,000 small images' worth of media files, gate passed."""
    import random

    from auditor.engines import duckdb as engine

    folder.mkdir(parents=True)
    con = engine.connect(folder, "6GB")
    # Texts that do not compress: hexadecimal digests.
    con.execute(
        f"COPY (SELECT 'i' || i AS item_id, 'a' || (i % 50) AS annotator_id, 'class ' || (hash(i) % 5) AS label, "
        f"sha256(i::VARCHAR) || sha256((i + 1)::VARCHAR) || sha256((i + 2)::VARCHAR) || sha256((i + 3)::VARCHAR) || "
        f"sha256((i + 4)::VARCHAR) || sha256((i + 5)::VARCHAR) || sha256((i + 6)::VARCHAR) AS text "
        f"FROM range({ITEMS}) t(i)) TO '{folder / 'answers.parquet'}' (FORMAT parquet)"
    )
    con.close()
    space = folder / "space"
    # A repository of its own: in a checkout, init would take the one around it.
    subprocess.run(["git", "init", "-q", str(space)], check=True)
    call(folder, "auditor", "init", str(space))
    media = space / "media"
    media.mkdir()
    draw = random.Random(1)
    for number in range(FILES):
        (media / f"{number:05}.bin").write_bytes(draw.randbytes(4000))
    config = space / ".dvc" / "config"
    (folder / "remote").mkdir()
    config.write_text(config.read_text() + f"    remote = store\n['remote \"store\"']\n    url = {folder / 'remote'}\n")
    (space / "auditor.toml").write_text('[gate]\nfail_on = "error"\n\n[checks]\n')
    call(space, "auditor", "import", str(folder / "answers.parquet"), "--name", "big")
    note = space / "sources" / "big.json"
    note.write_text(note.read_text().replace('"format"', '"track": "media",\n "format"', 1))
    for command in ("measure", "check", "gate"):
        call(space, "auditor", command)


def fresh(folder: Path) -> Path:
    """A copy of the workspace without cache and remote contents, as before its first release."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.rmtree(folder / "remote", ignore_errors=True)
    (folder / "remote").mkdir()
    # Links keep the copy from costing a gigabyte; times stay, so digests of files are remembered as they are after a gate.
    subprocess.run(["cp", "-al", str(folder / "space"), str(copy)], check=True)
    shutil.rmtree(copy / ".dvc" / "cache", ignore_errors=True)
    shutil.rmtree(copy / ".dvc" / "tmp", ignore_errors=True)
    return copy


def status(folder: Path) -> None:
    call(folder / "space", "auditor", "status")


def ours(folder: Path) -> None:
    call(folder / "copy", "auditor", "release", "v1", "--even-failed", "benchmark")


def peer(folder: Path) -> None:
    """What a careful user would type: the same data added, committed, pushed, tagged."""
    copy = folder / "copy"
    call(copy, "dvc", "add", "-q", "tables", "media")
    call(copy, "dvc", "commit", "-q", "-f", "measure", "check")
    call(copy, "dvc", "push", "-q")
    for words in (
        ["add", "--all", "--", "tables.dvc", "media.dvc", "dvc.yaml", "dvc.lock", "auditor.toml"],
        ["commit", "-qm", "v1", "--allow-empty"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *words], cwd=copy, env=os.environ | GIT, check=True)


if __name__ == "__main__":
    {"generate": generate, "fresh": fresh, "status": status, "ours": ours, "peer": peer}[sys.argv[1]](Path(sys.argv[2]))
