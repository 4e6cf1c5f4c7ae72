# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.hardware import isa
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import row_lengths
from golden.hardware.compile.tensor import Tensor
from golden.hardware.compile.tiles import split, tiles
from golden.hardware.configuration import Hardware

pytestmark = pytest.mark.smoke

HARDWARE = Hardware.named("4x16,acc_depth=8,bank_depth=256")
CHANNELS = 32


def layer(words: int, block: int, mode: int = isa.MODE_SPIKE) -> Layer:
    """A 1x1 layer with one weight per lane and ``block`` neighbouring accumulators."""
    rng = np.random.default_rng(words)
    lanes = HARDWARE.lanes
    weight = np.zeros((1, CHANNELS, words, lanes), np.int64)
    for start in range(0, words, block):
        index = start + rng.integers(0, min(block, words - start), (CHANNELS, lanes))
        np.put_along_axis(weight[0], index[:, None], rng.integers(1, 128, index.shape)[:, None], 1)
    outputs = words * lanes
    source = Tensor("in", 4, 4, CHANNELS // lanes, 2)
    target = Tensor("out", 4, 4, words, 2)
    numbers = np.arange(outputs)
    return Layer("layer", mode, source, target, words, weight.reshape(1, CHANNELS, outputs),
                 numbers, numbers + 1, numbers, CHANNELS, in_words=2, out_first=3)  # fmt: skip


def test_a_layer_that_fits_stays_whole():
    whole = layer(8, 4)
    assert tiles(whole, HARDWARE) == [whole]


@pytest.mark.parametrize("words, count", [(12, 2), (16, 2), (20, 3), (23, 3), (9, 2)])
def test_tiles_cover_the_layer_once_and_fit(words, count):
    whole = layer(words, 4)
    parts = tiles(whole, HARDWARE)
    assert len(parts) == count
    assert max(p.words for p in parts) <= HARDWARE.acc_depth
    for name in ("weight", "bias", "theta2", "columns"):
        joined = np.concatenate([getattr(p, name) for p in parts], axis=-1)
        assert (joined == getattr(whole, name)).all()
    assert [p.out_first for p in parts] == list(3 + np.cumsum([0, *(p.words for p in parts[:-1])]))
    assert [p.tile for p in parts] == list(range(count))


@pytest.mark.parametrize("words", [12, 20])
def test_edges_keep_balanced_rows_balanced(words):
    """12 words in two halves cut a block of four; the compiler finds the edge that does not."""
    whole = layer(words, 4)
    parts = tiles(whole, HARDWARE)
    total = sum(row_lengths(p.weight, HARDWARE.lanes).sum() for p in parts)
    assert total == row_lengths(whole.weight, HARDWARE.lanes).sum()
    if words == 12:
        naive = split(whole, [0, 6, 12], HARDWARE.lanes)
        assert sum(row_lengths(p.weight, HARDWARE.lanes).sum() for p in naive) > total


def test_weight_words_ask_for_tiles_too():
    narrow = dataclasses.replace(HARDWARE, bank_depth=7, acc_depth=32)
    parts = tiles(layer(8, 4), narrow)  # 32 rows of 2 words in 8 banks: 8 words each
    assert len(parts) == 2


def test_a_word_of_outputs_that_does_not_fit_is_refused():
    narrow = dataclasses.replace(HARDWARE, bank_depth=3, weight_arrays=1)
    with pytest.raises(UserError, match=r"4 weight words .* of its outputs alone; .*bank_depth=4"):
        tiles(layer(12, 4, isa.MODE_RESIDUAL), narrow)


def test_attention_is_refused():
    query = dataclasses.replace(layer(12, 4), weight=None)
    with pytest.raises(UserError, match=r"attention is not split; .* acc_depth=12 or"):
        tiles(query, HARDWARE)
