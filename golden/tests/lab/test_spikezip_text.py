# SPDX-License-Identifier: Apache-2.0
"""SpikeZIP-TF of text: the spiking network equals the quantised text encoder with 0 difference, and
padding changes nothing at any timestep. test_spikezip.py says why equality and not a tolerance.

Each test prints its seed; SEED=<n> repeats one.
"""

import os
import random

import pytest
import torch
from spikingjelly.activation_based.ann2snn.recipes.spikezip_qann import (
    SpikeZIPEmbedding,
    SpikeZIPRobertaSelfAttention,
)
from torch import nn

from golden.contract.energy.paper_row import totals
from golden.contract.errors import UserError
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.curve import measure
from golden.lab.spikezip.equivalence import compare
from golden.lab.spikezip.quantised_transformer import freeze
from golden.lab.spikezip.samples import samples_of
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.to_spiking import convert, exact_bits, present
from golden.lab.spikezip.vocabulary import PAD, START, UNKNOWN, Vocabulary
from golden.lab.studies import spikezip_rows

WORDS = Vocabulary([f"word{i}" for i in range(30)])
COMMITTED = sorted((spikezip_checkpoint.FOLDER / "text").glob("*.safetensors"))


@pytest.fixture
def seed():
    number = int(os.environ.get("SEED") or random.randrange(2**31))
    print(f"SEED={number}")
    torch.manual_seed(number)
    return number


def network(**sizes):
    """A frozen network with random weights, step sizes set by one batch of noise."""
    chosen = {"dim": 16, "depth": 2, "heads": 4, "level": 8, "length": 10} | sizes
    model = QuantTextEncoder(TextConfig(**chosen), WORDS).train()
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
        if isinstance(module, nn.Embedding):  # PAD, too: a mask alone must keep it out
            nn.init.normal_(module.weight)
    model(sentences(16, model.config.length))
    return freeze(model)


def sentences(count, length):
    """Token numbers (count, length) of every length from START alone to all of them."""
    tokens = torch.randint(UNKNOWN, len(WORDS), (count, length))
    tokens[:, 0] = START
    lengths = torch.arange(count) % length + 1
    return tokens.masked_fill(torch.arange(length) >= lengths[:, None], PAD)


@pytest.mark.parametrize(
    "sizes",
    [{}, {"level": 16}, {"level": 4, "depth": 1, "heads": 1, "length": 7, "classes": 3}],
    ids=str,
)
def test_network_equals_ann_with_0_difference(seed, sizes):
    ann = network(**sizes)
    found = compare(ann, convert(ann), sentences(12, ann.config.length))
    assert found.quiet, f"still firing after {found.timesteps} steps"
    wrong = [row for row in found.modules if row.different]
    assert not wrong, wrong
    spoken = [row for row in found.modules if row.what == "levels" and row.last_spike]
    assert len(spoken) >= 0.9 * len(ann.quantisers()), "a silent network would pass"
    compared = {row.name for row in found.modules}
    assert {"word", "position", "blocks.0.attention.softmax", "blocks.0.norm2.1"} <= compared


def test_sums_fit_float64_with_room(seed):
    assert 20 < exact_bits(network()) <= 53


def test_padding_changes_no_answer(seed):
    """Of the ANN, and of the spiking network at every step: it could be left out."""
    ann = network()
    tokens = sentences(10, 10)
    assert {int((row != PAD).sum()) for row in tokens} == set(range(1, 11))
    snn, wholes = convert(ann), ann.answer(tokens)
    padded = [logits for logits, _ in zip(present(snn, tokens), range(40), strict=False)]
    assert any(logits.any() for logits in padded)
    seen = []
    for index, part in ann.batches(tokens, 4):
        assert PAD not in part
        assert torch.equal(ann.answer(part), wholes[index])
        for step, logits in zip(range(40), present(snn, part), strict=False):
            assert torch.equal(logits, padded[step][index]), (index, step)
        seen += index.tolist()
    assert sorted(seen) == list(range(10))


def test_mask_holds_at_every_timestep(seed):
    """No share of any attention falls on PAD, now or summed; other tokens get all of it."""
    ann = network()
    tokens = sentences(10, 10)
    snn, sums = convert(ann), {}

    def add(name, made):
        sums[name] = sums.get(name, 0) + made

    for name, module in snn.named_modules():
        if isinstance(module, SpikeZIPRobertaSelfAttention):
            module.softmax.register_forward_hook(lambda _m, _i, out, name=name: add(name, out))
    there = (tokens != PAD)[:, None, None].expand(-1, 4, 10, -1)
    for _, _logits in zip(range(30), present(snn, tokens), strict=False):
        assert len(sums) == 2
        for total in sums.values():
            assert not total[~there].any()
            assert (total.sum(-1) - 1).abs().max() < 10 * 2.0**-16
        for block in snn.blocks:
            assert not block.attention.attn_if.acc_q[~there].any()
    counts = [block.attention.attn_if.acc_q for block in snn.blocks]
    assert all(count.any() for count in counts), "a silent attention would pass"


class Maskless(nn.Module):
    """An attention that does not hear of the mask."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, attention_mask):
        return self.inner(x, attention_mask=torch.zeros_like(attention_mask))

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)


class Forgetful(SpikeZIPRobertaSelfAttention):
    """Adds the mask at every step, so that its sum grows."""

    def single_step_functional_forward(self, inputs, states, **kwargs):
        out, _ = super().single_step_functional_forward(inputs, (0,), **kwargs)
        return out, (0,)


def without_mask(ann, snn):
    snn.blocks[0].attention = Maskless(snn.blocks[0].attention)


def with_mask_again(ann, snn):
    """-MASK grows, but nothing is left to grow less: only a mask that is not there at t = 0 or
    that is taken back shows. It is taken back here."""
    attention = snn.blocks[0].attention
    attention.register_forward_pre_hook(late_mask, with_kwargs=True)


def late_mask(module, given, named):
    return given, named | {"attention_mask": named["attention_mask"] * 2.0**-14}


def with_lasting_words(ann, snn):
    """An embedding that arrives at every step, not at t = 0 alone."""
    assert isinstance(snn.word, SpikeZIPEmbedding)
    snn.word = snn.word.embedding


def without_cross_term(ann, snn):
    pass


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (without_mask, "blocks.0.attention.softmax"),
        (with_mask_again, "blocks.0.attention.softmax"),
        (with_lasting_words, "norm.0"),
    ],
)
def test_broken_network_is_noticed(seed, broken, place):
    ann = network()
    snn, tokens = convert(ann), sentences(10, 10)
    assert compare(ann, snn, tokens).different == 0
    broken(ann, snn)
    found = compare(ann, snn, tokens)
    assert [row for row in found.modules if row.name == place and row.different]
