# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST as an event camera sees it (golden.lab.data.saccades), made here and kept in a
cache.

The files in the cache are named by everything that they depend on. EVENTS_FASHION_MNIST_DIR names
another cache than ~/.cache/prunespikformer/events_fashion_mnist; what is there may be deleted.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.lab.data import fashion_mnist
from golden.lab.data.facts import SPLITS, Facts, cache_folder, require_split
from golden.lab.data.saccades import frames, saccades
from golden.lab.data.split import Split

FACTS = Facts(
    name="events_fashion_mnist",
    title="Fashion-MNIST, events",
    channels=2,
    height=fashion_mnist.HEIGHT,
    width=fashion_mnist.WIDTH,
    labels=fashion_mnist.LABELS,
    timesteps=4,
    variable=fashion_mnist.FACTS.variable,
    default=fashion_mnist.FACTS.default,
    needs=fashion_mnist.FACTS.needs,
    fetch=fashion_mnist.FACTS.fetch,
)
_VERSION = 1  # of the content: one more whenever the events change
_PATHS = 16
_LEAST_STEPS = 24


@dataclass(frozen=True)
class Camera:
    """timesteps: T.  threshold, dark: see golden.lab.data.saccades.  amplitude: size of the
    triangle,
    pixels; it and the triangle's direction vary by +-spread (relative; radians) between 16 paths,
    of which every image gets one by `seed`."""

    timesteps: int = 4
    threshold: float = 0.3
    dark: float = 0.1
    amplitude: float = 3.0
    spread: float = 0.25
    seed: int = 1

    def __post_init__(self) -> None:
        if self.timesteps < 1:
            raise UserError(f"event frames need at least 1 timestep, not {self.timesteps}")
        if not 0 <= self.amplitude <= 14 or not 0 <= self.spread <= 1:
            raise UserError(
                f"the event camera's amplitude {self.amplitude} must lie in 0..14 pixels and its "
                f"spread {self.spread} in 0..1"
            )


def load(
    split: str,
    folder: Path | None = None,
    timesteps: int = FACTS.timesteps,
    binary: bool = False,
    cache: bool = True,
    **camera: float,
) -> Split:
    """Event frames uint8 (n, T, 2, 28, 28): counts, or with `binary` whether there was an event.

    folder: with Fashion-MNIST itself.  camera: other fields of Camera.
    """
    require_split(split)
    try:
        settings = Camera(timesteps, **camera)
    except TypeError:
        known = ", ".join(Camera.__dataclass_fields__)
        raise UserError(
            f"events_fashion_mnist has no such setting among {', '.join(camera)}; known are {known}"
        ) from None
    still = fashion_mnist.load(split, folder)
    path = _cache_path(still.images, split, settings)
    events = _from_cache(path, len(still.images), timesteps) if cache else None
    if events is None:
        events = make(still.images[:, 0], settings, stream=SPLITS.index(split))
        if cache:
            _to_cache(path, events)
    return Split(np.minimum(events, 1) if binary else events, still.labels)


def make(images: np.ndarray, camera: Camera, stream: int = 0) -> np.ndarray:
    """Event frames uint8 (n, T, 2, H, W) of images uint8 (n, H, W); `stream` keeps two splits with
    one seed apart."""
    steps = least_steps(camera.timesteps) // 3
    variations = np.random.default_rng(camera.seed).uniform(-1, 1, (_PATHS, 2)) * camera.spread
    choice = np.random.default_rng((camera.seed, stream)).integers(_PATHS, size=len(images))
    out = np.empty((len(images), camera.timesteps, 2, *images.shape[1:]), np.uint8)
    for index, (size, turn) in enumerate(variations):
        path = saccades(steps, camera.amplitude * (1 + size), turn)
        mine = np.flatnonzero(choice == index)
        out[mine] = frames(images[mine], path, camera.timesteps, camera.threshold, camera.dark)
    return out


def least_steps(timesteps: int) -> int:
    """The smallest number of steps, 24 or more, that three saccades and T frames both divide."""
    unit = math.lcm(3, timesteps)
    return unit * -(-_LEAST_STEPS // unit)


def _cache_path(images: np.ndarray, split: str, camera: Camera) -> Path:
    digest = hashlib.blake2b(np.ascontiguousarray(images), digest_size=8)
    digest.update(json.dumps([_VERSION, split, asdict(camera)], sort_keys=True).encode())
    folder = os.environ.get("EVENTS_FASHION_MNIST_DIR")
    folder = Path(folder) if folder else cache_folder(FACTS.name)
    return folder / f"{split}_T{camera.timesteps}_{digest.hexdigest()}.npz"


def _from_cache(path: Path, count: int, timesteps: int) -> np.ndarray | None:
    """None when the file is not there or damaged: it is then made again."""
    try:
        with np.load(path, allow_pickle=False) as content:
            events = content["events"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    shape = (count, timesteps, 2, FACTS.height, FACTS.width)
    return events if events.shape == shape and events.dtype == np.uint8 else None


def _to_cache(path: Path, events: np.ndarray) -> None:
    """A folder that cannot be written costs only time next time."""
    with suppress(OSError), replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, events=events)
