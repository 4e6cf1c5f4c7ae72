# SPDX-License-Identifier: Apache-2.0
"""CIFAR10-DVS and DVS128 Gesture through spikingjelly, on recordings that the test writes."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.lab import data

RNG = np.random.default_rng(0)
HEADER_2 = b"#!AER-DAT2.0\r\n# made by a test\r\n"
HEADER_3 = b"#!AER-DAT3.1\r\n#!END-HEADER\r\n"


def cifar10_dvs(folder, count=10, events=40):
    """`count` recordings of two classes; returns the events (x, y, p) of the last of the first."""
    for name in ("frog", "airplane"):
        place = folder / "extract" / name
        place.mkdir(parents=True)
        for index in range(count):
            x, y = RNG.integers(128, size=(2, events))
            p = RNG.integers(2, size=events)
            address = ((127 - x) << 8) | ((127 - y) << 1) | (1 - p)
            pairs = np.stack([address, 1000 + np.arange(events)], 1).astype(">u4")
            path = place / f"cifar10_{name}_{index}.aedat"
            path.write_bytes(HEADER_2 + pairs.tobytes())
    return x, y, p


def gesture(folder, recordings=("user01_led", "user24_led"), labels=(1, 3, 11), events=24):
    place = folder / "extract" / "DvsGesture"
    place.mkdir(parents=True)
    for name in recordings:
        times = np.arange(events * len(labels))
        address = (times % 128 << 17) | (times // 2 % 128 << 2) | (times % 2 << 1)
        content = np.stack([address, times], 1).astype("<u4").tobytes()
        head = struct.pack("<HHIIIIII", 1, 0, 8, 4, 0, len(times), len(times), len(times))
        (place / f"{name}.aedat").write_bytes(HEADER_3 + head + content)
        rows = [f"{c},{i * events},{(i + 1) * events}" for i, c in enumerate(labels)]
        (place / f"{name}_labels.csv").write_text("class,startTime_usec,endTime_usec\n"
                                                  + "\n".join(rows) + "\n")  # fmt: skip
    for split, name in zip(("train", "test"), recordings, strict=True):
        (place / f"trials_to_{split}.txt").write_text(f"{name}.aedat\n")


def test_cifar10_dvs(tmp_path, monkeypatch):
    x, y, p = cifar10_dvs(tmp_path)
    monkeypatch.setenv("CIFAR10_DVS_DIR", str(tmp_path))
    train = data.load("cifar10_dvs", "train", timesteps=4)
    test = data.load("cifar10_dvs", "test", timesteps=4)
    assert train.images.shape == (18, 4, 2, 128, 128)  # 90 % of each class
    assert train.labels.tolist() == [0] * 9 + [6] * 9
    assert test.labels.tolist() == [0, 6]
    assert test.images.dtype == np.uint8
    expected = np.zeros((4, 2, 128, 128), np.uint8)  # the last in name order: number 9
    np.add.at(expected, (np.arange(40) // 10, p, y, x), 1)
    assert (test.images[0] == expected).all()
    assert (test.images.sum((1, 2, 3, 4)) == 40).all()
    spikes = data.load("cifar10_dvs", "test", timesteps=4, binary=True)
    assert (spikes.images == (test.images > 0)).all()


def test_dvs128_gesture(tmp_path):
    gesture(tmp_path)
    for split in ("train", "test"):
        content = data.load("dvs128_gesture", split, folder=tmp_path, timesteps=3)
        assert content.images.shape == (3, 3, 2, 128, 128)
        assert sorted(content.labels.tolist()) == [0, 2, 10]  # not spikingjelly's 0, 2, 1
        assert (content.images.sum((3, 4)) == 4).all()
    assert data.facts("dvs128_gesture").classes == 11


def test_nothing_of_torchvision_stays(tmp_path):
    cifar10_dvs(tmp_path, count=2)
    code = (
        "import sys, pathlib; from golden.lab import data; before = set(sys.modules)\n"
        f"data.load('cifar10_dvs', 'test', folder=pathlib.Path({str(tmp_path)!r}))\n"
        "new = {m for m in set(sys.modules) - before if m.startswith('torch') and '.' not in m}\n"
        "new -= {'torch'}\n"
        "assert all(hasattr(sys.modules[m], '__file__') for m in new), new"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


@pytest.mark.parametrize("name", ["cifar10_dvs", "dvs128_gesture"])
def test_missing_and_damaged(tmp_path, name):
    with pytest.raises(UserError) as caught:
        data.load(name, "train", folder=tmp_path)
    for word in ("fetch", f"{tmp_path}/download", f"{name.upper()}_DIR", "https://"):
        assert word in str(caught.value)
    download = tmp_path / "download"
    download.mkdir()
    with pytest.raises(UserError, match=r"does not exist: fetch it from https://"):
        data.load(name, "train", folder=tmp_path)
    for file in ("airplane.zip", "DvsGesture.tar.gz"):
        (download / file).write_bytes(b"half")
    with pytest.raises(UserError, match="has another MD5 sum"):
        data.load(name, "train", folder=tmp_path)
    assert (download / "airplane.zip").read_bytes() == b"half"  # spikingjelly would delete it


def test_a_damaged_recording_leaves_nothing_half_made(tmp_path):
    cifar10_dvs(tmp_path)
    path = tmp_path / "extract/frog/cifar10_frog_3.aedat"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    before = {entry.name for entry in tmp_path.iterdir()}
    with pytest.raises(UserError, match="as spikingjelly reads it") as caught:
        data.load("cifar10_dvs", "train", folder=tmp_path, timesteps=4)
    assert "\n" not in str(caught.value)
    assert {entry.name for entry in tmp_path.iterdir()} - {".lock"} == before
    path.write_bytes(whole)
    assert len(data.load("cifar10_dvs", "train", folder=tmp_path, timesteps=4).labels) == 18
    [frames] = tmp_path.glob("frames_*/frog/cifar10_frog_0.npz")
    frames.write_bytes(b"rubbish")
    with pytest.raises(UserError, match="is damaged"):
        data.load("cifar10_dvs", "train", folder=tmp_path, timesteps=4)
