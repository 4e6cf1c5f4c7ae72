# SPDX-License-Identifier: Apache-2.0
"""A network finds the data it was trained on again, in every command; others are translated by the
names of the classes, or refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network
from golden.lab import data
from golden.lab.train.checkpoint import trained_on

SIZES = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, classes=3, pooled_stages=()
)
NAMES = ("ape", "bee", "cow")


def write(root, names, count=12):
    """Images of a bright row, whose height is the class; the pixel in the corner counts them."""
    for label, name in enumerate(NAMES):
        for i in range(count if name in names else 0):
            pixels = np.zeros((8, 8), np.uint8)
            pixels[2 * label + 1] = 255
            pixels[0, 0] = i
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return str(root)


def shown(given="", told=None, **sizes):
    return data.shown(NetworkConfig(**vars(SIZES) | sizes), told or {}, given)


def test_labels_follow_the_names_of_the_classes(tmp_path):
    told = data.record(write(tmp_path / "all", NAMES))
    assert told["classes"] == list(NAMES) and told["shape"] == [1, 8, 8]
    few = write(tmp_path / "few", ("cow", "bee"))
    for name in (few, f"{few},classes=cow+bee", told["name"]):
        found = shown(name, told)
        rows = found.images[:, 0, :, 3].argmax(1)
        assert (found.labels == (rows - 1) // 2).all()
    assert set(shown(few, told).labels) == {1, 2}
    assert len(shown("", told).labels) == 6  # two of each twelve
    nameless = told | {"classes": ["0", "1", "2"]}
    assert set(shown(told["name"], nameless).labels) == {0, 1, 2}


def test_values_are_clipped_to_the_input_of_the_network(tmp_path):
    name = write(tmp_path, NAMES)
    assert shown(name).images.max() == 255
    assert shown(name, input_bits=3).images.max() == 7


def test_data_that_do_not_fit(tmp_path):
    told = data.record(write(tmp_path / "all", NAMES))
    strange = {"classes": ["ape", "bee", "gnu"]}
    cases = {
        r"the checkpoint takes images of \(3, 8, 8\), all, split": ("", told, {"in_channels": 3}),
        r"takes event frames of \(1, 8, 8\)": ("", told, {"input_timesteps": 2}),
        "has images of .1, 28, 28. .channels": ("fashion_mnist", told, {}),
        "3 classes, the checkpoint has 4 classes": (told["name"], {}, {"classes": 4}),
        "the checkpoint does not know 'cow'": (told["name"], strange, {}),
    }
    for sentence, (given, record, sizes) in cases.items():
        with pytest.raises(UserError, match=sentence):
            shown(given, record, **sizes)
    shutil.move(tmp_path / "all", tmp_path / "moved")
    with pytest.raises(UserError, match="does not exist; the network was trained on it: name"):
        shown("", told)
    assert len(shown(str(tmp_path / "moved"), told).labels) == 6


TRAINING = """
[network]
depth = 1
dim = 16
heads = 2
timesteps = 2
height = 8
width = 8
classes = 3
pooled_stages = []
mlp_ratio = 1
[train]
epochs = 2
batch_size = 8
precision = "float32"
"""
PRUNING = """
search_epochs = 1
[prune]
lanes = 4
[finetune]
epochs = 1
batch_size = 8
precision = "float32"
[qat]
epochs = 0
"""


def run(*line):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in line])
    return ended.value.code


@pytest.mark.long
def test_every_command_uses_the_data_of_the_checkpoint(tmp_path, capsys, monkeypatch):
    """Trained on three classes of a folder named on the command line, relative; from then on no
    command is told."""
    write(tmp_path / "mine", NAMES)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.toml").write_text(TRAINING)
    (tmp_path / "prune.toml").write_text(PRUNING)
    dense, pruned = tmp_path / "dense.safetensors", tmp_path / "pruned.safetensors"
    assert not run("train", "--config", "train.toml", "--run", "a", "--out", dense,
                   "--data", "./mine")  # fmt: skip
    told = trained_on(dense)
    assert told["name"] == f"folder:{tmp_path}/mine" and told["classes"] == list(NAMES)
    prune = (
        "prune",
        "--config",
        tmp_path / "prune.toml",
        "--run",
        "b",
        "--dense",
        dense,
        "--out",
        pruned,
    )
    assert not run(*prune)
    assert QuantNetwork.load(pruned).provenance["data"] == told
    assert trained_on(tmp_path / "b/float.safetensors") == told

    monkeypatch.chdir(tmp_path / "b")  # the names are absolute
    capsys.readouterr()
    assert not run("accuracy", "--dense", dense, "--pruned", pruned, "--out", "a.json")
    assert "mine, split with seed 1, 6 test images" in capsys.readouterr().out
    assert not run("inputs", "--checkpoint", dense, "--out", "i.json")
    assert json.loads((tmp_path / "b/i.json").read_text())["images"] == 6
    assert not run("sops", "--dense", dense, "--out", "s.json")
    assert json.loads((tmp_path / "b/s.json").read_text())["images"] == 6
    assert not run("sensitivity", "--dense", dense, "--images", 4)
    assert not run("peers", "--network", pruned, "--image", 5, "--out", "p.json")
    assert not run("compile", "--checkpoint", pruned, "--config", "2x8", "--images", 6,
                   "--out", "v")  # fmt: skip
    labels = json.loads((tmp_path / "b/v/manifest.json").read_text())["labels"]
    assert labels == data.load(told["name"], "test").labels.tolist()
    capsys.readouterr()
    assert run(*prune, "--data", "fashion_mnist") == 2
    assert "the checkpoint takes images of (1, 8, 8), Fashion-MNIST" in capsys.readouterr().err
    assert run(*prune, "--data", f"{told['name']},classes=cow+bee+ape") == 2
    assert "in their order" in capsys.readouterr().err


def test_networks_from_before_there_were_records(tmp_path):
    """The training file in the .json names the data; an integer network saw Fashion-MNIST."""
    network = random_network(SIZES)
    assert "data" not in network.provenance and data.name_for({}) == "fashion_mnist"
    path = tmp_path / "dense.safetensors"
    network.save(path)  # any file without a record
    path.with_suffix(".json").write_text(json.dumps({"config": '[train]\ndata = "cifar10"'}))
    assert trained_on(path) == {"name": "cifar10"}
    path.with_suffix(".json").unlink()
    assert trained_on(path) == {}
