# SPDX-License-Identifier: Apache-2.0
"""The event camera: physics that must hold for every image, and the cache."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.lab import data
from golden.lab.data.events_fashion_mnist import Camera, least_steps, make
from golden.lab.data.saccades import GRID, frames, saccades

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(256, size=(5, 28, 28), dtype=np.uint8)
SIGHT = {"threshold": 0.3, "dark": 0.1}


def line(down, right, steps=24):
    """A straight path of so many pixels."""
    way = np.arange(steps + 1)[:, None] * np.array([down, right]) * GRID
    return np.rint(way / steps).astype(np.int64)


def slow(images, path, timesteps, threshold, dark):
    """The same in floating point, pixel by pixel in the plainest way."""
    height, width = images.shape[1:]
    out = np.zeros((len(images), timesteps, 2, height, width))

    def seen(image, y, x):
        total = 0.0
        for row in (int(np.floor(y)), int(np.floor(y)) + 1):
            for column in (int(np.floor(x)), int(np.floor(x)) + 1):
                if 0 <= row < height and 0 <= column < width:
                    total += image[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
        return np.rint(256 * np.log((total / 255 + dark) / dark) / threshold) / 256

    for n, image in enumerate(images):
        for y in range(height):
            for x in range(width):
                memory = seen(image, y + path[0, 0] / GRID, x + path[0, 1] / GRID)
                for step, (dy, dx) in enumerate(path[1:] / GRID):
                    count = np.trunc(seen(image, y + dy, x + dx) - memory)
                    memory += count
                    out[n, step * timesteps // (len(path) - 1), int(count > 0), y, x] += abs(count)
    return out


def test_equals_the_plain_computation():
    path = saccades(4, 2.0, 0.3)
    images = IMAGES[:2, :9, :7]
    assert (frames(images, path, 3, **SIGHT) == slow(images, path, 3, **SIGHT)).all()


def test_no_motion_no_events():
    assert not frames(IMAGES, np.full((25, 2), 7), 4, **SIGHT).any()
    assert not make(IMAGES, Camera(amplitude=0)).any()
    assert not frames(np.zeros((2, 28, 28), np.uint8), line(2, 3), 4, **SIGHT).any()


@pytest.mark.parametrize("move", [(0, 3), (2, 0), (1, 2)])
def test_reversed_motion_swaps_the_polarities(move):
    ramp = (np.add.outer(np.arange(28), np.arange(28)) * 4 + 10).astype(np.uint8)[None]
    there = line(*move)
    keen = {"threshold": 0.03, "dark": 0.1}
    forth = frames(ramp, there, 4, **keen)[..., 4:-4, 4:-4]  # the edge of the image is no ramp
    back = frames(ramp, there[::-1], 4, **keen)[..., 4:-4, 4:-4]
    assert forth.sum() > 0
    assert not forth[:, :, 0].any()  # it becomes brighter only
    assert (forth.sum(1) == back.sum(1)[:, ::-1]).all()


def test_a_closed_path_balances_on_and_off():
    for turn in (0.0, 0.7, 3.0):
        path = saccades(8, 3.0, turn)
        assert (path[0] == path[-1]).all()
        assert path.shape == (25, 2)
        counts = frames(IMAGES, path, 4, **SIGHT).astype(int).sum(1)
        assert counts.sum() > 0
        assert (counts[:, 0] == counts[:, 1]).all()


def test_frames_only_cut_the_time():
    path = saccades(8, 3.0)
    whole = frames(IMAGES, path, 1, **SIGHT)
    assert (frames(IMAGES, path, 4, **SIGHT).sum(1) == whole[:, 0]).all()


def test_a_higher_threshold_makes_fewer_events():
    sums = [frames(IMAGES, line(1, 2), 4, t, 0.1).astype(int).sum() for t in (0.15, 0.3, 0.6)]
    assert sums[0] > sums[1] > sums[2] > 0


def test_deterministic_from_the_seed():
    first = make(IMAGES, Camera())
    assert (first == make(IMAGES, Camera())).all()
    assert (first[:2] == make(IMAGES[:2], Camera())).all()
    assert (first != make(IMAGES, Camera(seed=2))).any()
    assert (first != make(IMAGES, Camera(), stream=1)).any()


@pytest.mark.parametrize("timesteps", [1, 4, 5, 10, 16])
def test_steps_divide(timesteps):
    steps = least_steps(timesteps)
    assert steps >= 24
    assert steps % 3 == steps % timesteps == 0
    assert make(IMAGES[:1], Camera(timesteps)).shape == (1, timesteps, 2, 28, 28)


def test_event_rate_of_real_images():
    images = data.load("fashion_mnist", "test").images[:300, 0]
    events = make(images, Camera())
    assert 2000 < events.sum(dtype=np.int64) / 300 < 5000
    density = (events > 0).mean((0, 3, 4))  # (T, 2)
    assert (density > 0.05).all()
    assert (density < 0.35).all()


def test_load_and_cache(data_set_of_48, tmp_path):
    counts = data.load("events_fashion_mnist", "test")
    assert counts.images.shape == (48, 4, 2, 28, 28)
    assert counts.images.dtype == np.uint8
    assert counts.images.max() > 1
    [kept] = (tmp_path / "events").iterdir()  # and no temporary file
    stamp = kept.stat().st_mtime_ns
    assert (data.load("events_fashion_mnist", "test").images == counts.images).all()
    assert kept.stat().st_mtime_ns == stamp
    kept.write_bytes(kept.read_bytes()[:-500])  # damaged: it is made again
    assert (data.load("events_fashion_mnist", "test").images == counts.images).all()
    spikes = data.load("events_fashion_mnist", "test", binary=True)
    assert (spikes.images == (counts.images > 0)).all()
    assert (spikes.labels == counts.labels).all()
    data.load("events_fashion_mnist", "test", timesteps=2, seed=5)
    data.load("events_fashion_mnist", "test", timesteps=3, cache=False)
    assert len(list((tmp_path / "events").iterdir())) == 2


@pytest.fixture
def data_set_of_48(request):
    return request.getfixturevalue("data")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"timesteps": 0}, "at least 1 timestep"),
        ({"colour": 3}, "no such setting among colour"),
        ({"threshold": 0.0, "cache": False}, "must be positive"),
        ({"threshold": 0.01, "cache": False}, "more than 127"),
        ({"amplitude": 99.0}, "0..14 pixels"),
    ],
)
def test_mistakes(data_set_of_48, options, sentence):
    with pytest.raises(UserError, match=sentence):
        data.load("events_fashion_mnist", "test", **options)
