"""Releases: a git tag whose data DVC keeps. The only file that imports DVC.

State rules:

- A release exists when its tag does; data is committed and pushed before, so a tag never points to data that is nowhere.
- Where something refuses on the way, git and the workspace are put back as they were; only data in DVC's cache and remote stays.
- A release of a state whose gate did not pass needs a reason, which stays in its manifest.
- Old releases are read where they lie in DVC's cache; nothing is copied or checked out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError, UsageError
from auditor.files import write_text
from auditor.git import git, undone_on_failure

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from auditor.gate import Verdict
    from auditor.workspace import Workspace

MANIFEST = "label-auditor/release/1"
# What git keeps of a workspace; other files of the repository are none of a release's business.
_IN_GIT = (
    "auditor.toml", "auditor.schema.json", "checks", "policies", "grants", "ledger", "reviews", "sources", "releases",
    "verdict.json", "dvc.yaml", "dvc.lock", "tables.dvc", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore",
)  # fmt: skip
# What differs from release to release even if nothing changed.
_OF_THE_ACT = (":(exclude)releases", ":(exclude)verdict.json")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _quiet() -> None:
    """No telemetry and no update check of DVC's, whatever the user's own configuration says."""
    os.environ["DVC_NO_ANALYTICS"] = "1"
    os.environ["DVC_ANALYTICS_DISABLED"] = "1"


@contextlib.contextmanager
def _repo(root: Path) -> Iterator[Any]:
    _quiet()
    import logging

    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import SCMError

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what it has to say we say ourselves
    try:
        repo = Repo(str(root))
    except DvcException as error:
        raise AuditorError(f"{root}: DVC cannot open it: {_first(error)}", "run auditor init") from error
    try:
        yield repo
    except (DvcException, SCMError) as error:
        raise AuditorError(f"DVC: {_first(error)}", "see `dvc status`, then try again") from error
    except OSError as error:
        raise AuditorError(f"DVC: {_first(error)}", "is the remote there, and the disk not full?") from error
    finally:
        repo.close()


def _first(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


def init_dvc(root: Path) -> list[str]:
    """Make a DVC repository at `root` unless one holds it already; analytics and update checks are off for everyone who clones it.

    Returns:
        What was done, a line each.
    """
    _quiet()
    import logging

    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what it did we say ourselves
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    try:
        found = Path(Repo.find_root(str(root))).resolve()
    except NotDvcRepoError:
        found = None
    # DVC looks upwards past the git repository: one around it is not ours, and would keep its data in another's history.
    if found is not None and found.is_relative_to(top):
        return _analytics_of(root)
    inner = top != root
    try:
        repo = Repo.init(str(root), subdir=inner)
    except DvcException as error:
        raise AuditorError(f"DVC: {_first(error)}", "is the folder writable, and not ignored by git?") from error
    with repo, repo.config.edit() as config:
        config["core"]["analytics"] = False
        config["core"]["check_update"] = False
    return ["made a DVC repository, with its analytics off"]


def _analytics_of(root: Path) -> list[str]:
    """What to say of a DVC repository that was there before: its analytics are its owner's to switch off."""
    with _repo(root) as repo:
        if repo.config["core"].get("analytics", True):
            return ["note: this DVC repository has its analytics on; off for all its clones: dvc config core.analytics false"]
    return []


@dataclass(frozen=True)
class Release:
    """A release as its manifest tells it.

    Attributes:
        name: the tag.
        result: the gate's answer.
        as_of: the date of that answer.
        reason: why it was released although the gate did not pass, or "".
        items: rows of the table item.
        annotations: rows of the table annotation.
    """

    name: str
    result: str
    as_of: str
    reason: str
    items: int
    annotations: int


@dataclass(frozen=True)
class Made:
    """A release that was made.

    Attributes:
        release: itself.
        pushed: whether its data was pushed to a remote.
        same_as: the release before it, where nothing has changed since, or "".
    """

    release: Release
    pushed: bool
    same_as: str


def make(
    space: Workspace,
    name: str,
    verdict: Verdict,
    as_of: dt.date,
    body: Mapping[str, Any],
    *,
    even_failed: str = "",
    progress: Callable[[str, int, int | None], None],
) -> Made:
    """Commit the workspace's data with DVC, push it where a remote is set, commit, and tag; under the workspace's lock.

    Args:
        space: the workspace, in the state that the verdict is about.
        name: the tag.
        verdict: the gate's answer for this state.
        as_of: its date.
        body: further entries of the manifest: files, sources, units.
        even_failed: why it is released although the gate did not pass.
        progress: called with what, done, total.

    Raises:
        UsageError: the name cannot be a tag, or is taken.
        AuditorError: the gate did not pass and no reason is given; git or DVC refuse, and nothing is released.
    """
    root = space.root
    # Asked first, so that nothing was pushed or staged when git would refuse the commit.
    git(root, "var", "GIT_COMMITTER_IDENT")
    if name == "HEAD" or name in _branches(root) or not _TAG.fullmatch(name) or name.endswith((".lock", ".")) or ".." in name:
        raise UsageError(f"{name!r} cannot name a release", "use letters, digits, dots and dashes: auditor release v1.0")
    if git(root, "tag", "--list", name):
        raise UsageError(f"there is a release {name} already", "releases do not change: choose another name")
    if verdict.result != "passed" and not even_failed:
        raise AuditorError(
            f"the gate's answer is {verdict.result}: {'; '.join(verdict.reasons[:3])}",
            'mend it and run auditor gate again, or give a reason: --even-failed "…"',
        )
    manifest = {
        "format": MANIFEST, "name": name, "result": verdict.result, "reasons": list(verdict.reasons),
        "as_of": as_of.isoformat(), "even_failed": even_failed, **body,
    }  # fmt: skip
    tracked = sorted({note["track"] for note in space.sources().values() if note.get("track")})
    last = next((one.name for one in listed(space)), "")
    try:
        with undone_on_failure(root, [root / "dvc.lock", _manifest(root, name), *_written_by_dvc(root, tracked)], name):
            pushed = _keep_data(root, tracked, progress)
            write_text(_manifest(root, name), json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
            beside = [str(path.relative_to(root)) for path in _written_by_dvc(root, tracked)]
            paths = [path for path in dict.fromkeys([*_IN_GIT, *beside]) if (root / path).exists()]
            git(root, "add", "--all", "--", *paths)
            paths = _kept(root, paths)
            unchanged = bool(last) and not git(root, "diff", "--cached", "--name-only", last, "--", *paths, *_OF_THE_ACT)
            if git(root, "status", "--porcelain", "--untracked-files=no", "--", *paths):
                git(root, "commit", "--quiet", "--message", f"release {name}: {verdict.result}", "--", *paths)
            git(root, "tag", "--annotate", "--message", f"{verdict.result}{f': {even_failed}' if even_failed else ''}", name)
    except AuditorError as error:
        again = f"{error.hint or 'mend that'}; then auditor release {name} again"
        raise AuditorError(f"{error.message}: there is no release {name}, everything is as it was", again) from error
    return Made(_release(manifest), pushed, last if unchanged else "")


def _kept(root: Path, paths: Sequence[str]) -> list[str]:
    """Those of which git keeps something, or did until now: it refuses to commit a folder that is empty."""
    asked = ("ls-files", "-z"), ("diff", "--cached", "--relative", "--name-only", "-z")
    known = [one for words in asked for one in git(root, *words, "--", *paths).split("\0")]
    return [path for path in paths if any(one == path or one.startswith(f"{path}/") for one in known)]


def _manifest(root: Path, name: str) -> Path:
    return root / "releases" / f"{name}.json"


def _keep_data(root: Path, tracked: Sequence[str], progress: Callable[[str, int, int | None], None]) -> bool:
    """Put tables, media and what the stages made into DVC's cache, and push it; says whether there is a remote."""
    with _repo(root) as repo:
        progress("committing data", 0, None)
        for target in ("tables", *tracked):
            repo.add(str(root / target))
        _commit_stages(repo)
        return _push(repo, progress)


def _written_by_dvc(root: Path, tracked: Sequence[str]) -> Iterator[Path]:
    """What `dvc add` writes beside its targets."""
    for target in ("tables", *tracked):
        yield root / f"{target}.dvc"
        yield (root / target).parent / ".gitignore"


def _branches(root: Path) -> list[str]:
    return git(root, "for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()


def _commit_stages(repo: Any) -> None:
    """Record what the stages made in dvc.lock, without running them: their freshness was compared already, by content."""
    for name in ("measure", "check"):
        repo.commit(name, force=True)
    if (Path(repo.root_dir) / "report").is_dir():
        repo.commit("report", force=True)


def _push(repo: Any, progress: Callable[[str, int, int | None], None]) -> bool:
    from dvc.config import NoRemoteError

    progress("pushing data", 0, None)
    try:
        remote = repo.cloud.get_remote()
    except NoRemoteError:
        return False
    try:
        repo.push()
    except Exception as error:  # each kind of storage raises what its own client library has
        raise AuditorError(f"DVC cannot push to the remote {remote.name!r}: {_first(error)}", "see `dvc push`") from error
    return True


def _release(manifest: Mapping[str, Any]) -> Release:
    units = manifest.get("units", {})
    return Release(
        manifest["name"], manifest["result"], manifest["as_of"], manifest.get("even_failed", ""),
        units.get("item", 0), units.get("annotation", 0),
    )  # fmt: skip


def listed(space: Workspace) -> list[Release]:
    """The releases of a workspace, newest tag first; tags that are no releases are passed over."""
    found = []
    prefix = git(space.root, "rev-parse", "--show-prefix")
    for tag in git(space.root, "tag", "--sort=-creatordate").splitlines():
        text = git(space.root, "show", f"{tag}:{prefix}releases/{tag}.json", check=False)
        with contextlib.suppress(ValueError, KeyError):
            found.append(_release(json.loads(text)))
    return found


@dataclass(frozen=True)
class Old:
    """A revision's data where it lies in DVC's cache.

    Attributes:
        revision: as it was asked for.
        commit: which commit that is.
        sources: the notes in sources/ of that time.
        tables: table -> file.
        measures: file name in measures/ -> file.
        findings: findings.parquet of that time, or None.
    """

    revision: str
    commit: str
    sources: Mapping[str, Any]
    tables: Mapping[str, Path]
    measures: Mapping[str, Path]
    findings: Path | None = None


def read_old(space: Workspace, revision: str) -> Old:
    """Find the data of a revision in DVC's cache; what is not there is fetched from the remote, where one is set.

    Raises:
        UsageError: there is no such revision, or it holds no tables.
        AuditorError: its data is neither in the cache nor in a remote.
    """
    from auditor.workspace import MERGED

    root = space.root
    commit = git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False)
    if not commit:
        known = ", ".join(one.name for one in listed(space)[:5])
        raise UsageError(f"there is no revision {revision!r}", f"releases: {known}" if known else "there are no releases yet")
    prefix = git(root, "rev-parse", "--show-prefix")
    names = git(root, "ls-tree", "--full-tree", "--name-only", commit, f"{prefix}sources/").splitlines()
    notes = {Path(name).stem: json.loads(git(root, "show", f"{commit}:{prefix}{name.removeprefix(prefix)}")) for name in names}
    if not notes:
        raise UsageError(f"{revision} holds no imported tables", "choose a later revision")
    folder = f"tables/{next(iter(notes)) if len(notes) == 1 else MERGED}"
    with _repo(root) as repo:
        parts = {part: f"{prefix}{part}" for part in (folder, "measures", "findings")}
        found = {part: _in_cache(repo, commit, where) for part, where in parts.items()}
        if not found[folder] or not all(path.is_file() for files in found.values() for path in files.values()):
            _fetch(repo, commit, revision)
            found = {part: _in_cache(repo, commit, where) for part, where in parts.items()}
    missing = [name for name, path in found[folder].items() if not path.is_file()]
    if missing or not found[folder]:
        raise AuditorError(f"the data of {revision} is not in DVC's cache", f"fetch it: dvc fetch --rev {revision}")
    tables = {name.removesuffix(".parquet"): path for name, path in found[folder].items() if not name.endswith(".sealed.parquet")}
    measures = {name: path for name, path in found["measures"].items() if path.is_file()}
    findings = found["findings"].get("findings.parquet")
    return Old(revision, commit, notes, tables, measures, findings if findings and findings.is_file() else None)


def _in_cache(repo: Any, commit: str, folder: str) -> dict[str, Path]:
    """File name -> where DVC's cache keeps it, of a folder at a commit; empty where the folder's list itself is not there."""
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    # At a revision paths count from git's root, also where DVC's lies below it.
    system = DVCFileSystem(repo.root_dir, rev=commit, subrepos=True)
    try:
        names = system.find(folder)
        return {name.rsplit("/", 1)[-1]: Path(repo.cache.local.oid_to_path(system.info(name)["dvc_info"]["md5"])) for name in names}
    except (FileNotFoundError, DataIndexDirError):
        return {}


def _fetch(repo: Any, commit: str, revision: str) -> None:
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException

    try:
        repo.fetch(revs=[commit], workspace=False)
    except NoRemoteError as error:
        raise AuditorError(f"the data of {revision} is not in DVC's cache, and there is no remote", "dvc remote add") from error
    except DvcException as error:
        raise AuditorError(f"the data of {revision} cannot be fetched: {_first(error)}", "see dvc fetch") from error
