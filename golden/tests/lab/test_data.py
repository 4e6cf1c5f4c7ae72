# SPDX-License-Identifier: Apache-2.0
"""The registry of data sets, its command line, and training on frames and on other images."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from golden.contract.errors import UserError
from golden.lab import data as data_sets
from golden.lab.data import show
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.batches import augment, batches
from golden.lab.train.evaluate import accuracy, firing_rates
from golden.lab.train.loop import fit
from golden.lab.train.source import check, network_input, scaled, split_tensors, time_first
from golden.lab.train.training_config import TrainConfig

EVENTS = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=3, in_channels=2, input_timesteps=3, input_bits=1
)


def test_every_data_set_has_its_facts():
    assert list(data_sets.DATA_SETS) == [
        "fashion_mnist", "events_fashion_mnist", "cifar10", "cifar100", "cifar10_dvs",
        "dvs128_gesture", "n_mnist",
    ]  # fmt: skip
    for name, facts in data_sets.DATA_SETS.items():
        assert facts.name == name
        assert len(set(facts.labels)) == facts.classes >= 10
        assert "{folder}" in facts.fetch
        assert (facts.channels == 2) == bool(facts.timesteps)
    assert list(data_sets.TEXTS) == ["mr"] and "{folder}" in data_sets.TEXTS["mr"].fetch


def test_mistakes(data):
    with pytest.raises(UserError, match="no data set 'mnist'; known are fashion_mnist"):
        data_sets.load("mnist", "train")
    with pytest.raises(UserError, match="fashion_mnist has no option 'timesteps'"):
        data_sets.load("fashion_mnist", "train", timesteps=3)
    with pytest.raises(UserError, match="cifar10_dvs has no option 'colour'"):
        data_sets.load("cifar10_dvs", "train", colour=3)


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_sets.facts("cifar10").folder == tmp_path / "prunespikformer/cifar10"


def test_split_tensors(data):
    images, labels = split_tensors("train", 10)
    assert images.shape == (10, 1, 28, 28)
    assert labels.tolist() == list(range(10))
    assert split_tensors("train")[0].shape == (48, 1, 28, 28)
    events, truth = split_tensors("train", 10, "events_fashion_mnist", 3)
    assert events.shape == (10, 3, 2, 28, 28)
    assert torch.equal(truth, labels)
    assert torch.equal(events, split_tensors("train", 0, "events_fashion_mnist", 3)[0][:10])


def test_frames_move_alike():
    frames = torch.zeros(32, 3, 2, 8, 8, dtype=torch.uint8)
    frames[:, :, :, 3, 2] = torch.tensor([[1, 2], [3, 4], [5, 6]], dtype=torch.uint8)
    config = TrainConfig(shift=1, flip=True)
    moved = augment(frames, config, torch.Generator().manual_seed(0))
    assert moved.shape == frames.shape
    places = moved.flatten(3).argmax(3)  # (32, 3, 2)
    assert (places == places[:, :1, :1]).all()
    assert len(places[:, 0, 0].unique()) > 6
    assert torch.equal(moved.amax((3, 4)), frames.amax((3, 4)))
    alone = augment(frames[:, 0], config, torch.Generator().manual_seed(0))
    assert torch.equal(moved[:, 0], alone)


def test_what_the_network_sees():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    assert torch.equal(scaled(images.float()), images.float() / 255)
    assert time_first(images) is images
    counts = torch.tensor([0, 1, 9], dtype=torch.uint8).reshape(1, 3, 1, 1, 1)
    for bits, expected in ((1, [0, 1, 1]), (2, [0, 1 / 3, 1]), (8, [0, 1 / 255, 9 / 255])):
        model = torch.nn.Linear(1, 1).double()
        model.config = NetworkConfig(input_bits=bits)
        seen = network_input(model, counts)
        assert seen.shape == (3, 1, 1, 1, 1) and seen.dtype == torch.float64
        assert torch.equal(seen.flatten(), torch.tensor(expected, dtype=torch.float64))
    config = TrainConfig(batch_size=2, shift=0, flip=False)
    frames = torch.randint(4, (5, 3, 2, 4, 4), dtype=torch.uint8)
    labels = torch.arange(5)
    parts = list(batches(frames, labels, config, torch.Generator().manual_seed(1), 1))
    assert len(parts) == 2
    for pixels, truth in parts:
        assert torch.equal(pixels, (frames[truth] > 0).float())


@pytest.mark.long
def test_training_on_event_frames(data, tmp_path):
    config = TrainConfig(
        data="events_fashion_mnist", epochs=6, batch_size=16, learning_rate=1e-2, warmup=0.1,
        monitor_images=0, precision="float32", flip=False, shift=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Spikingformer(EVENTS)
    fit(model, config, tmp_path / "run")
    images, labels = split_tensors("test", 0, "events_fashion_mnist", 3)
    right = accuracy(model, images, labels)
    log = (tmp_path / "run/log.txt").read_text()
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", log)]
    assert losses[-1] < losses[0]
    model.eval()
    with torch.no_grad():
        logits = model((images > 0).float().transpose(0, 1))
    assert right == int((logits.argmax(1) == labels).sum()) / 48
    assert all(0 <= rate <= 1 for rate in firing_rates(model, images).values())


@pytest.mark.parametrize(
    ("network", "train", "sentence"),
    [
        ({}, {"data": "cifar100"}, "network.in_channels = 3, network.height = 32, .*classes = 100"),
        ({}, {"data": "events_fashion_mnist"}, "set network.in_channels = 2$"),
        ({"in_channels": 2}, {"data": "events_fashion_mnist"}, "set network.input_timesteps = 4"),
        ({"input_timesteps": 4}, {}, "images: set network.input_timesteps = 1$"),
        (
            {"in_channels": 2, "input_timesteps": 4},
            {"data": "events_fashion_mnist", "early_epochs": 1},
            "early_epochs",
        ),
        ({}, {"data": "mnist"}, "no data set 'mnist'"),
    ],
)
def test_network_and_data_that_do_not_fit(network, train, sentence):
    with pytest.raises(UserError, match=sentence):
        check(NetworkConfig(**network), TrainConfig(**train))


def test_pictures(data, tmp_path):
    for name in ("fashion_mnist", "events_fashion_mnist"):
        out = tmp_path / "new" / f"{name}.png"
        show.picture(name, out, "test", 3, 0)
        assert imread(out).std() > 0.01
        assert [p.name for p in out.parent.iterdir() if ".part" in p.name] == []
    frame = np.zeros((2, 1, 3), np.uint8)
    frame[0, 0, 1] = frame[1, 0, 2] = 3
    white, off, on = show.two_colours(frame)[0].astype(int)
    assert white.tolist() == [255, 255, 255]
    assert off[2] > off[0] + 200
    assert on[0] > on[2] + 200
    with pytest.raises(UserError, match="leave --timesteps out"):
        show.picture("fashion_mnist", out, "test", 3, 5)
    with pytest.raises(UserError, match="not a picture"):
        show.picture("fashion_mnist", tmp_path / "a.txt", "test", 3, 0)


def test_command_line(data, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path / "nowhere"))

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "golden", "data", *arguments], capture_output=True, text=True
        )

    listed = run("list")
    assert listed.returncode == 0
    rows = {line.split()[1]: line for line in listed.stdout.splitlines() if "│ " in line[:3]}
    assert "yes" in rows["fashion_mnist"]
    assert "no" in rows["cifar10"]
    assert "16x2x128x128" in rows["dvs128_gesture"]
    assert "sentences" in rows["mr"]
    assert f"put it into {tmp_path}/nowhere" in listed.stdout
    missing = run("show", "cifar10", "--out", str(tmp_path / "a.png"))
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1
    assert "fetch https://www.cs.toronto.edu" in missing.stderr
