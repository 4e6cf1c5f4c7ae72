# SPDX-License-Identifier: Apache-2.0
"""`psf heads`: similarity of heads and weights of low rank, where the answer is known."""

import json

import pytest
import torch

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_network
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.studies import heads
from golden.lab.studies.head_similarity import (
    LAYOUTS,
    MEASURES,
    between_heads,
    centred,
    cosines,
    truncated,
)
from golden.lab.train.checkpoint import save_dense

SIZES = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 2}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


@pytest.mark.parametrize("name", MEASURES)
def test_identical_and_orthogonal_heads(name):
    spans = torch.linalg.qr(torch.randn(12, 8))[0]
    first, second = spans[:, :4] * 3, spans[:, 4:]
    assert MEASURES[name](first, first) == pytest.approx(1)
    assert MEASURES[name](first, second) == pytest.approx(0, abs=1e-6)
    assert between_heads([first, first, 2 * first], [name])[name] == pytest.approx(1)
    # four of the six ordered pairs of [first, second, first] are of orthogonal ones
    assert between_heads([first, second, first], [name])[name] == pytest.approx(1 / 3)


def test_what_tells_the_measures_apart():
    """The same channels in another order; the same span in another basis; a silent channel."""
    first = torch.eye(6)[:, :3]
    turned = first[:, [1, 2, 0]]
    assert MEASURES["same_channel"](first, turned) == 0
    assert MEASURES["best_channel"](first, turned) == MEASURES["cka"](first, turned) == 1
    mixed = first @ torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 0, 5]])
    assert MEASURES["subspace"](first, mixed) == pytest.approx(1)
    assert MEASURES["cka"](first, mixed) < 0.8
    silent = first * torch.tensor([1.0, 1, 0])
    assert MEASURES["best_channel"](silent, silent) == pytest.approx(2 / 3)
    assert MEASURES["cka"](silent * 0, first) == 0


def test_spikes_are_compared_as_phi():
    """Of spikes 1100 and 1010 nothing is shared beyond chance, of 1100 and 0011 the opposite."""
    spikes = torch.tensor([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]]).T
    table = cosines(centred(spikes[:, :1]), centred(spikes))
    assert table.flatten().tolist() == pytest.approx([1, 0, 1])


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_matrix_of_rank_r_is_itself_at_rank_r(name):
    layout, count, dim = LAYOUTS[name], 4, 16
    rank = 2
    parts = layout.cut([torch.zeros(dim, dim)] * 2, count)
    exact = [torch.randn(p.shape[0], rank) @ torch.randn(rank, p.shape[1]) for p in parts]
    weights = layout.join(exact, count, dim)
    assert [tuple(weight.shape) for weight in weights] == [(dim, dim)] * 2
    for one, same in zip(layout.cut(weights, count), exact, strict=True):
        assert torch.equal(one, same), "join is not the way back from cut"
    low, _ = layout.reduce(weights, count, rank)
    for weight, same in zip(low, weights, strict=True):
        torch.testing.assert_close(weight, same, atol=1e-4, rtol=1e-4)
    lower, _ = layout.reduce(weights, count, rank - 1)
    assert max(float((a - b).abs().max()) for a, b in zip(lower, weights, strict=True)) > 0.1


@pytest.mark.parametrize(
    "name, rank, stored",
    [("layer", 4, 2 * 4 * 32 / 512), ("head", 1, 8 * (4 + 16) / 512), ("head", 4, 1),
     ("q and k", 4, 4 * 48 / 512), ("across heads", 1, 2 * (4 + 64) / 512),
     ("layer", 8, 1), ("layer", 12, 1)],
)  # fmt: skip
def test_numbers_stored(name, rank, stored):
    """Two matrices of 16 x 16 in four heads; factors that would need more than W are not stored."""
    got = LAYOUTS[name].reduce([torch.randn(16, 16)] * 2, 4, rank)[1]
    assert got == pytest.approx(stored)
    assert LAYOUTS[name].full(16, 4) == {"layer": 16, "head": 4, "q and k": 16}.get(name, 4)


def test_truncated_is_the_nearest():
    matrix = torch.diag(torch.tensor([5.0, 3, 2, 1]))
    torch.testing.assert_close(truncated(matrix, 2), torch.diag(torch.tensor([5.0, 3, 0, 0])))


def network(bias=2.0, gain=1.0, **changes):
    model = backbones.build(NetworkConfig(**SIZES | changes)).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.bias.data.fill_(bias)  # so that the neurons fire
            module.weight.data.fill_(gain)
            module.running_var.uniform_(0.5, 2)
    return model


def test_low_rank_of_a_network():
    """At full rank nothing changes, and the answers are those of the network itself; the weights
    are put back between trials; low ranks and the codebook change some of them."""
    model = network(bias=1.0, gain=4.0, head="avgpool_fc")
    images = torch.randint(256, (8, 1, 28, 28)).byte()
    images[::2] //= 3
    images[:, :, :14] //= 2
    with torch.no_grad():
        answers = model(images.float() / 255).argmax(1)
    found = heads.low_rank(model, images, answers)
    assert found["accuracy"] == 1
    full = [point for point in found["points"] if point["bits"] == 8]
    assert {point["layout"] for point in full} == set(LAYOUTS)
    for point in full:
        whole = LAYOUTS[point["layout"]].full(16, 2)
        assert (point["accuracy"], point["rank"]) == (1, whole), point
    assert min(point["accuracy"] for point in found["points"]) < 1 and len(answers.unique()) > 1
    weights = model.blocks[0].attention.q.weight
    shares = [
        p.numel() for n, p in model.named_parameters() if n.endswith("weight") and p.dim() > 1
    ]
    assert found["share_of_weights"] == pytest.approx(2 * weights.numel() / sum(shares))


def test_spikes_and_weights_of_a_network():
    """Head 1 a copy of head 0: similarity 1 of weights and spikes; by chance it is not."""
    model = network()
    attention = model.blocks[0].attention
    for layer in (attention.q, attention.k):
        for values in (layer.weight, layer.norm.running_var, layer.norm.weight, layer.norm.bias):
            values.data[8:] = values.data[:8]
    images = torch.randint(256, (3, 1, 28, 28)).byte()
    parts = heads._float_parts(model, images)
    weight, spikes = parts["blocks.0.q"]
    torch.testing.assert_close(weight, attention.q.folded()[0])
    assert spikes.shape == (2 * 3 * 49, 16) and 0 < spikes.mean() < 1
    found = heads.similarity(parts, 2, seed=1)["blocks.0.q"]
    assert found["rate"] == pytest.approx(float(spikes.mean()))
    for of in ("weights", "spikes"):
        assert found[of]["cka"] == pytest.approx(1)
        assert found[f"{of}_by_chance"]["cka"] < 0.9
    assert found["weights"]["same_channel"] == pytest.approx(1)


def test_command(data, tmp_path, capsys):
    dense, quantised = tmp_path / "d.safetensors", tmp_path / "q.safetensors"
    save_dense(dense, network(), {})
    random_network(IntegerConfig(**SIZES), 1).save(quantised)
    arguments = ["--checkpoint", dense, "--checkpoint", quantised, "--reduce", dense,
                 "--images", 6, "--spikes", 3, "--out", tmp_path / "h.json"]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(["heads", *map(str, arguments)])
    assert not ended.value.code
    told = json.loads((tmp_path / "h.json").read_text())
    assert list(told["similarity"]) == [str(dense), str(quantised)]
    assert set(told["similarity"][str(quantised)]) == {"blocks.0.q", "blocks.0.k"}
    assert told["low_rank"]["images"] == 6 and told["low_rank"]["points"]
    assert "across heads" in capsys.readouterr().out


def test_mistakes():
    with pytest.raises(UserError, match="one head"):
        heads.similarity({}, 1, 1)
    resnet = NetworkConfig(**SIZES | {"depth": 18, "dim": 64}, backbone="ms_resnet")
    with pytest.raises(UserError, match="no Q and K"):
        heads.low_rank(backbones.build(resnet), torch.zeros(1, 1, 28, 28).byte(), torch.zeros(1))
