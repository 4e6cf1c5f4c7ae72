# SPDX-License-Identifier: Apache-2.0
"""SpikeZIP-TF of text: the spiking network equals the quantised text encoder with 0 difference, and
padding changes nothing at any timestep. test_spikezip.py says why equality and not a tolerance.

Each test prints its seed; SEED=<n> repeats one.
"""

import pytest
import torch
from spikingjelly.activation_based.ann2snn.recipes.spikezip_qann import (
    SpikeZIPEmbedding,
    SpikeZIPRobertaSelfAttention,
)
from torch import nn

from golden.contract.energy.paper_row import totals
from golden.contract.errors import UserError
from golden.lab.data import mr
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
from golden.lab.train.checkpoint import read_facts

WORDS = Vocabulary([f"word{i}" for i in range(30)])
COMMITTED = sorted((spikezip_checkpoint.FOLDER / "text").glob("*.safetensors"))


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


def without_mask(snn, tokens):
    """The attention does not hear of the mask."""
    snn.blocks[0].attention.register_forward_pre_hook(
        lambda _m, given, named: (given, {"attention_mask": 0 * named["attention_mask"]}),
        with_kwargs=True,
    )


def with_mask_at_first(snn, tokens):
    """The mask is there at t = 0 and taken off again behind it."""
    mask, calls = snn.mask(tokens), []

    def take_off(_module, given):
        calls.append(1)
        return given[0] - mask if len(calls) == 2 else given

    snn.blocks[0].attention.softmax.register_forward_pre_hook(take_off)


def with_lasting_words(snn, tokens):
    """The words arrive at every step, not at t = 0 alone."""
    assert isinstance(snn.word, SpikeZIPEmbedding)
    snn.word = snn.word.embedding


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (without_mask, "blocks.0.attention.softmax"),
        (with_mask_at_first, "blocks.0.attention.softmax"),
        (with_lasting_words, "norm.0"),
    ],
)
def test_broken_network_is_noticed(seed, broken, place):
    ann = network()
    snn, tokens = convert(ann), sentences(10, 10)
    assert compare(ann, snn, tokens).different == 0
    broken(snn, tokens)
    found = compare(ann, snn, tokens)
    assert [row for row in found.modules if row.name == place and row.different]


def test_mask_that_scores_could_reach_is_refused(seed):
    ann = network()
    ann.blocks[1].attention.query_quan.log_step.add_(12)
    with pytest.raises(UserError, match="the mask of padding takes 16384 off") as error:
        convert(ann)
    assert "\n" not in str(error.value)


def test_agreement_reaches_1(seed):
    """Over sentences of all lengths; neurons are counted without those of padding."""
    ann = network()
    tokens = sentences(20, 10)
    found = measure(ann, convert(ann), tokens, torch.randint(2, (20,)), 60, "")
    assert found["agreement"][-1] == 1.0 and found["accuracy"][-1] == found["ann_accuracy"]
    assert found["firing_rate"][0] > 0 and found["firing_rate"][-1] == 0
    tokens_of_mean = 5.5
    per_token = 16 + 2 * (5 * 16 + 16 + 32 + 16 + 2 * 16 - 16)  # norm; q k v, output ... of blocks
    shares = 2 * 4 * sum(n * n for n in range(1, 11)) / 10
    assert found["neurons"] == round(tokens_of_mean * per_token + shares)
    assert found["test_sentences"] == 20


@pytest.mark.parametrize("timesteps", [0, 6])
def test_energy(seed, timesteps):
    """Every spike of either sign costs the outputs of the layer that it enters, nothing is a MAC;
    counted on the outputs of the neurons, sentence by sentence, without padding."""
    ann = network(level=4, depth=1, heads=2, dim=8, length=6)
    tokens = sentences(6, 6)
    rows = {row.name: row for row in spikezip_rows.measure(ann, tokens, timesteps)}
    expected, limit = {}, timesteps or 30
    for sentence in tokens:
        sentence = sentence[sentence != PAD][None]
        snn, length = convert(ann), sentence.shape[1]
        block = snn.blocks[0]
        attention = block.attention
        fans = {  # by layer: the neuron whose spikes enter, and outputs of one
            "blocks.0.attention.query": (snn.norm[1], 8),
            "blocks.0.attention.product1": (attention.key_if, length),  # S_q k
            "blocks.0.attention.product2": (attention.query_if, length),  # q S_k
            "blocks.0.attention.product4": (attention.value_if, length),  # S_a v
            "blocks.0.attention.product5": (attention.attn_if, 4),  # a S_v
            "blocks.0.output.0": (attention.after_attn_if, 8),
            "blocks.0.mlp.0": (block.norm1[1], 16),
            "blocks.0.mlp.2": (block.mlp[1], 8),
        }
        for _, _logits in zip(range(limit), present(snn, sentence), strict=False):
            for name, (neuron, fan) in fans.items():
                count = fan * neuron.cur_output.count_nonzero().item() / 6
                expected[name] = expected.get(name, 0) + count
            count = 2 * block.norm2[1].cur_output[:, 0].count_nonzero().item() / 6
            expected["head"] = expected.get("head", 0) + count
    assert all(expected.values()), "a silent network would pass"
    for name, count in expected.items():
        assert rows[name].operations == pytest.approx(count), name
    sums = totals(rows.values())
    assert sums["mac"] == 0 and sums["energy_pj"] == pytest.approx(0.9 * sums["ac"])
    assert sums["ac"] > sum(expected.values())  # key, value, and the products of both at once


def test_what_is_written_is_read(seed, tmp_path):
    """The words are in the file; the answers are the same to the last bit."""
    ann, path = network(), tmp_path / "text.safetensors"
    spikezip_checkpoint.save(path, ann, {})
    found = spikezip_checkpoint.load(path)
    tokens = sentences(10, 10)
    assert torch.equal(found.answer(tokens), ann.answer(tokens))
    assert found.vocabulary.words == WORDS.words and found.config == ann.config


def test_vocabulary():
    """Most frequent first, then by the alphabet; what is rare, new or too long is not known."""
    lines = ["b a c", "a b", "d a \u00e9 \u00e9"]
    words = Vocabulary.of([line.split() for line in lines], most=3, least_often=2)
    assert words.words == ("a", "b", "\u00e9") and len(words) == 6
    assert Vocabulary.of([line.split() for line in lines], 2, 1).words == ("a", "b")
    tokens = words.encode([["\u00e9", "b", "zebra"], [], ["a"] * 9], 4)
    assert tokens.tolist() == [
        [START, 5, 4, UNKNOWN], [START, PAD, PAD, PAD], [START, 3, 3, 3],
    ]  # fmt: skip
    assert Vocabulary.from_bytes(words.to_bytes()).words == words.words
    assert len(Vocabulary.from_bytes(b"")) == 3


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_trained_network_equals_ann_with_0_difference(path):
    ann = spikezip_checkpoint.load(path, "text")
    if mr.FACTS.missing(mr.FACTS.folder):
        pytest.skip("MR is not there: name its folder with MR_DIR")
    tokens, labels = samples_of(ann, path, 40)
    found = compare(ann, convert(ann), tokens)
    assert found.quiet and found.different == 0, [row for row in found.modules if row.different]
    assert exact_bits(ann) <= 53
    right = (ann.answer(tokens).argmax(1) == labels).double().mean()
    assert right > 0.6, "the checkpoint is not trained"
    told = read_facts(path)
    assert told["accuracy"] >= 0.72 and told["command"]
    train = mr.load("train", told["fold"])
    assert set(ann.vocabulary.words) <= {word for words in train.words for word in words}


def test_a_text_encoder_is_committed():
    assert COMMITTED
