# SPDX-License-Identifier: Apache-2.0
"""Where a command may write: a new place, or one that it made itself.

A folder that holds outputs has a mark, the file ``.psf.json``: the names that psf wrote there, each
with its checksum and the command that wrote it. What has no entry, has changed since or is of
another command belongs to the user and is not replaced. Before its work a command asks for its
places (:func:`file`, :func:`folder`, :func:`run`); one that cannot be had ends it with a sentence.
In a checkout's ``build/`` files need no entry: ``make clean`` removes all of it.

The program psf records what it wrote (:func:`recording`). Called from Python, nothing is recorded
and :func:`file` replaces any file, as other libraries do.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from golden.contract.errors import UserError
from golden.contract.files import temporary_name, write_json
from golden.contract.paths import BUILD, IN_CHECKOUT, RUNS

MARK, LOCK = ".psf.json", ".psf.lock"
_MARKING = temporary_name(Path(MARK)).name.partition(str(os.getpid()))[0]  # another process does
KEY = "written by psf"
FOREIGN = "psf did not write, or which has changed since"
OVER = "name another place, or remove it first"
FORCE = f"{OVER} (`psf --replace ...` overwrites it)"
Stamp = tuple[int, int, int] | None


class Outputs:
    """The places of one command. by: the command, as in ``psf train``.  replace: files that are not
    its own may be replaced, too."""

    def __init__(self) -> None:
        self.by, self.replace = "psf", False
        self._files: dict[Path, Stamp] = {}
        self._folders: set[Path] = set()
        self._locks: dict[Path, int] = {}

    def file(self, path: Path) -> None:
        """Note a file that will be written; UserError if it is somebody else's."""
        absolute = path.absolute()
        within = self._folders & set(absolute.parents)
        if within:
            raise UserError(f"{path} lies in {within.pop()}, which is written anew: {OVER}")
        if absolute in self._files:
            return
        if path.is_file() and not (self.replace or _product(absolute)):
            entry = _entries(path.parent).get(path.name)
            if entry is None or entry["sha256"] != _sha256(path):
                raise UserError(f"{path} exists and {FOREIGN}: {FORCE}")
            if entry["by"] != self.by:
                raise UserError(f"{path} was written by `{entry['by']}`: {FORCE}")
        self._files[absolute] = _stamp(absolute)

    def folder(self, path: Path) -> None:
        """Note a folder that will be written anew."""
        self._folders.add(path.absolute())

    def lock(self, path: Path) -> None:
        """Keep a run folder for this process until the command ends."""
        path = path.absolute()
        if path in self._locks:
            return
        handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise UserError(
                f"another process works in {path}: wait for it, or name another folder"
            ) from None
        self._locks[path] = handle

    def end(self) -> None:
        """Record the files that were written, and let go of the run folders."""
        for path, before in self._files.items():
            now = _stamp(path)
            if now is not None and now != before and not _product(path):
                with contextlib.suppress(OSError):  # it counts as the user's, then
                    _record(path.parent, {path.name: {"sha256": _sha256(path), "by": self.by}})
        for handle in self._locks.values():
            os.close(handle)
        self._locks.clear()


_ACTIVE: ContextVar[Outputs | None] = ContextVar("outputs", default=None)


@contextmanager
def recording() -> Iterator[Outputs]:
    """The block is a command; when it ends, well or not, the files that it wrote are recorded."""
    outputs = Outputs()
    token = _ACTIVE.set(outputs)
    try:
        yield outputs
    finally:
        _ACTIVE.reset(token)
        outputs.end()


def begin(by: str, replace: bool) -> None:
    """Say which command it is that is being recorded, if one is."""
    outputs = _ACTIVE.get()
    if outputs is not None:
        outputs.by, outputs.replace = by, replace


def file(path: str | Path, *suffixes: str, beside: tuple[str, ...] = ()) -> Path:
    """The name under which to write the file ``path``, checked before the work begins.

    suffixes: what it may end in, if that matters.  beside: suffixes of the files that are written
    next to it.  A link is followed. UserError if it is a folder or a device, its folder cannot be
    written, or it is not the command's own.
    """
    path = _followed(Path(path))
    if suffixes and path.suffix not in suffixes:
        raise UserError(f"{path} must end in {' or '.join(suffixes)}: change its name")
    outputs = _ACTIVE.get()
    for one in (path, *(path.with_suffix(suffix) for suffix in beside)):
        if one.is_dir():
            raise UserError(f"{one} is a folder, and a file is to be written: add a file name")
        if one.exists() and not one.is_file():
            raise UserError(f"{one} is not a regular file: {OVER}")
        _writable(one)
        if outputs is not None:
            outputs.file(one)
    return path


def folder(path: str | Path) -> Path:
    """The folder that will be written anew as a whole (:func:`writing`), checked before the work.

    UserError if it is a file, holds anything that psf did not write there, or cannot be written.
    """
    path = _no_file(path)
    if path.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise UserError(f"{path} is the current folder or one above it: name a folder of its own")
    outputs = _ACTIVE.get()
    strange = _strange(path, outputs.by if outputs else None)
    if strange is not None:
        raise UserError(f"{path} holds {strange}: name a new or an empty folder")
    _writable(path)
    if outputs is not None:
        outputs.folder(path)
    return path


def may_run(path: str | Path) -> Path:
    """A folder of its own for what a run keeps (states, logs), not made yet.

    UserError if it is a file, holds files without psf's mark, or cannot be written.
    """
    path = _no_file(path)
    known = (path / MARK).is_file() or (IN_CHECKOUT and RUNS in path.absolute().parents)
    if not known and path.is_dir():
        for one in path.iterdir():
            if one.name not in (LOCK, MARK) and not one.name.startswith(_MARKING):
                raise UserError(
                    f"{path} holds {one.name} and is no run folder of psf: name a new or an empty "
                    "folder"
                )
    _writable(path)
    _writable(path / MARK)
    return path


def run(path: str | Path) -> Path:
    """The same, made and marked now; UserError also if another process works in it."""
    path = may_run(path)
    path.mkdir(parents=True, exist_ok=True)
    outputs = _ACTIVE.get()
    if outputs is not None and os.environ.get("RANK", "0") == "0":  # of torchrun: the first one's
        outputs.lock(path)
    if not (path / MARK).is_file():
        _record(path, {})
    return path


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A temporary folder beside ``path``, which takes its place when the block ends well.

    What psf wrote there before is removed, and nothing else: :func:`folder` is asked again.
    """
    path, outputs = folder(path), _ACTIVE.get()
    part = temporary_name(path)
    part.mkdir(parents=True)
    try:
        yield part
        by = outputs.by if outputs else "psf"
        files = [x for x in part.rglob("*") if x.is_file()]
        entries = {
            x.relative_to(part).as_posix(): {"sha256": _sha256(x), "by": by} for x in sorted(files)
        }
        write_json(part / MARK, {KEY: entries})
        _swap(part, folder(path))
    except OSError as error:  # a failed write does not say where it was
        error.filename = str(path) if error.filename is None else error.filename
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _swap(new: Path, path: Path) -> None:
    """Give ``new`` the name ``path``, whose files psf wrote."""
    old = None
    if path.is_dir():
        old = path.with_name(f".{path.name}.old{os.getpid()}")
        path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if old is not None:
            old.rename(path)
        raise
    if old is not None:
        _remove(old)


def _followed(path: Path) -> Path:
    return path.resolve() if path.is_symlink() else path


def _no_file(path: str | Path) -> Path:
    path = _followed(Path(path))
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file, and a folder is to be written: {OVER}")
    return path


def _product(path: Path) -> bool:
    return IN_CHECKOUT and BUILD in path.parents


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _writable(path: Path) -> None:
    """UserError unless ``path`` can be made, with the folders above it."""
    if len(os.fsencode(temporary_name(path).name)) > 255:
        raise UserError(f"the name {path.name} is too long: choose a shorter one")
    above = path.absolute().parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise UserError(f"{above} is a file, so that {path} cannot be written: {OVER}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{above} cannot be written to, nor {path} in it: name another place")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _entries(folder: Path) -> dict[str, dict[str, str]]:
    """What the mark of a folder says: name, relative to it -> {sha256, by}."""
    try:
        found = json.loads((folder / MARK).read_text())[KEY]
        return {name: {"sha256": x["sha256"], "by": x["by"]} for name, x in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _record(folder: Path, entries: dict[str, dict[str, str]]) -> None:
    """Add entries to the mark of a folder; processes that do so at once wait for each other."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        known = {name: x for name, x in _entries(folder).items() if (folder / name).exists()}
        write_json(folder / MARK, {KEY: known | entries})
    finally:
        os.close(handle)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder, name by name, but for the mark and what Python keeps there."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(at) / name
            relative = path.relative_to(folder).as_posix()
            if relative != MARK:
                yield relative, path


def _strange(folder: Path, by: str | None) -> str | None:
    """What is in a folder that the command ``by`` did not write; None if there is nothing."""
    entries = _entries(folder)
    for name, path in _files(folder):
        if name not in entries or path.is_symlink() or entries[name]["sha256"] != _sha256(path):
            return f"{name}, which {FOREIGN}"
        if by is not None and entries[name]["by"] != by:
            return f"what `{entries[name]['by']}` wrote"
    return None


def _remove(folder: Path) -> None:
    """Remove a folder that psf wrote; a file that appeared in it meanwhile, and its way, stay."""
    entries = _entries(folder)
    for name, path in _files(folder):
        if name in entries:
            path.unlink()
    (folder / MARK).unlink(missing_ok=True)
    for at, _, _ in os.walk(folder, topdown=False):
        if Path(at).name == "__pycache__":
            shutil.rmtree(at, ignore_errors=True)
        with contextlib.suppress(OSError):
            Path(at).rmdir()
