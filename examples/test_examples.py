# SPDX-License-Identifier: Apache-2.0
"""The examples run to their end, on the same way as in full, with little training."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as for the tests of golden

import re

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from examples import own_data, own_peer, own_pruning
from golden import api


@pytest.fixture(autouse=True)
def few_images():
    """A few images are not worth a compilation of the neurons."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.long
def test_own_data(tmp_path, capsys):
    found = own_data.main(["--quick", "--folder", str(tmp_path / "run")])
    out = capsys.readouterr().out
    digits = tmp_path / "run/digits"
    assert sorted(p.name for p in digits.iterdir()) == list("0123456789")
    assert len(list(digits.rglob("*.png"))) == 1797
    with Image.open(digits / "3/3.png") as picture:
        assert picture.mode == "L"
        assert (np.rint(np.asarray(picture) / 255 * 16) == load_digits().images[3]).all()
    assert [found[name]["images"] for name in ("ten", "five")] == [359, 180]
    assert out.count("images 2, correct") == 2
    assert out.count("RTL equals golden 2, mismatches 0") == 2
    for name, classes in (("ten", "0123456789"), ("five", "01234")):
        network = api.load(tmp_path / "run" / name / "network.safetensors")
        assert api.classes(network) == tuple(classes)
        assert 0.6 < network.provenance["weight_sparsity"] < 0.85
        assert network.provenance["accuracy"] == found[name]["accuracy"]
        answers, _ = api.classify(network, [digits / "3/3.png"])
        assert re.search(rf"3/3.png  {answers[0].name}  [\d,]+ cycles  logits 0 ", out)


@pytest.mark.long
def test_own_pruning(tmp_path, capsys):
    found = own_pruning.main(["--quick", "--folder", str(tmp_path / "run")])
    assert list(found) == ["balanced", "fair"]
    zeros = [row["zeros"] for row in found.values()]
    assert min(zeros) > 0.7 and abs(zeros[0] - zeros[1]) < 0.02  # the same pattern, other weights
    networks = [api.load(tmp_path / f"run/{name}.safetensors") for name in found]
    assert networks[1].provenance["method"] == str(tmp_path / "run/own_pruning.py") + ":fair"
    kept = [network.blocks[0].mlp1.weight != 0 for network in networks]
    assert (kept[0] != kept[1]).mean() > 0.01
    assert all(row["cycles"] > 1000 for row in found.values())


def test_own_peer(tmp_path, capsys):
    found = own_peer.main(["--folder", str(tmp_path / "run")])
    out = capsys.readouterr().out
    assert "SilentTokens" in out and "convolution" in out
    # A dense array with the same adders that skips nothing takes every token and input.
    dense = sum(
        4 * tokens * inputs * -(-outputs // 128)
        for tokens, inputs, outputs in ((784, 144, 32), (49, 64, 64), (49, 64, 256))
    )
    assert 0.3 * dense < found["SilentTokens"] <= dense
    assert found["prosperity"] < found["SilentTokens"]


def test_the_model_of_the_example_by_hand():
    spikes = np.zeros((2, 3, 5), np.uint8)
    spikes[0, 1, 4] = spikes[1, 0, 0] = 1
    product = own_peer.Product("layer", spikes, np.ones((5, 9), np.int8))
    assert own_peer.SilentTokens()(product, 8) == 2 * 5 * 2 + 4
