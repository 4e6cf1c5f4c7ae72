# SPDX-License-Identifier: Apache-2.0
"""SpikeZIP-TF: the spiking network equals the quantised ANN with 0 difference, layer by layer.

Why equality and not a tolerance: every value is an integer times a power of two, and all sums fit
float64 (golden.lab.spikezip.to_spiking says why, exact_bits computes how many bits). The spikes are
counted and compared with the quantiser's integers; sums over time are compared bit for bit.
Each test prints its seed; SEED=<n> repeats one.
"""

import pytest
import torch
from spikingjelly.activation_based.ann2snn.recipes.spikezip_qann import SpikeZIPLinear
from spikingjelly.activation_based.neuron import STBIFNode
from torch import nn

from golden.contract.errors import UserError
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.curve import measure
from golden.lab.spikezip.equivalence import compare
from golden.lab.spikezip.functions import SpikeFunction
from golden.lab.spikezip.quantised_transformer import freeze
from golden.lab.spikezip.quantiser import Quantiser
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.to_spiking import convert, exact_bits, neuron_name, present, reset
from golden.lab.spikezip.vit import QuantViT
from golden.lab.train.checkpoint import read_facts
from golden.lab.train.source import split_tensors

COMMITTED = sorted(spikezip_checkpoint.FOLDER.glob("*.safetensors"))


def network(level=8, **sizes):
    """A frozen network with random weights, step sizes set by one batch of noise."""
    config = VitConfig(**{"patch": 7, "dim": 16, "depth": 2, "heads": 4, "level": level} | sizes)
    model = QuantViT(config).train()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
    model(noise(16, config).float() / 255)
    return freeze(model)


def noise(count, config):
    return torch.randint(256, (count, config.in_channels, config.size, config.size)).byte()


@pytest.mark.parametrize(
    "sizes",
    [{"level": 8}, {"level": 16}, {"level": 4, "depth": 1, "in_channels": 3, "size": 14}],
    ids=str,
)
def test_network_equals_ann_with_0_difference(seed, sizes):
    ann = network(**sizes)
    found = compare(ann, convert(ann), noise(5, ann.config))
    assert found.quiet, f"still firing after {found.timesteps} steps"
    wrong = [row for row in found.modules if row.different]
    assert not wrong, wrong
    spoken = [row for row in found.modules if row.what == "levels" and row.last_spike]
    assert len(spoken) >= 0.9 * len(ann.quantisers()), "a silent network would pass"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_trained_network_equals_ann_with_0_difference(path):
    ann = spikezip_checkpoint.load(path)
    images, labels = split_tensors("test", 20)
    found = compare(ann, convert(ann), images)
    assert found.quiet and found.different == 0, [row for row in found.modules if row.different]
    assert exact_bits(ann) <= 53
    right = (ann(images.double() / 255).argmax(1) == labels).double().mean()
    assert right > 0.6, "the checkpoint is not trained"


def test_two_bit_widths_are_committed():
    told = [read_facts(path) for path in COMMITTED]
    assert len({facts["bits"] for facts in told}) >= 2
    assert all(facts["command"] and facts["accuracy"] > 0.8 for facts in told)


def test_sums_lie_within_the_bits_that_were_promised(seed):
    ann = network()
    snn, values = convert(ann), []
    for module in snn.modules():
        if isinstance(module, STBIFNode | SpikeZIPLinear):
            module.register_forward_hook(lambda _m, given, out: values.extend([given[0], out]))
    for _, _logits in zip(range(30), present(snn, noise(2, ann.config)), strict=False):
        pass
    digits = torch.cat([value.flatten() for value in values]) * 2.0**45
    assert torch.equal(digits, digits.round()), "finer than 2^-45"
    digits = digits[digits != 0].long()
    used = digits.abs().max().double().log2() - (digits & -digits).min().double().log2() + 1
    assert 10 < used <= exact_bits(ann) <= 53


def test_network_beyond_53_bits_is_refused(seed):
    ann = network()
    ann.norm[1].log_step -= 25
    with pytest.raises(UserError, match="float64 holds 53"):
        convert(ann)


class NoNegativeSpikes(STBIFNode):
    def single_step_functional_forward(self, inputs, states, **kwargs):
        (out,), (q, acc, spike) = super().single_step_functional_forward(inputs, states, **kwargs)
        lost = (spike < 0).to(q)
        return (out.clamp(min=0),), (q - lost, acc + lost, spike.clamp(min=0))


class StartsAtZero(STBIFNode):
    def materialize_states(self, inputs, states, step_mode):
        fresh = states[0] is None
        q, acc, spike = super().materialize_states(inputs, states, step_mode)
        return (q - 0.5 if fresh else q), acc, spike


class Unbounded(STBIFNode):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pos_max.fill_(1e6)


@pytest.mark.parametrize("kind", [NoNegativeSpikes, StartsAtZero, Unbounded])
@pytest.mark.parametrize("place", ["patch_embed.proj.1", "blocks.0.attn.quan_k", "norm.1"])
def test_broken_neuron_is_noticed(seed, kind, place):
    ann = network()
    ann.get_submodule(place).log_step -= 2  # some values then lie beyond the bounds
    snn = convert(ann)
    assert compare(ann, snn, noise(5, ann.config)).different == 0
    snn.set_submodule(neuron_name(place), kind.from_quantizer(ann.get_submodule(place)))
    found = compare(ann, snn, noise(5, ann.config))
    assert [r for r in found.modules if r.name == place and r.what == "levels" and r.different]


def test_missing_cross_term_is_noticed(seed, monkeypatch):
    """S1 x2 + x1 S2 without - x1 x2."""
    from spikingjelly.activation_based.ann2snn.recipes import spikezip_qann

    def wrong(a, b, a_sum, b_sum, transpose_b=False):
        if transpose_b:
            b, b_sum = b.transpose(-1, -2), b_sum.transpose(-1, -2)
        return a_sum @ b + a @ b_sum

    monkeypatch.setattr(spikezip_qann, "_matmul_delta", wrong)
    ann = network()
    found = compare(ann, convert(ann), noise(5, ann.config))
    assert any(row.different for row in found.modules if row.name == "blocks.0.attn.softmax")


def test_batch_1_equals_batch_6_at_every_step(seed):
    """No state leaks across samples, nor from one presentation to the next."""
    ann = network()
    snn, images = convert(ann), noise(6, ann.config)
    whole = [logits for logits, _ in zip(present(snn, images), range(12), strict=False)]
    assert any(logits.any() for logits in whole)
    for index in range(6):
        one = present(snn, images[index : index + 1])
        for step, logits in enumerate(whole):
            assert torch.equal(next(one)[0], logits[index]), (index, step)


def test_agreement_reaches_1(seed):
    ann = network(level=8)
    images = noise(30, ann.config)
    labels = torch.randint(10, (30,))
    found = measure(ann, convert(ann), images, labels, 60, "")
    assert found["agreement"][-1] == 1.0 and found["accuracy"][-1] == found["ann_accuracy"]
    assert found["firing_rate"][0] > 0 and found["firing_rate"][-1] == 0
    assert 4 < found["steps_with_spikes"] < 60 and 0 < found["negative_share"][0] < 1


# every operator alone


def dyadic(*shape, bits=6):
    return torch.randint(-(2**9), 2**9, shape).double() / 2**bits


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("level", [4, 8, 16])
def test_neuron_counts_to_the_quantisers_integer(seed, level, sym):
    """Inputs spread over 6 steps, ties and values beyond both bounds among them."""
    quantiser = Quantiser(level, sym).eval().requires_grad_(False)
    quantiser.log_step.fill_(-1.3)
    s = float(quantiser.s)
    assert s == 0.5
    ties = (torch.arange(-2 * level, 2 * level) + 0.5).double() * s
    x = torch.cat((ties, ties - 0.5 * s, ties + 2.0**-20, ties - 2.0**-20, dyadic(500)))
    parts = dyadic(5, len(x))
    parts = torch.cat((parts, (x - parts.sum(0))[None]))
    neuron, output = STBIFNode.from_quantizer(quantiser), torch.zeros_like(x)
    for t in range(6 + 2 * level):
        spikes = neuron(parts[t] if t < 6 else torch.zeros_like(x))
        assert torch.all((spikes == 0) | (spikes.abs() == s))
        output += spikes
    levels = (torch.floor(x / s + 0.5)).clamp(quantiser.neg_min, quantiser.pos_max)
    assert torch.equal(neuron.acc_q.long(), levels.long())
    assert torch.equal(output, quantiser(x)) and torch.equal(output, levels * s)
    assert {int(levels.min()), int(levels.max())} == {quantiser.neg_min, quantiser.pos_max}


@pytest.mark.parametrize("kind", ["norm1.0", "attn.softmax"])
def test_function_of_the_running_sum(seed, kind):
    """At every step, not only the last: the sum of the differences is f of the running sum."""
    function = network().blocks[0].get_submodule(kind)
    spiking, total = SpikeFunction(function), 0
    x = dyadic(9, 3, 5, 16) / 8
    for t in range(9):
        total = total + spiking(x[t])
        assert torch.equal(total, function(x[: t + 1].sum(0))), t
    assert total.any()


@pytest.mark.parametrize("bias_steps", [1, 8])
def test_linear_releases_its_bias_once(seed, bias_steps):
    source = nn.Linear(12, 7).double()
    with torch.no_grad():
        source.weight.copy_(dyadic(7, 12))
        source.bias.copy_(dyadic(7))
        spiking = SpikeZIPLinear(source, level=8, bias_steps=bias_steps)
        x = dyadic(10, 4, 12)
        assert torch.equal(sum(spiking(part) for part in x), source(x.sum(0)))


def test_attention_alone(seed):
    """From one set of spikes to the next, through both products, Spike-Softmax and the neurons."""
    ann = network()
    attention, snn = ann.blocks[1].attn, convert(ann)
    reset(snn)
    spiking, level = snn.blocks[1].attn, ann.config.level
    x = torch.randint(-1, 2, (level, 2, 17, 16)).double()
    zero = torch.zeros_like(x[0])
    with torch.no_grad():
        total = sum(spiking(x[t] if t < level else zero) for t in range(10 * level))
        expected = attention(x.sum(0))
    assert expected.any() and torch.equal(total, expected)
