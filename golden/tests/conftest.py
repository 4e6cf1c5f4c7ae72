# SPDX-License-Identifier: Apache-2.0
"""A tiny data set in place of Fashion-MNIST; one thread per process."""

import os

# pytest-xdist has a process per core. Threads of several processes that wait for each other on the
# same cores took most of the time of the small networks here. torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gzip
import struct

import numpy as np
import pytest


@pytest.fixture
def data(tmp_path, monkeypatch):
    """48 + 48 images of ten classes: a bright row whose position is the class."""
    folder = tmp_path / "data"
    folder.mkdir()
    labels = (np.arange(48) % 10).astype(np.uint8)
    images = np.zeros((48, 28, 28), np.uint8)
    images[np.arange(48), labels * 2 + 4] = 255
    images[:, 0, 0] = 100  # grey: black and white images would be spikes
    for stem in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            path = folder / f"{stem}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.tobytes()))
    monkeypatch.setenv("DATA_DIR", str(folder))
    monkeypatch.setenv("EVENTS_FASHION_MNIST_DIR", str(tmp_path / "events"))
    return folder
