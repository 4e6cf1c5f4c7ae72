# SPDX-License-Identifier: Apache-2.0
"""The paper's energy of torch networks: by hand, against spikingjelly, against the integer network,
and against the log of Spikingformer-8-512 on ImageNet."""

import dataclasses
import json

import pytest
import torch
from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter
from torch import nn

import golden.lab.networks.lif_neuron
from golden.contract.energy import spikingformer_log
from golden.contract.energy.paper_row import totals
from golden.contract.energy.synaptic import synaptic_layers
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_images, random_network
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.studies.synaptic_operations import report
from golden.lab.studies.torch_rows import BEFORE_HEAD, look, measure
from golden.lab.train.checkpoint import save_dense

IMAGENET = NetworkConfig(
    depth=8, dim=512, heads=8, timesteps=4, in_channels=3, height=224, width=224, classes=1000,
    pooled_stages=(1, 2, 3, 4), head="avgpool_fc",
)  # fmt: skip


@pytest.fixture(scope="module")
def imagenet():
    """Spikingformer-8-512 without memory: its shapes alone."""
    with torch.device("meta"):
        model = Spikingformer(IMAGENET)
    return model, measure(model, torch.empty(1, 3, 224, 224, device="meta"))


def test_published_parameters(imagenet):
    """The log counts the LayerNorms that are built and never called: two of 512 per block."""
    parameters = sum(p.numel() for p in imagenet[0].parameters())
    assert parameters + 8 * 2 * 2 * 512 == spikingformer_log.published()["parameters"] == 29_705_768


def test_published_operations_and_energy(imagenet):
    log = spikingformer_log.published()
    got = spikingformer_log.as_logged(imagenet[1], log)
    assert got["mac_g"] == log["mac_g"] == 0.347329512
    assert got["ac_g"] == pytest.approx(6.51754094076244, rel=2e-9)  # 9 digits of each rate
    assert got["energy_mj"] == pytest.approx(7.463502601886196, rel=2e-9)


def test_published_layers_by_shape(imagenet):
    """Operations of single layers as the log prints them, bias included: T x FLOPs."""
    work = {row.name: row.flops + row.bias for row in imagenet[1]}
    assert work["tokenizer.stages.0"] * 4 == 346_816_512
    assert work["tokenizer.stages.1"] == work["tokenizer.stages.3"] == 3_699_376_128
    assert work["tokenizer.stages.4"] == 1_849_688_064
    assert work["blocks.0.attention.q"] == 205_520_896
    assert work["blocks.0.attention.proj"] == 205_922_304
    assert work["blocks.7.mlp.mlp1"] == 823_689_216
    assert work["blocks.7.mlp.mlp2"] == 822_484_992
    assert work["head"] == 513_000
    assert work["blocks.3.attention.product1"] == 4 * 8 * 196 * 64 * 64


def test_a_layer_that_is_not_published_or_missing(imagenet):
    log = spikingformer_log.published()
    other = dataclasses.replace(imagenet[1][1], name="extra")
    with pytest.raises(UserError, match="extra"):
        spikingformer_log.as_logged([*imagenet[1], other], log)
    with pytest.raises(UserError, match=r"lacks .*blocks\.7\.mlp\.mlp2"):
        spikingformer_log.as_logged([r for r in imagenet[1] if "7.mlp.mlp2" not in r.name], log)


class Tiny(nn.Module):
    """A convolution on reals, one on spikes, an attention of spikes, an einsum, a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1)
        self.second = nn.Conv2d(2, 4, 2, stride=2, groups=2, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        spikes = (self.first(images) > 0).float()
        flat = (self.second(spikes) > 0).float().flatten(2)  # (B, 4, N)
        pairs = flat.transpose(1, 2) @ flat  # (B, N, N), integers
        mixed = torch.einsum("bnm,bcm->bnc", pairs, flat)
        self.seen = spikes, flat, mixed
        return self.head(mixed.sum(1))


def test_by_hand():
    torch.manual_seed(0)
    model, images = Tiny(), torch.rand(5, 1, 8, 8)
    rows = {row.name: row for row in measure(model, images, batch_size=5)}
    spikes, flat, _ = model.seen
    assert list(rows) == ["first", "second", "network.product1", "network.product2", "head"]
    assert [row.kind for row in rows.values()] == ["MAC", "AC", "AC", "AC", "MAC"]
    assert [row.values for row in rows.values()] == ["reals", *3 * ["spikes"], "integers"]
    assert [row.flops for row in rows.values()] == [
        64 * 2 * 9, 16 * 4 * 4, 16 * 4 * 16, 16 * 16 * 4, 4 * 3
    ]  # fmt: skip
    assert [row.bias for row in rows.values()] == [128, 0, 0, 0, 3]
    assert rows["second"].rate == pytest.approx(float(spikes.mean()))
    assert rows["network.product2"].rate == pytest.approx(float(flat.mean()))
    second = 16 * 16 * float(spikes.mean())
    assert rows["second"].operations == pytest.approx(second)
    assert rows["second"].energy == pytest.approx(0.9 * second)
    assert rows["first"].energy == pytest.approx(4.6 * 1152)
    sums = totals(list(rows.values()))
    assert sums["mac"] == 1152 + 12
    assert sums["energy_pj"] == pytest.approx(4.6 * sums["mac"] + 0.9 * sums["ac"])
    one_by_one = {row.name: row for row in measure(model, images, batch_size=1)}
    for name, row in rows.items():
        assert one_by_one[name].operations == pytest.approx(row.operations), name


def test_what_enters():
    assert look(torch.tensor([0.0, 1.0, 1.0, 1.0])) == ("spikes", 0.75)
    assert look(torch.tensor([0.0, 2.0])) == ("integers", 1.0)
    assert look(torch.tensor([0.0, -1.0]))[0] == "integers"
    assert look(torch.tensor([0.0, 0.5])) == ("reals", 0.25)


def spiking(**changes):
    torch.manual_seed(1)
    settings = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 3, "height": 12, "width": 12}
    model = Spikingformer(NetworkConfig(**settings | changes)).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.bias.data.fill_(2.0)  # so that the neurons fire
    return model


def test_spikingjelly_counts_the_same_additions():
    """Its counter looks at every spike; without borders rate * FLOPs is exactly that number. Its
    products of two spike matrices count coincidences, which is less: they are left out."""
    model, images = spiking(head="avgpool_fc"), torch.rand(4, 1, 12, 12)
    rows = {row.name: row for row in measure(model, images)}
    spikes = {}
    for name, module in model.named_modules():
        if name.split(".")[-1] in ("q", "k", "v", "proj", "mlp1", "mlp2"):
            module.register_forward_pre_hook(
                lambda m, i, name=name: spikes.update({name: (m, i[0])})
            )
    with torch.no_grad():
        model(images)
        for name, (module, entering) in spikes.items():
            counter = SynOpCounter()
            with DispatchCounterMode([counter]):
                torch.nn.functional.linear(entering.flatten(0, -2), module.weight)
            assert entering.mean() > 0
            assert rows[name].operations * 4 == pytest.approx(counter.get_total()), name
    assert len(spikes) == 6


def test_the_integer_network_has_the_same_products():
    """golden.contract.energy.synaptic writes the shapes down; here they are seen."""
    sizes = {"depth": 2, "dim": 32, "heads": 2, "timesteps": 2, "height": 9, "width": 9}
    integer = random_network(IntegerConfig(**sizes), seed=1)
    images = random_images(integer.config, 1, seed=2)
    trace = forward(integer, images)
    expected = [x.products for x in synaptic_layers(integer, images, trace, 0)]
    rows = measure(spiking(**sizes), torch.rand(1, 1, 9, 9))
    assert [row.flops for row in rows] == expected
    assert [row.kind for row in rows] == ["MAC"] + ["AC"] * (len(rows) - 1)


@pytest.mark.parametrize("head", ["sn_fc_avgpool", "avgpool_fc"])
def test_heads(head):
    """The spike-driven head does additions for every token; the mean of reals does few products."""
    model, images = spiking(head=head), torch.rand(2, 1, 12, 12)
    row = measure(model, images)[-1]
    assert row.name == "head"
    if head == "avgpool_fc":
        assert (row.kind, row.operations) == ("MAC", 160)
    else:
        emitted = []
        last = [module for name, module in model.named_modules() if name in BEFORE_HEAD][-1]
        last.register_forward_hook(lambda m, i, out: emitted.append(out.detach()))
        model(images)
        assert row.kind == "AC" and row.flops == 3 * 9 * 160
        assert row.operations == pytest.approx(float(emitted[0].sum()) / 2 * 10)


def test_masks_show_as_density():
    model = spiking()
    model.blocks[0].mlp.mlp2.mask[:, :48] = 0
    rows = {row.name: row for row in measure(model, torch.rand(1, 1, 12, 12))}
    assert rows["blocks.0.mlp.mlp2"].density == pytest.approx(0.25)
    assert rows["blocks.0.mlp.mlp1"].density == 1.0


def test_measuring_leaves_no_trace(monkeypatch):
    """Hooks and mode are gone, training mode is back; the compiled neuron is measured as well."""
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1)
    model, images = spiking().train(), torch.rand(1, 1, 12, 12)
    assert len(measure(model, images)) == 14
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_what_cannot_be_counted_is_refused():
    class Fused(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    with pytest.raises(UserError, match="scaled_dot_product_attention"):
        measure(Fused(), torch.rand(1, 2, 3, 4))
    with pytest.raises(UserError, match="at least one image"):
        measure(spiking(), torch.zeros(0, 1, 12, 12))


def test_command(data, tmp_path, capsys):
    model = Spikingformer(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2))
    save_dense(tmp_path / "d.safetensors", model, {})
    report(tmp_path / "d.safetensors", 4, tmp_path / "sops.json")
    found = json.loads((tmp_path / "sops.json").read_text())
    layers = found["layers"]
    assert [layer["flops"] for layer in layers[:2]] == [784 * 9 * 2, 2 * 784 * 9 * 2 * 4]
    assert [layer["kind"] for layer in layers[:2]] == ["MAC", "AC"]  # pixels, then spikes
    assert found["mac"] + found["ac"] == pytest.approx(sum(layer["operations"] for layer in layers))
    assert found["energy_pj"] == pytest.approx(sum(layer["energy_pj"] for layer in layers))
    assert "tokenizer.stages.4" in capsys.readouterr().out


def test_the_sparser_operand_drives():
    """Over the whole set: image by image the other one may be sparser."""

    class Product(nn.Module):
        def forward(self, x):
            return (x > 0.6).float() @ (x > 0.4).float()

    images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images[0] = 0.5  # left silent, right all ones
    (row,) = measure(Product(), images, batch_size=1)
    assert row.rate == pytest.approx(float((images > 0.6).float().mean()))
    assert row.operations == pytest.approx(float((images > 0.6).float().sum()) / 6 * 4)
