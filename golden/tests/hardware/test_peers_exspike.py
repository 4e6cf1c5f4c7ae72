# SPDX-License-Identifier: Apache-2.0
"""ExSpike's model on maps counted by hand, against its definition, and its published figures."""

import numpy as np
import pytest

from golden.hardware.peers.exspike import (
    events,
    exspike,
    exspike_apec,
    exspike_filled,
    shared_events,
)
from golden.hardware.peers.product import Product, of_convolution
from golden.hardware.peers.published_cycles import EXSPIKE_BOARD

RNG = np.random.default_rng(11)


def layer(spikes, outputs=32, kernel=3):
    """A convolution of spikes (T, C, H, W) with dense weights."""
    spikes = np.array(spikes, np.uint8)
    shape = (outputs, spikes.shape[1], *(3, 3) * (kernel == 3))
    return of_convolution("layer", spikes, np.ones(shape, np.int8))


def four_positions():
    """(1, 20, 2, 2): 12 channels fire, 15 (10 of them the same), 1, none."""
    spikes = np.zeros((1, 20, 2, 2), np.uint8)
    spikes[0, :12, 0, 0] = spikes[0, 2:17, 0, 1] = spikes[0, 19, 1, 0] = 1
    return spikes


@pytest.mark.parametrize("kernel", [3, 1])
def test_by_hand(kernel):
    """32 clusters of nine adders, 32 outputs: an event a cycle, nine taps for either kernel."""
    one = layer(four_positions(), 32, kernel)
    assert exspike(one, 288) == 28  # 12 + 15 + 1 events; membrane potentials take 3 * 9
    assert exspike_apec(one, 288) == 27  # 18 events, so that the membrane potentials decide
    assert exspike(one, 32) == 9 * 28  # an adder for each output takes nine times as long
    wider = layer(four_positions(), 33, kernel)
    assert exspike(wider, 288) == 2 * 28
    assert exspike(wider, 9 * 33) == 28


def test_timesteps_are_done_one_after_the_other():
    """A step of few events does not lend its time to the membrane potentials of another."""
    full = np.ones((1, 20, 2, 2), np.uint8)  # 80 events, 4 * 9
    both = layer(np.concatenate([four_positions(), full]))
    assert exspike(both, 288) == 28 + 80
    assert exspike_apec(both, 288) == 27 + 40
    assert exspike(layer(np.zeros((4, 20, 2, 2))), 288) == 0


def test_a_filled_1x1_layer():
    one = layer(four_positions(), 64, 1)
    assert exspike_filled(one, 64) == 18  # all adders; 3 positions take a cycle each
    assert exspike_filled(one, 32) == 2 * 18
    convolution = layer(four_positions(), 64)
    assert exspike_filled(convolution, 64) == exspike_apec(convolution, 64) == 9 * 27


def test_pairs_are_of_raster_order():
    """3 x 3 positions: the third and fourth are a pair over the end of the row, the last is one
    alone."""
    spikes = np.zeros((1, 1, 3, 3), np.uint8)
    spikes[0, 0, 0, 2] = spikes[0, 0, 1, 0] = 1  # positions 2 and 3
    spikes[0, 0, 2] = [0, 1, 1]  # positions 7 and 8, of two groups
    assert shared_events(events(layer(spikes))).tolist() == [1]


def test_the_head_has_adders_of_its_own():
    spikes = np.zeros((2, 6, 3), np.uint8)
    spikes[:, :4, 1:] = 1  # 16 events, all shared
    head = Product("head", spikes, np.ones((3, 10), np.int8))
    assert {model(head, 64) for model in (exspike, exspike_apec)} == {16}
    wider = Product("mlp", spikes, np.ones((3, 11), np.int8))
    assert exspike(wider, 64) == exspike_apec(wider, 64) == 2 * (2 * 4 * 9)  # ceil(99 / 64)


def test_attention_fills_all_adders():
    spikes = np.zeros((1, 4, 5), np.uint8)
    spikes[0, :2, :3] = spikes[0, 3, 4] = 1  # 7 events, 3 of them shared
    one = Product("blocks.0.attention.query.h1.t2", spikes, np.ones((5, 8), np.int32))
    assert exspike(one, 8) == 7 and exspike_apec(one, 8) == 4
    assert exspike(Product(one.name, spikes, np.ones((5, 9), np.int32)), 8) == 2 * 7


@pytest.mark.parametrize(("rate", "size"), [(0.05, (5, 4)), (0.3, (4, 4)), (0.9, (3, 5))])
def test_is_its_definition(rate, size):
    """Events as sets of channels, pass by pass."""
    spikes = RNG.random((3, 24, *size)) < rate
    one, height_width = layer(spikes, 40), size[0] * size[1]
    plain = packed = 0
    for step in spikes.reshape(3, 24, height_width):
        positions = [set(np.flatnonzero(step[:, i])) for i in range(height_width)]
        pairs = [positions[i : i + 2] for i in range(0, height_width, 2)]
        left = 0
        for pair in pairs:
            common = set.intersection(*pair) if len(pair) == 2 else set()
            left += len(common) + sum(len(channels - common) for channels in pair)
        update = 9 * sum(bool(channels) for channels in positions)
        plain += max(sum(map(len, positions)), update)
        packed += max(left, update)
    assert exspike(one, 128) == 3 * plain  # 9 * 40 sums on 128 adders
    assert exspike_apec(one, 128) == 3 * packed


# Published figures


def test_compression_of_figure_5():
    """Two pairs of positions, eight channels: 14 events become 8, 3,456 additions less for 64
    outputs of a 3x3 convolution."""
    bits = ["10000011", "10000111", "00101010", "10101010"]
    spikes = np.array([[list(map(int, row)) for row in bits]], np.uint8)
    saved = int(shared_events(spikes)[0])
    assert (int(spikes.sum()), int(spikes.sum()) - saved) == (14, 8)
    assert saved * 64 * 9 == 3456


def networks():
    """Inputs, outputs and size of the map of every layer but the first and the head. The sizes of
    maps follow from the number of pooling layers, the channels from the networks' names."""
    vgg11 = [(64, 128, 32), (128, 256, 16), (256, 256, 16), (256, 512, 8), (512, 512, 8)]
    vgg11 += 2 * [(512, 512, 4)]
    four_256 = [(64, 128, 32), (128, 256, 16), (256, 256, 16), *24 * [(256, 256, 8)]]
    two_512 = [(64, 128, 32), (128, 256, 16), (256, 512, 16), *12 * [(512, 512, 8)]]
    return {"VGG11": vgg11, "SpikingFormer-4-256": four_256, "SpikingFormer-2-512": two_512}


def shapes():
    """Inputs and outputs of every weight word: ResNet18 has shortcuts, and strides beside."""
    resnet18 = [*4 * [(64, 64)], (64, 128), *3 * [(128, 128)], (128, 256), *3 * [(256, 256)]]
    resnet18 += [(256, 512), *3 * [(512, 512)], (64, 128), (128, 256), (256, 512)]
    return {"ResNet18": resnet18} | {
        name: [layer[:2] for layer in layers] for name, layers in networks().items()
    }


def everything_fires(steps, rows, inputs, outputs):
    spikes = np.broadcast_to(np.uint8(1), (steps, rows, inputs))
    return exspike(Product("layer", spikes, np.broadcast_to(np.int8(1), (inputs, outputs))), 288)


@pytest.mark.parametrize("name", shapes())
def test_weight_words_of_the_board(name):
    """One position whose inputs all fire reads every weight word once: 9 taps x 8 bit x 32
    outputs, nine lines of 256 bit in the file that the log of the board says it loads."""
    words = sum(everything_fires(1, 1, *shape) for shape in shapes()[name])
    assert 9 * words == EXSPIKE_BOARD[name].lines


@pytest.mark.parametrize("name", networks())
def test_published_operations(name):
    """Dense operations are those of every adder in every cycle when everything fires: nine taps in
    each layer, of transformers too, at the timesteps that the RTL has. The first layer and the
    head, which are left out, are the rest. The board, which skips silent inputs and waits for
    weights, takes a quarter to a third of these cycles."""
    board = EXSPIKE_BOARD[name]
    cycles = sum(everything_fires(board.steps, s * s, k, n) for k, n, s in networks()[name])
    assert 0.99 < 2 * 288 * cycles / 1e9 / board.gop < 1
    assert 0.2 < board.seconds * 200e6 / board.images / cycles < 0.35
