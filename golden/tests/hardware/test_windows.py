# SPDX-License-Identifier: Apache-2.0
"""Windows of timesteps: programs that accumulate by firing patterns give the integer model's trace,
and the layout of spikes holds every word once."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.model import patches
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile import input_bytes, windows
from golden.hardware.compile.allocate import Memory
from golden.hardware.compile.layer_list import compile_layers
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.rows import mask_lines, row_lengths, row_mask
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware
from golden.hardware.workload.random_layer import random_layer
from golden.hardware.workload.recording import Recording
from golden.tests.hardware.test_compile import compare

HARDWARE = {name: Hardware.named(f"{name},patterns=16") for name in ("2x8", "4x16", "4x32")}


def config(**changes) -> NetworkConfig:
    small = dict(depth=1, dim=16, heads=2, height=5, width=4, mlp_ratio=1, classes=4)
    return NetworkConfig(**(small | dict(pooled_stages=(2, 3)) | changes))


CASES = {
    **{
        f"T={steps}": ("2x8", dict(timesteps=steps, dim=8, heads=1), "balanced")
        for steps in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16)
    },
    "d=2P": ("2x8", dict(dim=32, timesteps=5), "rows"),
    "encoder": ("4x16", dict(encoder_channels=20, dim=32, heads=4, timesteps=6), "unstructured"),
    "frames": ("4x16", dict(input_timesteps=7, input_bits=2, timesteps=7), "rows"),
    "average": ("4x16", dict(head="avgpool_fc", timesteps=4, dim=48, heads=3), "balanced"),
    "4x32": ("4x32", dict(timesteps=4, dim=64), "rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_networks(case):
    name, changes, sparsity = CASES[case]
    hardware, network_config, seed = HARDWARE[name], config(**changes), len(case)
    network = random_network(network_config, seed, sparsity, lanes=hardware.lanes)
    images = random_images(network_config, 1, seed)
    steps = network_config.timesteps
    for window in (2, 4):  # as long as can be
        program = compile_network(network, hardware, window=window)
        found = {c.layer.window for c in program.layers}
        assert max(found) == min(window, 1 << (steps - 1).bit_length())
        compare(program, network, images, seed=seed)


def test_window_follows_the_accumulators():
    """The sets of the patterns have to fit, else a smaller window is taken."""
    network = random_network(config(timesteps=4, dim=64, heads=4), 2)
    found = {}
    for patterns in (2, 4, 16):
        hardware = replace(Hardware.named("2x8"), acc_depth=32, patterns=patterns)
        program = compile_network(network, hardware, window=4)
        found[patterns] = [c.layer.window for c in program.layers]
        for c in program.layers:
            assert (1 << c.layer.window) - 1 << (c.layer.words - 1).bit_length() <= 32 * patterns
        compare(program, network, random_images(network.config, 1, 1))
    assert set(found[2]) == {1, 2, 4} and sum(found[2]) < sum(found[4]) < sum(found[16])


def test_cost_is_counted():
    """Against a count of the rows and patterns of every token, one by one."""
    rng = np.random.default_rng(4)
    hardware = Hardware.named("4x16,patterns=16")
    for kernel, steps in ((3, 4), (1, 6), (3, 5)):
        spikes = (rng.random((steps, 20, 3, 4)) < 0.2).astype(np.uint8)
        bare = random_layer(Recording("x", spikes, 60, kernel), 0.3, hardware.lanes, steps)
        (layer,) = [c.layer for c in compile_layers([bare], hardware).layers]
        length = row_lengths(layer.weight, hardware.lanes)
        x = bare.recording.tokens
        if kernel == 3:
            x = patches(x[None], 3, 4)[0]
        for window in (1, 2, 4):
            total = 0
            for token in range(12):
                for first in range(0, steps, window):
                    inside = x[first : first + window, token]
                    fired = {
                        k: tuple(bits)
                        for k, bits in enumerate(inside.T.tolist())
                        if any(bits) and length.ravel()[k]
                    }
                    rows = sum(int(length.ravel()[k]) for k in fired)
                    drain = layer.words * max(len(set(fired.values())), len(inside))
                    total += max(rows, drain, (rows + drain + windows.LATENCY) / 2)
            got = windows.cost(layer, window, hardware, bare.recording.tokens)
            assert got == pytest.approx(total / 12)


def test_what_is_assumed():
    """Against inputs that fire as assumed: their rows and patterns are so many on average."""
    rng = np.random.default_rng(6)
    length = rng.integers(0, 3, (1, 70))
    awake = rng.random((4000, 70)) < windows.AWAKE
    spikes = (rng.random((4, 4000, 70)) < awake * rng.random((4000, 70))).astype(np.uint8)
    for steps in (1, 2, 3, 4):
        counted = windows._counted(length, np.where(length > 0, spikes[:steps], 0))
        for mean, assumed in zip(counted, windows._assumed(length, steps), strict=True):
            assert mean.mean() == pytest.approx(float(assumed), rel=0.02)


def test_choice():
    """The least cost wins: many rows want a long window, many words and few rows a short one."""
    rng = np.random.default_rng(5)
    hardware = Hardware.named("4x32,patterns=16")
    shapes = {"rows": (64, 64, 3), "words": (8, 1024, 1), "silent": (64, 64, 3)}
    todo = [
        random_layer(
            Recording(name, rng.integers(0, 2, (4, c, 3, 3), np.uint8) * (name != "silent"), o, k),
            0.25, hardware.lanes, 6,
        )
        for name, (c, o, k) in shapes.items()
    ]  # fmt: skip
    found = {c.name: c.layer.window for c in compile_layers(todo, hardware, window=None).layers}
    assert found == {"rows": 4, "words": 1, "silent": 4}
    most = [c.layer.window for c in compile_layers(todo, hardware, window=4).layers]
    assert most == [4, 4, 4]


def test_choice_of_a_network():
    """What is assumed and what an example says differ; both are exact."""
    network = random_network(config(timesteps=4, dim=64, heads=4, mlp_ratio=4), 3)
    image = random_images(network.config, 1, 3)
    found = []
    for example in (None, image[0]):
        program = compile_network(network, HARDWARE["4x16"], window=None, example=example)
        found.append([c.layer.window for c in program.layers])
        compare(program, network, image)
    assert found[0] != found[1] and {1, 2, 4} == {*found[0], *found[1]}


def test_large_weights_lie_at_both_ends():
    """Layer 2 needs more than what layers 0 and 1 leave, but not more than beside layer 1."""
    waits = []
    for by_turns in (False, True):
        memory = Memory("words", "bank_depth", 100, by_turns=by_turns)
        regions = [memory.take(f"{i}", size, i, i) for i, size in enumerate((20, 35, 60))]
        waits.append([r.wait_layers for r in regions])
        assert not any(
            a.overlaps(b.start, b.size)
            for i, a in enumerate(regions)
            for b in regions[:i]
            if b.last >= a.wait_layers
        )
    assert waits == [[0, 0, 2], [0, 0, 1]]


def tensors(rng, count):
    for _ in range(count):
        block = int(rng.choice([1, 2, 4]))
        step, steps = int(rng.integers(1, 9)), int(rng.integers(1, 17))
        yield Tensor("x", 2, 3, step, steps, block=block)


def test_layout():
    """Every word of every timestep has a place of its own, blocks lie side by side."""
    rng = np.random.default_rng(1)
    for tensor in tensors(rng, 60):
        place = tensor.place(np.arange(tensor.steps)[:, None], np.arange(tensor.step))
        assert len(np.unique(place)) == place.size and place.max() < tensor.words
        for t in range(0, tensor.steps, tensor.block):
            inside = place[t : t + tensor.block, 0]
            assert (np.diff(inside) == 1).all() and inside[0] == t * tensor.step
        assert tensor.words < (tensor.steps + tensor.block) * tensor.step


def test_input_bytes():
    rng = np.random.default_rng(2)
    for tensor in tensors(rng, 20):
        hardware = HARDWARE[str(rng.choice(list(HARDWARE)))]
        channels = tensor.step * hardware.lanes - int(rng.integers(hardware.lanes))
        spikes = rng.integers(0, 2, (tensor.tokens, tensor.steps, channels), np.uint8)
        data = input_bytes.pack(spikes, tensor, hardware)
        assert len(data) == input_bytes.size(tensor, hardware)
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        token = tensor.lines(hardware) * input_bytes.record_words(tensor, hardware)
        words = bits[: tensor.tokens * token * hardware.lanes]
        words = words.reshape(tensor.tokens, token, hardware.lanes)
        for t in range(tensor.steps):
            place = [tensor.place(t, word) for word in range(tensor.step)]
            got = words[:, place].reshape(tensor.tokens, -1)
            np.testing.assert_array_equal(got[:, :channels], spikes[:, t])
            assert not got[:, channels:].any()


def test_row_mask():
    """The mask of a line, repeated over a pixel, keeps channels with a row in every timestep."""
    rng = np.random.default_rng(3)
    hardware = HARDWARE["2x8"]
    for tensor in tensors(rng, 40):
        words = int(rng.integers(1, tensor.step + 1))
        first = int(rng.integers(tensor.step - words + 1))
        length = rng.integers(0, 2, (2, words * hardware.lanes))
        period = mask_lines(tensor, hardware)
        mask = row_mask(length, tensor, first, words, hardware).reshape(2, period, -1)
        lines = tensor.lines(hardware)
        pixel = mask[:, np.arange(lines) % period].reshape(2, -1, hardware.lanes)
        for t in range(tensor.steps):
            place = [tensor.place(t, first + word) for word in range(words)]
            np.testing.assert_array_equal(pixel[:, place].reshape(2, -1), length)
