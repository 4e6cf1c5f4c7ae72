# SPDX-License-Identifier: Apache-2.0
"""Layers that add their silent inputs give the spikes and currents of those that do not."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.random_network import random_images, random_network
from golden.hardware.compile import inversion, windows
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import layer_list_expectation
from golden.hardware.workload.layer import BareLayer
from golden.hardware.workload.random_layer import random_layer
from golden.tests.hardware.test_compile import compare, config
from golden.tests.hardware.test_layer_list import batch, check, loaded_weights, recording

pytestmark = pytest.mark.smoke
HARDWARE = Hardware.named("2x8,patch_lines=64")

# (T, C, H, W), outputs, kernel; rate; inverted or not
SHAPES = {
    "dense": ((4, 16, 5, 6), 32, 3, 0.85, True),
    "linear": ((3, 24, 1, 9), 20, 1, 0.85, True),
    "sparse": ((2, 16, 4, 4), 16, 3, 0.1, False),
    "always": ((4, 8, 3, 3), 8, 3, 1.1, True),
    "ragged": ((4, 12, 3, 3), 8, 3, 0.9, False),  # words with bits that are no inputs
    "one": ((4, 8, 1, 1), 8, 3, 0.9, False),  # eight of nine taps are outside
}


def layers(names=SHAPES, density=0.25):
    for i, name in enumerate(names):
        *shape, rate, _ = SHAPES[name]
        yield random_layer(recording(name, *shape, seed=3, rate=rate), density, HARDWARE.lanes, i)


@pytest.mark.parametrize("window", [1, 4, None])
@pytest.mark.parametrize("lines", [4096, 60])
def test_lists(window, lines):
    """Every spike, current and count of rows; whole and in stripes, with windows and without."""
    todo = list(layers())
    program, expected = check(todo, replace(HARDWARE, spike_lines=lines), window=window)
    for compiled, want in zip(program.layers, expected.layers, strict=True):
        *_, inverted = SHAPES[compiled.layer.parts[0]]
        assert compiled.fields["invert"] == inverted, compiled.name
        if inverted and window == 1 and not compiled.layer.stripe:
            assert want.row_adds * HARDWARE.lanes < want.useful
    assert any(c.layer.stripe for c in program.layers) == (lines == 60)


def test_rows_without_weights_stay_silent():
    """An input that never fires would fire always: the row mask takes it out."""
    (x,) = layers(["dense"])
    x.layer.weight[:, 3:9] = 0
    program, expected = check([x], HARDWARE)
    (compiled,) = program.layers
    assert compiled.fields["invert"] and compiled.fields["mask_lines"]
    silent = 1 - windows.patches(x.recording.tokens[None], 5, 6)[0]
    silent = silent.reshape(*silent.shape[:2], 9, 16).sum((0, 1))
    assert expected.layers[0].rows == silent[compiled.packed.length > 0].sum()
    assert (compiled.packed.length[:, 3:9] == 0).all() and silent[:, 3:9].all()


def test_weights_without_a_negative():
    """-128 has none in int8."""
    (x,) = layers(["dense"])
    x.layer.weight[0, 0, 0, 0] = -128
    program, _ = check([x], HARDWARE)
    assert not program.layers[0].fields["invert"]


def test_sums_that_would_not_fit():
    """The bias of the inverted layer is larger than that of the layer."""
    (x,) = layers(["dense"], density=1)
    x.layer.weight[:] = 127
    x.layer.bias[:] = 127
    narrow = replace(HARDWARE, acc_width=18, bank_depth=8192)
    assert np.abs(x.layer.weight.sum((1, 2, 3)) + x.layer.bias).max() < 1 << 17
    found = []
    for bias in (127, 120_000):
        x.layer.bias[:] = bias
        lowered = inversion.inverted(check([x], HARDWARE)[0].layers[0].layer)
        found.append(inversion._can(lowered, inversion.inverted(lowered), narrow))
    assert found == [True, False]


def test_a_batch_is_inverted_together():
    (x,) = layers(["dense"])
    todo = batch([x], 3)
    silent = replace(todo[2].recording, spikes=np.zeros_like(todo[2].recording.spikes))
    todo[2] = BareLayer(silent, x.layer)
    program, _ = check(todo, HARDWARE)
    assert [c.fields["invert"] for c in program.layers] == [1, 1, 1]
    assert loaded_weights(program) == loaded_weights(check([x], HARDWARE)[0])


def test_networks():
    """Known spikes of an example decide; the residual stream is added to as before."""
    shape = config(dim=16, depth=2, timesteps=3, mlp_ratio=1, height=18, width=17)
    network = random_network(shape, 3)
    for layer in [*network.tokenizer, network.blocks[0].mlp1]:
        layer.theta2[:] = -(1 << 20)  # fires always
    images = random_images(shape, 2, 1)
    program = compile_network(network, Hardware.named("2x8"), example=images[0])
    inverted = {c.layer.parts[0] for c in program.layers if c.fields.get("invert")}
    assert {"tokenizer.3", "tokenizer.4", "blocks.0.mlp2"} == inverted
    compare(program, network, images)
    plain = compile_network(network, Hardware.named("2x8"))
    assert not any(c.fields.get("invert") for c in plain.layers)


def test_cost_is_that_of_the_silent_inputs():
    (x,) = layers(["dense"])
    layer = check([x], HARDWARE)[0].layers[0].layer
    assert layer.inverted
    spikes = x.recording.tokens
    length, rows = windows.row_lengths(layer.weight, HARDWARE.lanes), 0
    for step in 1 - windows.patches(spikes[None], 5, 6)[0]:
        each = step @ length.ravel()
        rows += np.maximum(
            np.maximum(each, layer.words), (each + layer.words + windows.LATENCY) / 2
        ).mean()
    assert windows.cost(layer, 1, HARDWARE, spikes) == pytest.approx(rows)


def test_peers_see_the_same_work():
    """Useful adds are those of the inputs that fire, inverted or not."""
    (x,) = layers(["dense"])
    program, (got, *_) = check([x], HARDWARE)[0], check([x], HARDWARE)[1].layers
    plain = replace(program.layers[0].layer, inverted=False)
    program.layers[0].layer = plain
    want = layer_list_expectation(program, [x]).layers[0]
    assert (got.useful, got.pattern_adds) == (want.useful, want.pattern_adds)
    assert got.row_adds < want.row_adds
