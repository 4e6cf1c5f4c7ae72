# SPDX-License-Identifier: Apache-2.0
"""Recordings of event cameras, read and integrated to frames by spikingjelly's data sets.

spikingjelly works in stages, each a folder that is kept: download/ (the files as published),
extract/ (unpacked), events_np/ (one .npz of events per sample), and
frames_number_<T>_split_by_number/ or _time/ (T frames of equally many events, or of equally long
times). It starts at the first one
that is missing. Nothing is downloaded here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import filelock
import numpy as np

from golden.contract.errors import UserError
from golden.contract.unpacking import arrays
from golden.lab.data.facts import Facts
from golden.lab.data.torchvision_part import check_integrity, spikingjelly_datasets

STAGES = ("events_np", "extract", "download")
NEEDS = (STAGES[::-1],)
SPLIT_BY = ("number", "time")
_FETCHES = ("_check_downloaded_files", "_download_all_files")  # what this module does in its way
_nothing = staticmethod(lambda download_root: None)


def check_frames(timesteps: int, split_by: str) -> None:
    """UserError unless recordings can be integrated so."""
    if timesteps < 1:
        raise UserError(f"event frames need at least 1 timestep, not {timesteps}")
    check_split_by(split_by)


def check_split_by(split_by: str) -> None:
    """UserError unless frames can be made so."""
    if split_by not in SPLIT_BY:
        raise UserError(
            f"split_by is '{split_by}'; event frames are made by {' or '.join(SPLIT_BY)}"
        )


def samples(
    facts: Facts,
    folder: Path,
    module: str,
    kind: str,
    timesteps: int,
    split_by: str,
    **options: bool,
) -> list[tuple[str, str]]:
    """(path of a .npz with frames (T, 2, H, W), name of its class) of every sample, by class and
    path.

    module, kind: spikingjelly.datasets.<module>.<kind>.  options: for it, beside the frames.
    What a failed try leaves is removed, so that the next one starts again.
    """
    facts.require(folder)
    check_frames(timesteps, split_by)
    original = getattr(spikingjelly_datasets(module), kind)
    data_set = type(kind, (original,), dict.fromkeys(_FETCHES, _nothing))
    try:
        with filelock.FileLock(folder / ".lock"):
            if not any((folder / stage).is_dir() for stage in STAGES[:2]):
                _check_download(facts, folder, data_set.resource_url_md5())
            before = set(folder.iterdir())
            try:
                given = data_set(
                    folder, data_type="frame", frames_number=timesteps, split_by=split_by, **options
                )
            except BaseException:
                _remove(set(folder.iterdir()) - before)
                raise
    except UserError:
        raise
    except Exception as error:  # damaged recordings raise anything, each stage in its own way
        raise UserError(
            f"{folder} does not hold {facts.title} as spikingjelly reads it "
            f"({type(error).__name__}: {error}): remove the folders events_np and frames_* there, "
            f"and {facts.fetch.format(folder=folder)}"
        ) from error
    return [(path, given.classes[index]) for path, index in given.samples]


def frames(facts: Facts, paths: list[str], timesteps: int, binary: bool) -> np.ndarray:
    """uint8 (n, T, 2, H, W): event counts, at most 255, or with `binary` at most 1."""
    out = np.empty((len(paths), timesteps, facts.channels, facts.height, facts.width), np.uint8)
    for index, path in enumerate(paths):
        try:
            counts = arrays(Path(path))["frames"]
        except Exception as error:
            raise UserError(f"{path} is damaged ({error}): remove its frames_* folder") from error
        if counts.shape != out.shape[1:]:
            raise UserError(
                f"{path} holds frames {counts.shape}, {facts.title} has {out.shape[1:]}: "
                "remove its frames_* folder"
            )
        out[index] = np.clip(counts, 0, 1 if binary else 255)
    return out


def _check_download(facts: Facts, folder: Path, files: list[tuple[str, str, str]]) -> None:
    """Before spikingjelly looks: it deletes what is damaged and downloads it."""
    for name, url, md5 in files:
        path = folder / "download" / name
        if not check_integrity(path, md5):
            what = "has another MD5 sum than the original" if path.is_file() else "does not exist"
            raise UserError(f"{path} of {facts.title} {what}: fetch it from {url}")


def _remove(paths: set[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
