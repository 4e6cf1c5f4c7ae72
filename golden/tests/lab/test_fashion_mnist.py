# SPDX-License-Identifier: Apache-2.0
"""The data reader: right content, and one clear sentence for everything that can be wrong."""

import gzip
import struct

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.lab.data import fashion_mnist


def write(folder, images=(3, 28, 28), labels=3, label=0, cut=0, magic=b"\0\0\x08\x03"):
    header = magic + struct.pack(f">{len(images)}I", *images)
    pixels = np.arange(np.prod(images), dtype=np.uint8).tobytes()
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz", "wb") as stream:
        stream.write((header + pixels)[: len(header + pixels) - cut])
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz", "wb") as stream:
        stream.write(b"\0\0\x08\x01" + struct.pack(">I", labels) + bytes([label] * labels))


def test_reads_from_data_dir(tmp_path, monkeypatch):
    write(tmp_path, label=7)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    split = fashion_mnist.load("test")
    assert split.images.shape == (3, 1, 28, 28)
    assert split.images.dtype == np.uint8
    assert (split.images.ravel() == np.arange(3 * 784).astype(np.uint8)).all()
    assert (split.labels == 7).all()


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"images": (3, 32, 32)}, "32x32"),
        ({"labels": 4}, "3 images but 4 labels"),
        ({"label": 10}, "label 10"),
        ({"cut": 5}, "truncated"),
        ({"magic": b"\0\0\x0d\x03"}, "not an IDX file"),
    ],
)
def test_broken_files(tmp_path, broken, sentence):
    write(tmp_path, **broken)
    with pytest.raises(UserError, match=sentence):
        fashion_mnist.load("test", tmp_path)


def test_missing_and_garbage(tmp_path):
    with pytest.raises(UserError, match="DATA_DIR"):
        fashion_mnist.load("train", tmp_path)
    with pytest.raises(UserError, match="no data split"):
        fashion_mnist.load("validation", tmp_path)
    write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    with pytest.raises(UserError, match="cannot be read"):
        fashion_mnist.load("test", tmp_path)


def test_installed_data():
    split = fashion_mnist.load("test")
    assert split.images.shape == (10000, 1, 28, 28)
    assert (np.bincount(split.labels) == 1000).all()
