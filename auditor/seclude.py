"""Folders for what speaks of persons: their owner's alone, and where neither git nor DVC, nor an audit's folder, takes it along."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from auditor import outfolder, workspace
from auditor.errors import AuditorError, UsageError
from auditor.git import answer

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o700
_HINT = "choose private/scorecards in a workspace, or a folder outside of any repository"


def folder(path: Path) -> Path:
    """The folder, made if it is not there, for its owner alone.

    Raises:
        UsageError: it is kept by git or DVC, is part of an audit's folder, is open to others, or is no folder.
    """
    target = path.resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"{path}: is a file, not a folder", _HINT)
    for above in (target, *target.parents):
        if outfolder.is_audit(above):
            raise UsageError(f"{path}: lies in the folder of an audit, which is handed on", _HINT)
        if workspace.Workspace(above).config.is_file() and (above / "dvc.yaml").is_file():
            _outside_of(path, target, workspace.Workspace(above))
        if _tracked_by_dvc(above):
            raise UsageError(f"{path}: is kept by DVC", _HINT)
    _outside_git(path, target)
    if target.exists():
        about = target.stat()
        if stat.S_IMODE(about.st_mode) & 0o077 or about.st_uid != os.getuid():
            raise UsageError(f"{path}: others than you can read it", f"make it yours alone: chmod 700 {path}")
        return target
    try:
        target.mkdir(parents=True, mode=MODE)
        target.chmod(MODE)
    except OSError as error:
        raise AuditorError(f"{path}: cannot be made: {error.strerror}", _HINT) from error
    return target


def _outside_of(path: Path, target: Path, space: workspace.Workspace) -> None:
    for kept in (space.tables, space.measures, space.findings, space.report, space.reviews):
        if target == kept or target.is_relative_to(kept):
            raise UsageError(f"{path}: lies in {kept.name}/, which is kept and handed on", _HINT)
    if target == space.root:
        raise UsageError(f"{path}: is the workspace itself", _HINT)


def _tracked_by_dvc(above: Path) -> bool:
    return (above.parent.is_dir() and (above.parent / f"{above.name}.dvc").is_file()) or any(
        above == (pipeline.parent / out).resolve() for pipeline in _pipelines(above) for out in _outs(pipeline)
    )


def _pipelines(above: Path) -> list[Path]:
    return [one / "dvc.yaml" for one in above.parents if (one / "dvc.yaml").is_file()][:3]


def _outs(pipeline: Path) -> list[str]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        body: Any = YAML(typ="safe").load(pipeline.read_text(encoding="utf-8")) or {}
        outs = [out for stage in (body.get("stages") or {}).values() for out in (stage or {}).get("outs") or []]
    except (OSError, YAMLError, AttributeError, UnicodeDecodeError):
        return []  # what is no pipeline keeps nothing
    return [str(next(iter(out)) if isinstance(out, dict) else out) for out in outs]


def _outside_git(path: Path, target: Path) -> None:
    start = next(one for one in (target, *target.parents) if one.is_dir())
    if answer(start, "rev-parse", "--is-inside-work-tree") != (0, "true"):
        return
    if answer(start, "ls-files", "--", str(target))[1]:
        raise UsageError(f"{path}: git keeps files in it", _HINT)
    if answer(start, "check-ignore", "--quiet", str(target / "scorecard.html"))[0] != 0:
        raise UsageError(f"{path}: git does not ignore it", _HINT)
