# SPDX-License-Identifier: Apache-2.0
"""The paper's energy of what is no float network: quantised ones, event frames, spiking ViTs; and
integers counted as spikes. Counted spike by spike here."""

import json

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import STBIFNode
from torch import nn

from golden.cli.main import main
from golden.contract.energy.paper_row import totals
from golden.contract.model import forward
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.to_spiking import convert, present
from golden.lab.studies import integer_rows, spikezip_rows
from golden.lab.studies.torch_rows import measure
from golden.tests.lab.test_spikezip import network as spiking_vit
from golden.tests.lab.test_spikezip import noise


class Integers(nn.Module):
    """One linear layer of two outputs on what comes in, as it is."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2, bias=False)

    def forward(self, values):
        return self.layer(values.flatten(1))


@pytest.mark.parametrize(
    "values, kind, operations",
    [
        ([0, 1, 2, 30], "AC", 2 * 33),
        ([0, 1, 1, 0], "AC", 2 * 2),  # spikes are spikes either way
        ([0, 1, 2, 31], "MAC", 2 * 4),
        ([0, -1, 2, 3], "MAC", 2 * 4),
        ([0, 0.5, 2, 3], "MAC", 2 * 4),
    ],
)
def test_an_integer_as_so_many_spikes(values, kind, operations):
    given = torch.tensor(values, dtype=torch.float32).view(1, 1, 2, 2)
    (row,) = measure(Integers(), given, integers="spikes")
    assert (row.kind, row.operations) == (kind, pytest.approx(operations))
    assert row.energy == pytest.approx((0.9 if kind == "AC" else 4.6) * operations)
    (as_mac,) = measure(Integers(), given)
    assert as_mac.kind == ("AC" if max(values) == 1 else "MAC")


def test_integers_over_batches():
    """One image beyond the bound makes the layer one of MACs, wherever it comes."""
    small, large = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 40.0)
    for order in ([small, large, small], [large, small, small]):
        (row,) = measure(Integers(), torch.cat(order), batch_size=1, integers="spikes")
        assert (row.kind, row.operations) == ("MAC", 8)


EVENTS = {"in_channels": 2, "input_timesteps": 3, "input_bits": 1}


@pytest.mark.parametrize("changes", [{}, EVENTS, {"head": "avgpool_fc"}, {"encoder_channels": 2}])
def test_a_quantised_network(changes):
    """Additions of layers by their input spikes times outputs, mean of three images."""
    sizes = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 3, "height": 8, "width": 8}
    network = random_network(NetworkConfig(**sizes | changes), 5)
    images = random_images(network.config, 3, 5)
    rows = {row.name: row for row in integer_rows.measure(network, images)}
    spike = forward(network, images).spike
    fan_out = {"tokenizer.1": ("tokenizer.0", 9 * 4), "blocks.0.q": ("tokenizer.4", 16),
               "blocks.0.mlp2": ("blocks.0.mlp1", 16)}  # fmt: skip
    for name, (source, fan) in fan_out.items():
        assert rows[name].operations == pytest.approx(np.count_nonzero(spike[source]) / 3 * fan)
    first = rows["tokenizer.0"]
    products = 64 * 9 * network.tokenizer[0].weight.shape[1] * 2
    if changes == EVENTS:
        assert (first.kind, first.flops) == ("AC", 3 * products)
        assert first.operations == pytest.approx(np.count_nonzero(images) / 3 * 9 * 2)
    elif "encoder_channels" in changes:
        assert (first.kind, rows["encoder"].kind) == ("AC", "MAC")
        assert rows["encoder"].operations == 64 * 2
    else:
        assert (first.kind, first.operations) == ("MAC", products)
    assert rows["head"].kind == ("MAC" if "head" in changes else "AC")
    weight = network.blocks[0].q.weight
    assert rows["blocks.0.q"].density == pytest.approx(np.count_nonzero(weight) / weight.size)


@pytest.mark.parametrize("timesteps", [0, 6])
def test_a_spiking_vit(timesteps):
    """Every spike of either sign costs the outputs of the layer that it enters, the image its
    products once; counted on the outputs of the neurons, step by step."""
    torch.manual_seed(3)
    ann = spiking_vit(level=4, depth=1, patch=14, dim=8, heads=2)
    images = noise(3, ann.config)
    rows = {row.name: row for row in spikezip_rows.measure(ann, images, timesteps)}
    snn, spikes, steps = convert(ann), {}, 0
    neurons = {name: m for name, m in snn.named_modules() if isinstance(m, STBIFNode)}
    for _ in present(snn, images):
        steps += 1
        fired = {name: neuron.cur_output.count_nonzero().item() for name, neuron in neurons.items()}
        head = neurons["norm.1"].cur_output[:, 0].count_nonzero().item()
        for name, count in (fired | {"head": head}).items():
            spikes[name] = spikes.get(name, 0) + count / 3
        if steps == timesteps or (not timesteps and steps > 4 and not any(fired.values())):
            break
    tokens, dim, hidden = 5, 8, 16
    assert ann.config.tokens == tokens and ann.config.dim * ann.config.mlp_ratio == hidden
    expected = {
        "blocks.0.attn.qkv": spikes["blocks.0.norm1.1"] * 3 * dim,
        "blocks.0.attn.proj": spikes["blocks.0.attn.after_attn_if"] * dim,
        "blocks.0.mlp.0": spikes["blocks.0.norm2.1"] * hidden,
        "blocks.0.mlp.2": spikes["blocks.0.mlp.1"] * dim,
        "head": spikes["head"] * 10,
        "blocks.0.attn.product1": spikes["blocks.0.attn.k_if"] * tokens,  # S_q k
        "blocks.0.attn.product2": spikes["blocks.0.attn.q_if"] * tokens,  # q S_k
        "blocks.0.attn.product4": spikes["blocks.0.attn.v_if"] * tokens,  # S_a v
        "blocks.0.attn.product5": spikes["blocks.0.attn.attn_if"] * (dim // 2),  # a S_v
    }

    assert all(expected.values()), "a silent network would pass"
    for name, count in expected.items():
        assert rows[name].operations == pytest.approx(count), name
        assert rows[name].kind == "AC", name
    first = rows["patch_embed.proj.0"]
    assert (first.kind, first.operations) == ("MAC", 4 * 14 * 14 * dim)
    assert rows["head"].flops == steps * 10 * dim
    sums = totals(list(rows.values()))
    assert sums["mac"] == first.operations


def run(*arguments):
    """The exit status of `psf sops`."""
    try:
        main(["sops", *map(str, arguments)])
    except SystemExit as ended:
        return ended.code
    return 0


def test_command_takes_every_kind(data, tmp_path, capsys):
    quantised, vit = tmp_path / "q.safetensors", tmp_path / "v.safetensors"
    random_network(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2), 1).save(quantised)
    torch.manual_seed(3)
    spikezip_checkpoint.save(vit, spiking_vit(level=4, depth=1, patch=14, dim=8, heads=2), {})
    for path, first in ((quantised, "tokenizer.0"), (vit, "patch_embed.proj.0")):
        assert not run("--checkpoint", path, "--images", 2, "--out", tmp_path / "s.json")
        found = json.loads((tmp_path / "s.json").read_text())
        assert found["layers"][0]["name"] == first and found["layers"][0]["kind"] == "MAC"
        assert found["mac"] == found["layers"][0]["operations"] and found["ac"] > 0
        assert found["energy_pj"] == pytest.approx(4.6 * found["mac"] + 0.9 * found["ac"])
    assert not run("--checkpoint", vit, "--images", 2, "--timesteps", 2, "--out",
                   tmp_path / "t.json")  # fmt: skip
    assert json.loads((tmp_path / "t.json").read_text())["ac"] < found["ac"]
    capsys.readouterr()
    assert run("--checkpoint", quantised, "--timesteps", 2) == 2
    error = capsys.readouterr().err
    assert "--timesteps is for networks of `psf spikezip`" in error and error.count("\n") == 1
    assert run("--checkpoint", tmp_path / "none.safetensors") == 2
    assert "does not exist" in capsys.readouterr().err
