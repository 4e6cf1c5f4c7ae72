# SPDX-License-Identifier: Apache-2.0
"""Plug-ins from a file and from an installed package, in both places that take them."""

import json

import numpy as np
import pytest
import torch

from golden.cli.main import main
from golden.contract import plugin
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_network
from golden.contract.settings import load
from golden.hardware.peers.product import Product, useful_adds
from golden.hardware.peers.registry import PEERS, cycles_of, models
from golden.hardware.workload.recording import Recording, write
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig as LabConfig
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks
from golden.lab.prune.pruning_config import PruneRunConfig

CODE = '''
from __future__ import annotations
from golden.hardware.peers.product import useful_adds
from dataclasses import dataclass
import torch

@dataclass
class Options:
    keep: int = 2

def method(values, config, sparsity):
    every = Options().keep
    flat = {n: torch.arange(v.numel()) % every for n, v in values.items()}
    return {n: flat[n].reshape(v.shape).float() for n, v in values.items()}

class Ideal:
    """Useful adds over adders."""
    def __call__(self, product, pes):
        return -(-useful_adds(product) // pes)

def half(product, pes): return 0.5
def bad(product, pes): return product.nothing
class Needs:
    def __init__(self, what): pass
class Silent: pass
number = 3
'''


@pytest.fixture
def code(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path / "mine.py"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with one entry point in each group, and a broken one."""
    (tmp_path / "psf_test_package.py").write_text(CODE)
    folder = tmp_path / "psf_test_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: psf_test_package\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        f"[{plugin.PRUNING}]\nstripes = psf_test_package:method\nbroken = nowhere_at_all:x\n"
        f"[{plugin.PEERS}]\nideal_array = psf_test_package:Ideal\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def product(outputs=16):
    spikes = (np.arange(2 * 6 * 9) % 3 == 0).reshape(2, 6, 9).astype(np.uint8)
    return Product("layer", spikes, np.ones((9, outputs), np.int8))


def test_a_model_from_a_file(code):
    one = product()
    ideal = -(-useful_adds(one) // 8)
    found = cycles_of([one, one], 8, [f"{code}:Ideal"])
    assert list(found) == [*PEERS, "Ideal"] and found["Ideal"] == 2 * ideal
    assert list(cycles_of([one], 8)) == list(PEERS)
    image = Product("image", one.spikes, one.weight, bit_planes=True)
    assert cycles_of([image], 8, [f"{code}:Ideal"])["Ideal"] == PEERS["loas"](image, 8)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.py:x", "there is no file"),
        ("{}:nothing", "has no function or class 'nothing'"),
        ("{}:number", "has no function or class 'number'"),
        ("{}:half", "returned 0.5 for layer layer, not a whole number"),
        ("{}:bad", "failed on layer layer: AttributeError"),
        ("{}:Needs", "the class takes no arguments"),
        ("{}:Silent", "give the class a method __call__"),
    ],
)
def test_wrong_models(code, name, sentence):
    with pytest.raises(UserError, match=sentence):
        cycles_of([product()], 8, [name.format(code)])


def test_a_name_that_is_taken(code):
    (code.parent / "loas.py").write_text("def loas(product, pes): return 1\n")
    with pytest.raises(UserError, match="there is a model loas already"):
        models([f"{code.parent}/loas.py:loas"])


def test_entry_points(installed):
    one = product()
    assert cycles_of([one], 8)["ideal_array"] == -(-useful_adds(one) // 8)
    torch.manual_seed(1)
    model = Spikingformer(LabConfig(depth=1, dim=16, heads=2, height=8, width=8))
    from golden.lab.prune import plugin as pruning

    assert pruning.is_plugin("stripes") and pruning.installed() == ["stripes", "broken"]
    values = {name: layer.weight.detach() for name, layer in prunable(model).items()}
    masks = pruning.plugin_masks(_named("stripes"), values, 0.5)
    assert all((mask.flatten()[:4] == torch.tensor([0, 1, 0, 1])).all() for mask in masks.values())
    with pytest.raises(UserError, match="entry point nowhere_at_all:x cannot be read"):
        pruning.load("broken")


def _named(method):
    """What PruneConfig is in a process that began with the package installed."""
    config = PruneConfig()
    object.__setattr__(config, "method", method)
    return config


def test_files_of_a_configuration_are_beside_it(code, tmp_path, monkeypatch):
    (tmp_path / "prune.toml").write_text('[prune]\nmethod = "mine.py:method"\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(tmp_path / "prune.toml", PruneRunConfig)
    assert config.prune.method == f"{code}:method"
    torch.manual_seed(1)
    model = Spikingformer(LabConfig(depth=1, dim=16, heads=2, height=8, width=8))
    set_masks(model, config.prune, searching=True)
    for layer in prunable(model).values():
        assert (layer.mask.flatten()[:4] == torch.tensor([0, 1, 0, 1])).all()
    # One that is not beside the file is relative to the current folder.
    (tmp_path / "elsewhere" / "other.py").write_text(CODE)
    (tmp_path / "prune.toml").write_text('[prune]\nmethod = "other.py:method"\n')
    assert load(tmp_path / "prune.toml", PruneRunConfig).prune.method == "other.py:method"


def test_a_model_of_ones_own_on_a_trace_and_on_a_network(code, tmp_path, capsys):
    spikes = np.random.default_rng(1).random((2, 16, 4, 4)) < 0.2
    write(tmp_path / "mine.npz", [Recording("conv", spikes, out_channels=16, kernel=3)])
    config = NetworkConfig(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)
    random_network(config).save(tmp_path / "net.safetensors")
    for source in (("--trace", "mine.npz"), ("--network", "net.safetensors")):
        with pytest.raises(SystemExit) as ended:
            main(["peers", source[0], str(tmp_path / source[1]), "--pes", "8", "--model",
                  f"{code}:Ideal", "--out", str(tmp_path / "p.json")])  # fmt: skip
        assert not ended.value.code
        found = json.loads((tmp_path / "p.json").read_text())
        assert "Ideal" in capsys.readouterr().out
        layer = next(row for name, row in found["layers"].items() if name != "tokenizer.0")
        assert layer["cycles_of"]["Ideal"] >= -(-layer["useful_adds"] // 8) > 0
