# SPDX-License-Identifier: Apache-2.0
"""CIFAR archives: both layouts packed and unpacked, and one sentence for everything that is wrong;
a pickle that asks for code is refused and not run."""

import os
import pickle
import struct
import tarfile
from io import BytesIO
from typing import ClassVar

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.lab import data

LAYOUTS = {
    "cifar10": ("cifar-10-python.tar.gz", "cifar-10-batches-py", b"labels", 10,
                {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}),
    "cifar100": ("cifar-100-python.tar.gz", "cifar-100-python", b"fine_labels", 100,
                 {"train": ["train"], "test": ["test"]}),
}  # fmt: skip


class Python2Pickler(pickle._Pickler):
    """Byte strings as Python 2 wrote them: the original archives are such."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_text(self, text):
        raw = text if isinstance(text, bytes) else text.encode("latin1")
        self.write(b"T" + struct.pack("<i", len(raw)) + raw)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_text


def dumped(content):
    stream = BytesIO()
    Python2Pickler(stream, 2).dump(content)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def batch(name, key, classes, seed, count=4):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(256, size=(count, 3072), dtype=np.uint8)
    labels = rng.integers(classes, size=count).tolist()
    content = {b"batch_label": name.encode(), key: labels, b"data": pixels, b"filenames": [b"a"]}
    return pixels, labels, dumped(content)


def make(folder, name, packed, replace=None):
    """Write a whole small data set; returns {split: (pixels, labels)}. replace: {batch: bytes}."""
    archive, unpacked, key, classes, splits = LAYOUTS[name]
    files, expected = {f"{unpacked}/batches.meta": b"not read"}, {}
    for split, batches in splits.items():
        parts = [batch(b, key, classes, seed=len(files) + i) for i, b in enumerate(batches)]
        for b, (_, _, content) in zip(batches, parts, strict=True):
            files[f"{unpacked}/{b}"] = (replace or {}).get(b, content)
        expected[split] = (
            np.concatenate([pixels for pixels, _, _ in parts]),
            [label for _, labels, _ in parts for label in labels],
        )
    if packed:
        with tarfile.open(folder / archive, "w:gz") as tar:
            for path, content in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
    else:
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
    return expected


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", LAYOUTS)
def test_reads_the_original_layout(tmp_path, monkeypatch, name, packed):
    expected = make(tmp_path, name, packed)
    monkeypatch.setenv(f"{name.upper()}_DIR", str(tmp_path))
    for split, (pixels, labels) in expected.items():
        read = data.load(name, split)
        assert read.images.dtype == np.uint8
        assert read.labels.dtype == np.int64
        assert (read.images == pixels.reshape(-1, 3, 32, 32)).all()
        assert read.labels.tolist() == labels
    assert len(data.load(name, "train").labels) == (20 if name == "cifar10" else 4)
    assert data.facts(name).classes == LAYOUTS[name][3] == len(set(data.facts(name).labels))


def test_reads_bytes_that_python_3_wrote(tmp_path):
    pixels, labels, _ = batch("test_batch", b"labels", 10, 5)
    content = pickle.dumps({b"labels": labels, b"data": pixels}, protocol=2)
    assert b"_codecs" in content  # bytes as text
    make(tmp_path, "cifar10", True, {"test_batch": content})
    read = data.load("cifar10", "test", folder=tmp_path)
    assert (read.images == pixels.reshape(-1, 3, 32, 32)).all()
    assert read.labels.tolist() == labels
    other = content.replace(b"latin1", b"latin2")
    make(tmp_path, "cifar10", True, {"test_batch": other})
    with pytest.raises(UserError, match="encoding latin2, bytes are latin1"):
        data.load("cifar10", "test", folder=tmp_path)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("packed", [True, False])
def test_refuses_code(tmp_path, packed):
    trap = tmp_path / "trap"
    bad = pickle.dumps({b"data": Malicious(trap), b"labels": []}, 4)
    make(tmp_path, "cifar10", packed, {"test_batch": bad})
    with pytest.raises(UserError, match=r"it asks for .*mkdir, which is not data"):
        data.load("cifar10", "test", folder=tmp_path)
    assert not trap.exists()
    pickle.loads(bad)
    assert trap.is_dir()  # so it was a trap


def rows(count=4, width=3072, kind=np.uint8):
    return np.zeros((count, width), kind)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (batch("b", b"labels", 10, 0)[2][:-1000], "not a batch of CIFAR-10"),
        (b"rubbish", "not a batch of CIFAR-10"),
        (dumped({b"data": rows()}), "not a batch of CIFAR-10"),
        (dumped({b"data": rows(width=3000), b"labels": [0] * 4}), "rows of 3072 bytes"),
        (dumped({b"data": rows(kind=np.int32), b"labels": [0] * 4}), "rows of 3072 bytes"),
        (dumped({b"data": rows(), b"labels": [0] * 3}), "4 images but labels"),
        (dumped({b"data": rows(), b"labels": [0, 1, 10, 2]}), "holds label 10"),
    ],
)
def test_damaged_batches(tmp_path, content, sentence):
    make(tmp_path, "cifar10", True, {"test_batch": content})
    with pytest.raises(UserError, match=sentence) as caught:
        data.load("cifar10", "test", folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_damaged_archives(tmp_path):
    make(tmp_path, "cifar10", True)
    archive = tmp_path / LAYOUTS["cifar10"][0]
    whole = archive.read_bytes()
    for content in (whole[: len(whole) // 2], b"rubbish", b""):
        archive.write_bytes(content)
        with pytest.raises(UserError, match=r"is damaged .*: fetch it again"):
            data.load("cifar10", "test", folder=tmp_path)
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(UserError, match="holds no data_batch_1"):
        data.load("cifar10", "train", folder=tmp_path)


def test_missing_files(tmp_path):
    for name, (archive, unpacked, *_) in LAYOUTS.items():
        with pytest.raises(UserError) as caught:
            data.load(name, "train", folder=tmp_path)
        for word in (archive, "fetch https://www.cs.toronto.edu", str(tmp_path), "_DIR"):
            assert word in str(caught.value)
        (tmp_path / unpacked).mkdir()
        with pytest.raises(UserError, match="does not exist: fetch"):
            data.load(name, "train", folder=tmp_path)
    with pytest.raises(UserError, match="no data split 'valid'"):
        data.load("cifar10", "valid")
