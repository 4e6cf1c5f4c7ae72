# SPDX-License-Identifier: Apache-2.0
"""N-MNIST in its original format, on recordings that the test writes."""

import numpy as np
import pytest
import torch

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.lab import data
from golden.lab.data import n_mnist
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.pruning_run import prune
from golden.lab.quantise.twin import TorchTwin
from golden.lab.train.checkpoint import save_dense
from golden.lab.train.source import split_tensors


def recording(path, x, y, p, t) -> None:
    """40 bits an event: x, y, polarity, 23 bits of microseconds, the highest byte first."""
    words = [(int(a) << 32 | int(b) << 24 | int(c) << 23 | int(d)).to_bytes(5, "big")
             for a, b, c, d in zip(x, y, p, t, strict=True)]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(words))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two recordings of 3 and one of 8 to train, one of 0 to test; returns their events."""
    monkeypatch.setenv("N_MNIST_DIR", str(tmp_path))
    rng, events = np.random.default_rng(0), {}
    for name, count in (("Train/3/00002", 41), ("Train/3/00001", 7), ("Train/8/00003", 3),
                        ("Test/0/00001", 10)):  # fmt: skip
        x, y = rng.integers(34, size=(2, count))
        p, t = rng.integers(2, size=count), np.sort(rng.integers(1 << 23, size=count))
        events[name] = x, y, p, t
        recording(tmp_path / f"{name}.bin", x, y, p, t)
    return tmp_path, events


def frames(events, steps, timesteps):
    """Counts (T, 2, 34, 34), event by event."""
    out = np.zeros((timesteps, 2, 34, 34), np.uint8)
    for x, y, p, step in zip(*events[:3], steps, strict=True):
        out[step, p, y, x] += 1
    return out


def test_frames_of_equally_many_events(folder):
    train = data.load("n_mnist", "train", timesteps=4)
    assert train.labels.tolist() == [3, 3, 8] and train.images.dtype == np.uint8
    events = folder[1]
    for index, (name, steps) in enumerate({
        "Train/3/00001": [0, 1, 2, 3, 3, 3, 3],  # 7 // 4 = 1 each, the rest to the last
        "Train/3/00002": [min(i // 10, 3) for i in range(41)],
        "Train/8/00003": [0, 1, 2],
    }.items()):  # fmt: skip
        np.testing.assert_array_equal(train.images[index], frames(events[name], steps, 4), name)
    test = data.load("n_mnist", "test", timesteps=2, binary=True)
    assert test.labels.tolist() == [0] and test.images.max() == 1


def test_frames_of_equally_long_times(folder):
    _, events = folder
    train = data.load("n_mnist,split_by=time", "train", timesteps=3)
    for index, name in enumerate(("Train/3/00001", "Train/3/00002", "Train/8/00003")):
        times = events[name][3] - events[name][3][0]
        steps = [int(t * 3 // (times[-1] + 1)) for t in times]
        np.testing.assert_array_equal(train.images[index], frames(events[name], steps, 3), name)
    assert data.facts("n_mnist,split_by=time") is n_mnist.FACTS


def test_one_frame_is_an_image(folder):
    images, _ = split_tensors("train", 0, "n_mnist", 1)
    assert images.shape == (3, 2, 34, 34)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "00009.bin is damaged"),
        (b"1234", "00009.bin is damaged"),
        (bytes([34, 0, 0, 0, 0]), "34 x 34 pixels"),
        (bytes([0, 34, 0, 0, 0]), "34 x 34 pixels"),
    ],
)
def test_damaged_recordings_are_named(folder, content, sentence):
    (folder[0] / "Train/5").mkdir()
    (folder[0] / "Train/5/00009.bin").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        data.load("n_mnist", "train")


def test_what_is_not_there(folder, monkeypatch):
    with pytest.raises(UserError, match="at least 1 timestep"):
        data.load("n_mnist", "test", timesteps=0)
    for name, sentence in (
        ("n_mnist,split_by=colour", "made by number or time"),
        ("n_mnist,speed=2", "no option 'speed'"),
        ("cifar10,split_by=time", "no option 'split_by'"),
    ):
        with pytest.raises(UserError, match=sentence):
            data.facts(name)
        with pytest.raises(UserError, match=sentence):
            data.load(name, "test")
    (folder[0] / "Test/0/00001.bin").unlink()
    with pytest.raises(UserError, match="holds no recording"):
        data.load("n_mnist", "test")
    monkeypatch.setenv("N_MNIST_DIR", str(folder[0] / "nowhere"))
    with pytest.raises(UserError, match="N-MNIST is not there"):
        data.load("n_mnist", "test")


SETTINGS = """
[prune]
lanes = 8
[finetune]
data = "n_mnist,split_by=time"
epochs = 1
batch_size = 4
[quant]
calibration = 8
[qat]
epochs = 0
"""


def test_from_recordings_to_integers(tmp_path, monkeypatch):
    """Counts are clipped to the input's one bit all the way, and the network knows its data."""
    monkeypatch.setenv("N_MNIST_DIR", str(tmp_path))
    rng = np.random.default_rng(1)
    for split, count in (("Train", 8), ("Test", 5)):
        for index in range(count):
            x, y = rng.integers(12, size=(2, 900)) + 2 * index  # often more than one in a place
            p, t = rng.integers(2, size=900), np.sort(rng.integers(1 << 20, size=900))
            recording(tmp_path / split / str(index % 10) / f"{index}.bin", x, y, p, t)
    config = NetworkConfig(
        depth=1, dim=16, heads=2, timesteps=2, in_channels=2, height=34, width=34, mlp_ratio=1,
        pooled_stages=(1, 2, 3, 4), input_timesteps=2, input_bits=1,
    )  # fmt: skip
    torch.manual_seed(0)
    save_dense(tmp_path / "dense.safetensors", Spikingformer(config), {}, None, {})
    (tmp_path / "prune.toml").write_text(SETTINGS)
    out = tmp_path / "integers.safetensors"
    facts = prune(tmp_path / "prune.toml", tmp_path / "dense.safetensors", tmp_path / "run", out,
                  False, "psf prune")  # fmt: skip
    network = QuantNetwork.load(out)
    assert network.provenance["data"]["name"] == "n_mnist,split_by=time"
    test = data.load("n_mnist,split_by=time", "test", timesteps=2)
    assert test.images.max() > 1
    label = forward(network, np.minimum(test.images, 1)).label
    assert facts["accuracy"] == (label == test.labels).mean()
    with pytest.raises(UserError, match="clip them to 1"):
        forward(network, test.images)
    with pytest.raises(UserError, match="clip them to 1"):
        TorchTwin(network)(torch.from_numpy(test.images))
