# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: read, or refused in a sentence; no code is run, nothing hangs, little memory.

`PSF_FUZZ=10000 psf test golden/tests/readers` draws that many for every reader, other ones each
time; SEED repeats them.
"""

import os
import random
import resource
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from golden.contract import unpacking
from golden.contract.errors import UserError
from golden.tests.readers import damage
from golden.tests.readers.readers import READERS

COMMITTED = 25  # always the same ones
SECONDS = 20  # of one file, at most
GIB = 1 << 20  # kilobytes


def taken() -> int:
    """The most memory of this process so far, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("name", READERS)
def test_strange_files(name, tmp_path):
    reader, trap = READERS[name], tmp_path / "trap"
    folder = tmp_path / "files"
    folder.mkdir()
    path = folder / f"x{reader.suffix}"
    good = reader.good(folder)
    for content in good:
        path.write_bytes(content)
        try:
            reader.read(path)
        except UserError as error:
            assert "16" in str(error)  # an image of 16 bits is the only one that is refused
    strategy = damage.damaged(good) | st.binary(max_size=200)
    if reader.odd:
        strategy = reader.odd(good, str(trap)) | damage.damaged(good)
    count = int(os.environ.get("PSF_FUZZ") or 0)
    number = int(os.environ.get("SEED") or (random.randrange(1 << 30) if count else 1))
    seen = {"refused": 0, "read": 0, "longest": 0.0}
    memory = 0  # by which the most rises while a file is read; hypothesis keeps files, too

    @seed(number)
    @settings(
        max_examples=count or COMMITTED, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def draw(content: bytes) -> None:
        nonlocal memory
        path.write_bytes(content)
        began, before = time.monotonic(), taken()
        try:
            reader.read(path)
            seen["read"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            seen["refused"] += 1
        memory += taken() - before
        seen["longest"] = max(seen["longest"], time.monotonic() - began)
        assert seen["longest"] < SECONDS
        assert not trap.exists(), "code was run"

    draw()
    print(f"SEED={number} {name}: {seen}, {memory >> 10} MiB more")
    assert memory < GIB and seen["refused"] > 0


def bomb(path: Path, size: int) -> None:
    """An .npz file whose only array is of so many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }\n" % size
        with archive.open("images.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
            for _ in range(size >> 20):
                member.write(bytes(1 << 20))


def test_a_small_file_may_not_become_large(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    monkeypatch.setattr(unpacking, "FLOOR", 1 << 22)
    bomb(path, 1 << 22)
    with pytest.raises(unpacking.TooLarge, match="4194304 are allowed"):
        unpacking.arrays(path)
    bomb(path, 1 << 21)
    assert unpacking.arrays(path)["images"].shape == (1 << 21,)


def test_a_pickle_may_not_number_its_objects_freely(tmp_path):
    """The unpickler keeps room for as many objects as the largest number says: 16 GiB here."""
    path, before = tmp_path / "files" / "x", taken()
    path.parent.mkdir()
    path.write_bytes(b"\x80\2}r\xff\xff\xff\x3f.")
    with pytest.raises(UserError, match="numbers an object 1073741823"):
        READERS["CIFAR batch"].read(path)
    assert taken() - before < GIB


def test_sizes_whose_product_is_beyond_64_bits(tmp_path):
    """Their product is 0 modulo 2^64, as are the bytes behind the header."""
    path = tmp_path / "x-idx3-ubyte"
    path.write_bytes(b"\0\0\x08\3" + np.array([1 << 31, 1 << 25, 1 << 16], ">u4").tobytes())
    with pytest.raises(UserError, match="it holds 0 bytes"):
        READERS["IDX"].read(path)
    shape, one = np.array([1 << 16] * 4), np.int64(1)
    np.savez(tmp_path / "t.npz", **{
        "a.spikes": np.zeros(0, np.uint8), "a.shape": shape, "a.out_channels": one, "a.kernel": one,
    })  # fmt: skip
    with pytest.raises(UserError, match="packbits of 18446744073709551616 spikes"):
        READERS["trace"].read(tmp_path / "t.npz")
