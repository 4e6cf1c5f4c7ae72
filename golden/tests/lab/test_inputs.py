# SPDX-License-Identifier: Apache-2.0
"""The finding of the Spikingformer paper (figures 3 and 4): who feeds integers to its
convolutions."""

import dataclasses
import json
import math

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks import backbones, lif_neuron
from golden.lab.networks.layers import FirstConvBN
from golden.lab.studies.layer_inputs import LARGEST, Inputs, head_input, inputs, report, table
from golden.lab.studies.show_inputs import print_inputs
from golden.lab.train.checkpoint import save_dense
from golden.tests.tiny_networks import SMALL, awake, pixels


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch):
    monkeypatch.setattr(lif_neuron, "COMPILE_FROM", 1 << 40)


def measured(name, **sizes):
    """(kinds by layer, histograms by layer) of the awake small network, without stem and head."""
    config = dataclasses.replace(SMALL[name], **sizes)
    model = awake(config, seed=5)
    found = inputs(model, iter([pixels(config, 8).float().double()]))
    stem = next(n for n, m in model.named_modules() if isinstance(m, FirstConvBN))
    assert found.pop(stem).kind == "real"
    found.pop("head")
    assert len(found) > 5
    return {layer: values.kind for layer, values in found.items()}, found


@pytest.mark.parametrize("name", ["spikingformer", "sdt", "sew_and", "sew_iand"])
def test_all_inputs_are_spikes(name):
    kinds, found = measured(name, depth=14 if name.startswith("sew") else 2)
    assert set(kinds.values()) == {"binary"}
    assert all(values.integers[0] and values.integers[1] for values in found.values())


def test_spikformer_feeds_integers_to_its_blocks():
    kinds, found = measured("spikformer", depth=2)
    integers = {layer for layer, kind in kinds.items() if kind == "integer"}
    assert integers == {
        f"blocks.{block}.{layer}"
        for block in range(2)
        for layer in ("attention.q", "attention.k", "attention.v", "mlp.mlp1")
    }
    assert set(kinds.values()) == {"binary", "integer"}
    largest = {layer: max(i for i, n in enumerate(found[layer].integers) if n) for layer in kinds}
    assert largest["blocks.0.attention.q"] == 2  # features + position
    assert largest["blocks.1.mlp.mlp1"] > 2  # one more may come with every residual
    assert all(largest[layer] <= 2 + 2 * 2 for layer in kinds)


def test_sew_add_feeds_integers_behind_its_first_block():
    kinds, _ = measured("sew_add", depth=14)
    first = {layer for layer, kind in kinds.items() if layer.endswith(("convs.0", "shortcut"))}
    assert {layer for layer, kind in kinds.items() if kind == "integer"} == first - {
        "stages.0.0.convs.0"
    }
    assert set(kinds.values()) == {"binary", "integer"}


def test_ms_resnet_feeds_reals_to_its_shortcuts_alone():
    kinds, _ = measured("ms_resnet", depth=14)
    shortcuts = {layer for layer in kinds if layer.endswith("shortcut")}
    assert len(shortcuts) == 2
    assert {layer for layer, kind in kinds.items() if kind != "binary"} == shortcuts
    assert {kinds[layer] for layer in shortcuts} == {"real"}


def test_every_value_is_counted_once():
    values = Inputs()
    assert values.kind == "binary"
    values.add(torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
    assert (values.kind, values.integers[:3]) == ("binary", [3, 3, 0])
    values.add(torch.tensor([2.0, 1000.0]))
    assert (values.kind, values.integers[2], values.integers[LARGEST]) == ("integer", 1, 1)
    values.add(torch.tensor([0.5, -1.0, 99.5, -99.5]))
    assert values.kind == "real"
    assert sum(values.integers) == 8
    assert values.reals[0] == values.reals[-1] == 1  # beyond the reach
    assert sum(values.reals) == 4
    assert values.share == {"0": 3 / 12, "1": 3 / 12, "2..": 2 / 12, "others": 4 / 12}
    row = report({"a": values})["a"]
    assert (row["kind"], len(row["integers"]), sum(row["reals"])) == ("real", LARGEST + 1, 4)
    assert table({"a": values}).splitlines()[1].split() == [
        "a", "real", "0.2500", "0.2500", "0.1667", "0.3333",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "seen"),
    [("sn_fc_avgpool", "binary"), ("avgpool_sn_fc", "binary"), ("avgpool_fc", "real"),
     ("fc_avgpool", "real"), ("sn_avgpool_fc", "real")],
)  # fmt: skip
@torch.no_grad()
def test_what_a_head_sees(kind, seen):
    model = awake(dataclasses.replace(SMALL["spikingformer"], head=kind))
    images = pixels(model.config, 4)
    assert inputs(model, iter([images]))["head"].kind == seen
    stream = model.features(model.encoder(images, 3))
    product = torch.nn.functional.linear(head_input(model.head, stream), model.head.weight)
    while product.dim() > 2:
        product = product.mean(2 if product.dim() == 4 else 0)
    torch.testing.assert_close(product + model.head.bias, model.head(stream))


def test_command(tmp_path, data, capsys):
    config = dataclasses.replace(SMALL["sew_add"], height=28, width=28)
    torch.manual_seed(1)
    model = backbones.build(config)
    save_dense(tmp_path / "a.safetensors", model, {})
    print_inputs(tmp_path / "a.safetensors", 6, tmp_path / "out" / "inputs.json")
    lines = capsys.readouterr().out.splitlines()
    content = json.loads((tmp_path / "out" / "inputs.json").read_text())
    assert len(lines) == 1 + len(content["layers"])
    assert content["images"] == 6
    assert sum(content["layers"]["stages.0.0.convs.0"]["integers"]) == 3 * 6 * 28 * 28 * 8
    assert math.isclose(content["layers"]["stem"]["edges"][1], 8.0)
    save_dense(tmp_path / "b.safetensors", backbones.build(SMALL["sew_add"]), {})
    with pytest.raises(UserError, match=r"takes images of .*\(1, 8, 10\)"):
        print_inputs(tmp_path / "b.safetensors", 6, None)
