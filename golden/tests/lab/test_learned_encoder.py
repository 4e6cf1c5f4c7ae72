# SPDX-License-Identifier: Apache-2.0
"""The learned encoder, the price on its spikes, and the count of what encoders cost."""

import dataclasses
import json

import pytest
import torch
from spikingjelly.activation_based import neuron

from golden.contract.errors import UserError
from golden.lab.networks import backbones, encoders
from golden.lab.networks.encoders.learned import Learned, RatePenalty
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.convert import convert
from golden.lab.studies.encoder_table import compare, measure
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.lab.train.evaluate import firing_rates
from golden.lab.train.loop import fit
from golden.lab.train.training_config import TrainConfig

SMALL = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=3, encoder="learned", encoder_channels=2,
    pooled_stages=(1, 2),
)  # fmt: skip


def pixels(shape, seed=7):
    print(f"SEED={seed}")
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


def model_of(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return backbones.build(config)


def adapt(model, images):
    """BatchNorm statistics of these images, so that something fires in evaluation."""
    for module in model.train().modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = 1.0
    model(images.float() / 255)


def test_is_a_linear_layer_and_a_lif_per_pixel():
    encoder = Learned(dataclasses.replace(SMALL, in_channels=3)).double()
    generator = torch.Generator().manual_seed(0)
    torch.nn.init.uniform_(encoder.weight, -1.0, 1.0, generator=generator)
    x = pixels((4, 3, 5, 6)).double() / 255
    spikes = encoder(x, 6)
    lif = neuron.LIFNode(tau=2.0, v_threshold=1.0, v_reset=0.0, step_mode="m").eval()
    for channel in range(2):
        current = sum(encoder.weight[channel, c] * x[:, c] for c in range(3))
        expected = lif((current + encoder.bias[channel]).expand(6, -1, -1, -1))
        lif.reset()
        assert torch.equal(spikes[:, :, channel], expected)
    assert 0.05 < spikes.mean() < 0.95


@pytest.mark.parametrize("tau", [2.0, 4.0, float("inf")])
def test_membranes_start_charged_by_place(tau):
    config = dataclasses.replace(SMALL, encoder_charge=0.9, encoder_channels=1, tau=tau)
    encoder = Learned(config).double()
    if tau == float("inf"):
        lif = neuron.IFNode(v_threshold=1.0, v_reset=0.0, step_mode="m").eval()
    else:
        lif = neuron.LIFNode(tau=tau, v_threshold=1.0, v_reset=0.0, step_mode="m").eval()
    levels = torch.arange(256, dtype=torch.float64) / 255
    images = levels.view(256, 1, 1, 1).expand(-1, 1, 3, 5)  # odd sizes: the pattern is cut off
    spikes = encoder(images, 4)
    for y in range(3):
        for x in range(5):
            lif.v = torch.full_like(levels, 0.9 * [[0.0, 0.5], [0.75, 0.25]][y % 2][x % 2])
            current = encoder.weight[0, 0] * levels + encoder.bias[0]
            assert torch.equal(spikes[:, :, 0, y, x], lif(current.expand(4, -1))), (y, x)
            lif.reset()
    if tau == 2.0:
        trains = {tuple(train) for train in spikes[:, 80, 0, :2, :2].flatten(1).T.tolist()}
        assert len(trains) > 1 and not spikes[:, 0].any(), "black is silent, a grey is spread"


@pytest.mark.parametrize("charge", [-0.1, 1.01])
def test_charges_beyond_a_threshold_are_refused(charge):
    with pytest.raises(
        UserError, match=r"network.encoder_charge is .* must be a number from 0 to 1"
    ):
        dataclasses.replace(SMALL, encoder_charge=charge)


def test_pixels_of_uint8_give_exact_thresholds():
    """b = 1 and w = 85 / 255: the current is 4 / 3 from level 255 on, 8 / 7 from level 110 on."""
    encoder = Learned(dataclasses.replace(SMALL, encoder_channels=1))
    with torch.no_grad():
        encoder.weight.fill_(1 / 3)
        encoder.bias.fill_(1.0)
    levels = torch.arange(256, dtype=torch.float64).view(1, 1, 16, 16) / 255
    trains = encoder.double()(levels, 4).flatten(1).T.tolist()
    first = {level: train.index(1.0) for level, train in enumerate(trains) if any(train)}
    assert min(first) == 51  # 1 + 51 / 765 = 16 / 15
    assert first[109] == 3 and first[110] == 2
    assert all(sum(train) <= 1 for train in trains[:255])
    # Float32 and bfloat16 autocast decide alike, away from equality.
    encoder = encoder.float()
    with torch.no_grad():
        encoder.bias.fill_(1.0001)
    single = encoder(levels.float(), 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder(levels.float(), 4), single)


def test_starts_sparse_and_brighter_fires_more():
    for channels in (1, 2, 4):
        encoder = Learned(dataclasses.replace(SMALL, encoder_channels=channels))
        assert encoder.weight.shape == (channels, 1)
        counts = encoder(torch.arange(256).view(1, 1, 16, 16) / 255, 4).sum(0)[0].flatten(1)
        assert (counts.diff(dim=1) >= 0).all()
        assert (counts[:, 0] == 0).all()
        assert (counts[:, -1] > 0).all()
        assert 0.02 < counts.mean() / 4 < 0.5


def test_gradients_reach_the_encoder():
    model = model_of().train()
    model(pixels((8, 1, 28, 28)).float() / 255).square().sum().backward()
    for parameter in (model.encoder.weight, model.encoder.bias):
        assert (parameter.grad.abs() > 0).all()
    assert model.tokenizer.stages[0].weight.shape == (2, 2, 3, 3)


def test_any_timesteps_and_frames():
    model = model_of()
    adapt(model, pixels((2, 1, 28, 28)))
    model.eval()
    images = pixels((2, 1, 28, 28)).float() / 255
    assert not torch.equal(model(images, 1), model(images, 6))
    frames = encoders.encode(model.encoder, images, 3)
    torch.testing.assert_close(model(frames), model(images))


def test_penalty_is_the_price_of_the_rate():
    model = model_of()
    images = pixels((4, 1, 28, 28)).float() / 255
    penalty = RatePenalty(model, TrainConfig(encoder_penalty=3.0, encoder_rate=0.05))
    model(images)
    rate = float(model.encoder(images, 3).detach().mean())
    value = penalty()
    assert rate > 0.06
    assert float(value.detach()) == pytest.approx(3.0 * (rate - 0.05))
    value.backward()
    assert (model.encoder.weight.grad > 0).all()  # less weight, fewer spikes
    model(images)
    generous = RatePenalty(model, TrainConfig(encoder_penalty=3.0, encoder_rate=0.9))
    model(images)
    assert float(generous()) == 0.0
    assert RatePenalty(model, TrainConfig())() == 0.0


def test_penalty_prices_a_folded_encoder():
    """Fine-tuning with integers goes on at the same price."""
    model = model_of()
    images = pixels((8, 1, 28, 28))
    adapt(model, images)
    model.eval()
    convert(model, 8)
    penalty = RatePenalty(model, TrainConfig(encoder_penalty=2.0))
    model(images.float() / 255)
    rate = float(model.encoder(images.float() / 255, 3).detach().mean())
    value = penalty()
    assert rate > 0.05 and float(value.detach()) == pytest.approx(2.0 * rate)
    value.backward()
    assert (model.encoder.source.weight.grad > 0).all()


def test_penalty_mistakes():
    direct = model_of(dataclasses.replace(SMALL, encoder="direct"))
    with pytest.raises(UserError, match=r"set it to 'learned' or drop the penalty"):
        RatePenalty(direct, TrainConfig(encoder_penalty=1.0))
    with pytest.raises(UserError, match="it must be a number from 0"):
        RatePenalty(model_of(), TrainConfig(encoder_penalty=-1.0))


def test_training_with_a_price_makes_it_silent(data, tmp_path, monkeypatch):
    monkeypatch.setattr("golden.lab.train.loop.ENCODER_RATE", 1.0)  # few steps
    quick = TrainConfig(epochs=2, batch_size=8, monitor_images=8, precision="float32",
                        learning_rate=0.1)  # fmt: skip
    images = pixels((8, 1, 28, 28))
    rates = {}
    for price in (0.0, 20.0):
        model = model_of()
        config = dataclasses.replace(quick, encoder_penalty=price)
        fit(model, config, tmp_path / str(price))
        rates[price] = firing_rates(model, images)["encoder.lif"]
    print(rates)
    assert rates[20.0] < 0.7 * rates[0.0]
    path = tmp_path / "learned.safetensors"
    save_dense(path, model, {})
    again = load_dense(path).eval()
    x = images.float() / 255
    assert torch.equal(again(x), model.eval()(x))


def by_hand(model, x):
    """SOPs per image of every layer of SMALL, counted synapse by synapse on the spikes seen."""
    seen = {}
    for name, module in model.named_modules():
        if name:
            module.register_forward_hook(lambda _m, i, o, n=name: seen.__setitem__(n, (i[0], o)))
    model(x)
    out = {}
    for stage in range(5):
        spikes = seen[f"tokenizer.stages.{stage}"][0]  # (T * B, H, W, I)
        outputs = model.tokenizer.stages[stage].weight.shape[0]
        out[f"tokenizer.stages.{stage}"] = float((spikes != 0).sum()) * 9 * outputs
    linear = {"q": 16, "k": 16, "v": 16, "proj": 16}
    for part, outputs in linear.items():
        spikes = seen[f"blocks.0.attention.{part}"][0]
        out[f"blocks.0.attention.{part}"] = float((spikes != 0).sum()) * outputs
    for part, outputs in {"mlp1": 64, "mlp2": 16}.items():
        spikes = seen[f"blocks.0.mlp.{part}"][0]
        out[f"blocks.0.mlp.{part}"] = float((spikes != 0).sum()) * outputs
    k, q, v = (float((seen[f"blocks.0.attention.lif_{part}"][1] != 0).sum()) for part in "kqv")
    out["blocks.0.attention.product1"] = min(k, v) * 8  # K^T V, then Q (K^T V)
    out["blocks.0.attention.product2"] = q * 8
    out["head"] = float((seen["head.lif"][1] != 0).sum()) * 10
    return {name: total / len(x) for name, total in out.items()}


@pytest.mark.parametrize("encoder", ["direct", "rate", "learned"])
def test_costs_are_those_counted_by_hand(encoder):
    model = model_of(dataclasses.replace(SMALL, encoder=encoder)).train()
    images = pixels((6, 1, 28, 28))
    adapt(model, images)
    model.eval()
    costs = measure(model, images, torch.zeros(6, dtype=torch.int64), batch_size=4)
    expected = by_hand(model, images.float() / 255)
    bits = sum(bin(value).count("1") for value in images.flatten().tolist()) / 6
    first = expected["tokenizer.stages.0"]
    if encoder == "direct":
        del expected["tokenizer.stages.0"]
        mac, sop, additions = 28 * 28 * 9 * 2, 0, bits * 18
        assert costs.input_rate is None
    else:
        mac, sop = (28 * 28 * 2 if encoder == "learned" else 0), first
        additions = first + (bits * 2 if encoder == "learned" else 0)
        synapses = 28 * 28 * model.encoder.channels * 9 * 2
        assert first == pytest.approx(costs.input_rate * 3 * synapses)
    assert costs.sops == pytest.approx(expected)
    assert (costs.input_macs, costs.input_sops) == pytest.approx((mac, sop))
    assert costs.input_additions == pytest.approx(additions)
    assert costs.total_sops == pytest.approx(sum(expected.values()))
    assert costs.total_energy == pytest.approx((4.6 * mac + 0.9 * sum(expected.values())) * 1e-6)
    assert costs.total_sops > 0 and costs.images == 6


def test_the_table_is_written(data, tmp_path, capsys):
    for name in ("direct", "learned"):
        tiny = dataclasses.replace(SMALL, encoder=name, timesteps=1, mlp_ratio=1)
        model = model_of(tiny)
        facts = {"command": "test", "seed": 4, "minutes": 0.1}
        save_dense(tmp_path / f"encoder_{name}.safetensors", model, facts)
    out = tmp_path / "reports/encoders.json"
    facts = compare(tmp_path, [out])
    assert json.loads(out.read_text()) == facts
    assert facts["encoders"]["learned"]["training_seed"] == 4
    assert 0 <= facts["encoders"]["direct"]["accuracy"] <= 1
    assert list(facts["encoders"]) == ["direct", "learned"]
    assert "rank" in facts["not_trained"] and len(facts["not_trained"]) == 9
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 11 + 1
    ours, direct = facts["encoders"]["learned"], facts["encoders"]["direct"]
    against = facts["learned_against"]["direct"]
    assert against["input_operations"] == pytest.approx(
        (ours["input_macs"] + ours["input_sops"]) / direct["input_macs"] - 1
    )
    assert against["accuracy_points"] == 100 * (ours["accuracy"] - direct["accuracy"])
    assert "rank           not trained: psf train --config" in "\n".join(lines)
    with pytest.raises(UserError, match=r"has no checkpoint; begin with `psf train"):
        compare(tmp_path / "empty", [out])
