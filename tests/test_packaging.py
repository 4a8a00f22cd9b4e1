"""The wheel holds what the checkout holds, content folders included, and nothing else; the rooms keep their direction."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = ("checks", "policies", "reports")
# Each room may import rooms on its left only (HOUSE: nothing reads rightwards).
FLOOR = "protection"  # its rooms stand between the others, one by one
ORDER = [
    {"errors", "framing", "ahead"},
    {"files", "content", "hpke", "scratch", "precision"},
    {"git"},
    {"encoding", "ledger"},
    {"recipient"},
    {"identity"},
    {"seal"},
    {"grant"},
    {"tables"},
    {"media", "engines"},
    {"stopping"},
    {"outfolder"},
    {"clash"},
    {"stage"},
    {"formats", "provenance"},
    {"measure", "measures"},
    {"sqlguard"},
    {"check"},
    {"policy", "hide", "child"},
    {"cedar"},
    {"access"},
    {"access_cases", "classify", "column_key"},
    {"protect"},
    {"unseal"},
    {"run", "audience"},
    {"finding", "settings", "cases", "progress"},
    {"gate", "summary", "review"},
    {"steps"},
    # What a contract is and how it is printed know each other; only `contract` knows Great Expectations.
    {"suite", "outputs", "attribute", "breach", "unmet"},
    {"contract"},
    {"vault", "journal", "freshness", "door"},
    {"workspace", "storing"},
    {"release"},
    {"scaffold", "importing", "status", "opening", "pipeline", "private", "compare", "contracting"},
    {"api", "decisions"},
    {"judging", "results", "disputed", "queue", "repair", "passing", "queueing", "scorecard", "carding", "seclude"},
    {"views"},
    {"listing"},
    {"cli", "__main__"},
]


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=root, check=True, capture_output=True
    )
    (path,) = out.glob("*.whl")
    return path


def tracked(root: Path, folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    return {name for name in listed if name and not name.endswith(".keep")}


def test_the_wheel_is_the_checkout(root, wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name and not name.endswith(".keep")}
    expected = tracked(root, "auditor") | {f"auditor/{name}" for folder in CONTENT for name in tracked(root, folder)}
    assert names == expected


def test_content_folders_hold_no_python(root):
    assert not [name for folder in CONTENT for name in tracked(root, folder) if name.endswith(".py")]


def test_the_wheel_installs_and_finds_its_content(wheel, tmp_path):
    """Unpacked on its own path, away from the checkout, it lists its checks."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from auditor import content; print(content.folder('checks'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "site" / "auditor" / "checks")


def parse(path: Path) -> ast.AST:
    """The file's tree. Collecting garbage while a tree is being built makes CPython 3.11 miscount its recursion."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports_at_run_time(node: ast.AST):
    """All nodes but those behind `if TYPE_CHECKING`, which never run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from imports_at_run_time(child)


def place(parts: tuple[str, ...]) -> str:
    """Whose place counts: a package's own, but for protection that of each of its rooms."""
    return parts[1] if parts[0] == FLOOR and len(parts) > 1 else parts[0]


def room(name: str) -> int | None:
    return next((number for number, rooms in enumerate(ORDER) if name in rooms), None)


def test_nothing_imports_rightwards(root):
    for path in (root / "auditor").rglob("*.py"):
        own = place(path.relative_to(root / "auditor").with_suffix("").parts)
        if own == "__init__":
            continue
        assert room(own) is not None, f"{own} has no place in ORDER"
        for node in imports_at_run_time(parse(path)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "auditor":
                parts = node.module.split(".")
                names = [place(tuple(parts[1:]))] if len(parts) > 1 + parts[1:2].count(FLOOR) else [a.name for a in node.names]
            elif isinstance(node, ast.Import):
                names = [place(tuple(alias.name.split(".")[1:])) for alias in node.names if alias.name.startswith("auditor.")]
            else:
                continue
            for name in names:
                if room(name) is not None:
                    assert room(name) <= room(own), f"{path.name} imports {name}, which stands to its right"
