# SPDX-License-Identifier: Apache-2.0
"""Independent layers, compiled and executed by the emulator, give the integer model's spikes."""

from dataclasses import replace
from itertools import accumulate, pairwise, permutations

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.model import apply
from golden.hardware import isa
from golden.hardware.compile import layer_list, schedule
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.hardware.execute.expected import layer_list_expectation
from golden.hardware.sequence import POLICIES, descriptors
from golden.hardware.workload import layer as bare
from golden.hardware.workload.random_layer import balanced_mask, random_layer
from golden.hardware.workload.recording import Recording

pytestmark = pytest.mark.smoke


def recording(name, shape, outputs, kernel, seed=0, rate=0.15):
    rng = np.random.default_rng([seed, len(name)])
    return Recording(name, (rng.random(shape) < rate).astype(np.uint8), outputs, kernel)


# (T, C, H, W), outputs, kernel
SHAPES = {
    "conv": ((4, 16, 5, 6), 32, 3),
    "ragged": ((3, 21, 4, 7), 19, 3),
    "wide": ((4, 40, 3, 3), 8, 3),  # a token needs several lines
    "linear": ((2, 70, 1, 9), 40, 1),
    "one": ((1, 1, 1, 1), 1, 3),
}


def layers(hardware, density=0.25, names=SHAPES):
    return [
        random_layer(recording(name, *SHAPES[name]), density, hardware.lanes, seed)
        for seed, name in enumerate(names)
    ]


def check(todo, hardware, policy="ring", window=1):
    program = layer_list.compile_layers(todo, hardware, window=window)
    image = layer_list.pack(program, todo)
    assert len(image) == program.image_bytes
    answer = Emulator(hardware, 3).run(program.program, program.weights, image, policy)
    expected = layer_list_expectation(program, todo)
    assert {c.layer.parts[0] for c in program.layers} == {x.name for x in todo}
    for compiled, want, got in zip(program.layers, expected.layers, answer.drained, strict=True):
        np.testing.assert_array_equal(got.spikes, want.spikes, compiled.name)
        np.testing.assert_array_equal(got.value, want.value, compiled.name)
        counts = (got.rows, got.row_adds, got.reads)
        assert counts == (want.rows, want.row_adds, want.reads), compiled.name
    return program, expected


@pytest.mark.parametrize("name", ["2x8", "4x16", "4x32"])
def test_emulator(name):
    hardware = replace(Hardware.named(name), patch_lines=64)
    todo = layers(hardware)
    program, expected = check(todo, hardware)
    for x, compiled, want in zip(todo, program.layers, expected.layers, strict=True):
        spikes = x.recording.spikes.astype(np.int64)
        assert want.useful == useful(x), compiled.name
        assert x.run()[1].shape == (spikes.shape[0], spikes[0, 0].size, len(x.layer.weight))
    assert program.result_bytes == 0 and expected.label is None


def test_windows():
    """Inputs lie as the layers want them, and a row counts once per window."""
    hardware = replace(Hardware.named("4x16"), patch_lines=64)
    todo = layers(hardware)
    program, expected = check(todo, hardware, window=4)
    assert [c.layer.window for c in program.layers] == [4, 4, 4, 2, 1]
    assert [t.block for t in program.inputs] == [4, 4, 4, 2, 1]
    _, apart = check(todo, hardware)
    for one, other in zip(expected.layers, apart.layers, strict=True):
        assert one.rows <= other.rows and one.useful == other.useful
    assert expected.layers[0].rows < 0.85 * apart.layers[0].rows


def test_more_tiles_for_longer_windows():
    """Tiles of 8 words have room for all patterns of 4 timesteps, one of 32 words has not. It pays
    where there are many rows, and costs where there are few."""
    hardware = Hardware.named("2x8")
    for inputs, tiled in ((96, True), (4, False)):
        todo = [random_layer(recording("x", (4, inputs, 4, 5), 256, 1, rate=0.4), 0.25, 8, 1)]
        (few,) = check(todo, hardware, window=4)[0].layers
        program, _ = check(todo, hardware, window=None)
        assert few.layer.words == 32 and few.layer.window == 2
        if tiled:
            assert [c.layer.words for c in program.layers] == [8] * 4
            assert {c.layer.window for c in program.layers} == {4}
        else:
            assert len(program.layers) == 1


def useful(x):
    """(Active input bit, non-zero weight) pairs: the sum of a layer whose weights are 0 or 1."""
    ones = replace(x.layer, weight=(x.layer.weight != 0), bias=np.zeros(1, np.int64))
    return int(apply(ones, x.recording.tokens[None], x.size).sum())


def test_inputs_wait_for_nobody_if_there_is_room():
    hardware = Hardware.named("2x8")
    program = layer_list.compile_layers(layers(hardware), hardware)
    waits = [f["wait_items"] for _, f in descriptors(program.program) if "wait_items" in f]
    masks = sum("mask" in x["name"] for x in program.loads)
    assert len(waits) == 4 * len(SHAPES) + masks and not any(waits)


@pytest.mark.parametrize("policy", POLICIES)
def test_small_memories(policy):
    """Inputs take turns in the spike memory, weights in the banks, and layers come in tiles."""
    hardware = replace(
        Hardware.named("2x8"), spike_lines=150, bank_depth=90, row_depth=100, acc_depth=2,
        param_depth=6,
    )  # fmt: skip
    program, _ = check(layers(hardware, names=["conv", "ragged", "wide"]), hardware, policy)
    assert len(program.layers) > 3
    loads = [f for _, f in descriptors(program.program) if "wait_items" in f]
    assert any(f["wait_items"] for f in loads if f["from_image"])


def test_refusals():
    hardware = Hardware.named("2x8")
    with pytest.raises(UserError, match="ragged: lines of one patch is 18"):
        layer_list.compile_layers(layers(hardware), replace(hardware, patch_lines=16))
    with pytest.raises(UserError, match=r"needs .* spike lines"):
        layer_list.compile_layers(layers(hardware), replace(hardware, spike_lines=30))
    for density in (0, 1.01, -1):
        with pytest.raises(UserError, match="density"):
            layers(hardware, density)


@pytest.mark.parametrize("outputs", [64, 128, 256, 100, 20])
@pytest.mark.parametrize("density", [0.125, 0.25, 0.5, 0.3, 1])
def test_masks_are_balanced(outputs, density):
    lanes = 32
    depth = -(-outputs // lanes)
    keep = balanced_mask(np.random.default_rng(1), 50, outputs, density, lanes)
    padded = np.pad(keep, ((0, 0), (0, depth * lanes - outputs))).reshape(50, depth, lanes)
    each = padded.sum(1)
    full = outputs - (depth - 1) * lanes  # lanes that own J outputs
    counts = each[:, 0]
    assert (each[:, :full] == counts[:, None]).all()
    assert set(counts) <= {int(density * depth), -int(-density * depth // 1)}
    assert counts.sum() == 50 * int(density * depth) + round(density * depth % 1 * 50)
    for rows, count in zip(padded[:, :, :full], counts, strict=True):
        if count and depth % count == 0 and depth > 1:
            assert (rows.reshape(count, depth // count, full).sum(1) == 1).all()
    assert keep.any(0).all() or density < 0.2  # no output is left out


def test_random_layers():
    hardware = Hardware.named("4x16")
    for x in layers(hardware):
        _, spikes = x.run()
        assert spikes.size < 1000 or 0.04 < spikes.mean() < 0.21
        assert len(np.unique(x.layer.weight[x.layer.weight != 0])) <= 15
    one, same, other = (random_layer(x.recording, 0.25, 16, seed).layer for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weight, same.weight)
    assert (one.weight != other.weight).any()


def test_sums_fit_the_accumulators():
    """Dense and deep: the values get smaller, or the layer is refused."""
    deep = recording("deep", (1, 512, 2, 2), 32, 3)
    x = random_layer(deep, 1, 32, 0)
    assert np.abs(x.layer.weight.astype(int)).sum((1, 2, 3)).max() < 1 << 17
    layer_list.compile_layers([x], replace(Hardware.named("4x32"), bank_depth=4096, row_depth=4096))
    with pytest.raises(UserError, match="use a smaller density"):
        random_layer(deep, 1, 32, 0, acc_width=16)


def test_saved_layers(tmp_path):
    todo = layers(Hardware.named("2x8"))
    bare.save(tmp_path / "x.npz", todo)
    for got, want in zip(bare.load(tmp_path / "x.npz"), todo, strict=True):
        assert (got.name, got.recording.kernel) == (want.name, want.recording.kernel)
        for field in ("weight", "bias", "theta2"):
            np.testing.assert_array_equal(getattr(got.layer, field), getattr(want.layer, field))
        np.testing.assert_array_equal(got.recording.spikes, want.recording.spikes)


def test_free_order(monkeypatch):
    """The lightest layer first, then the order of the least idle time; many stay as they are."""
    hardware = Hardware.named("2x8")
    shapes = [(8, 16, 6), (32, 64, 4), (16, 32, 8), (8, 8, 3), (24, 48, 5)]
    layers = []
    for i, (inputs, outputs, size) in enumerate(shapes):
        spikes = np.random.default_rng(i).random((2, inputs, size, size)) < 0.2
        drawn = Recording(f"layer{i}", spikes.astype(np.uint8), outputs, 3)
        layers.append(random_layer(drawn, 0.5, hardware.lanes, i))
    found = layer_list.in_order(layers, hardware)
    assert {x.name for x in found} == {x.name for x in layers} and found[0].name == "layer3"
    activity = {f"{x.name}.input": x.recording.tokens for x in layers}

    def waiting(order):
        return schedule.idle(layer_list.compile_layers(order, hardware), activity)

    others = permutations(x for x in layers if x is not found[0])
    assert waiting(found) == min(waiting([found[0], *order]) for order in others)
    monkeypatch.setattr(layer_list, "ORDERED", 3)
    assert [x.name for x in layer_list.in_order(layers, hardware)][1:3] == ["layer0", "layer1"]


def batch(todo, images, seed=5):
    """Every layer of ``todo`` ``images`` times with the same weights and other spikes."""
    rng, out = np.random.default_rng(seed), []
    for x in todo:
        out.append(x)
        for k in range(1, images):
            spikes = rng.permuted(x.recording.spikes, axis=3)
            again = replace(x.recording, name=f"{x.name}#{k}", spikes=spikes)
            out.append(bare.BareLayer(again, x.layer))
    return out


def loaded_weights(program):
    """Weight words that the program loads."""
    loads = [f for op, f in descriptors(program.program) if op == isa.OP_LOAD]
    return sum(f["records"] for f in loads if f["target"] == isa.TARGET_WEIGHT)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("small", [False, True], ids=["large", "small"])
def test_weights_of_a_batch_are_loaded_once(policy, small):
    """Also where layers come in tiles and inputs take turns in the spike memory."""
    hardware = replace(Hardware.named("2x8"), patch_lines=64)
    if small:
        hardware = replace(
            hardware, spike_lines=400, bank_depth=90, row_depth=100, acc_depth=2, param_depth=6
        )
    todo = layers(hardware, names=["conv", "ragged", "wide"])
    alone, _ = check(todo, hardware, policy, window=None)
    program, expected = check(batch(todo, 3), hardware, policy, window=None)
    assert len(program.layers) == 3 * len(alone.layers)
    loaded, once = loaded_weights(program), loaded_weights(alone)
    goes_on = [c.fields["continues"] for c in program.layers]
    if small:  # there is room for two images at a time while a layer comes in tiles
        assert loaded < 2.1 * once and len(alone.layers) < sum(goes_on) < 2 * len(alone.layers)
    else:
        assert loaded == once and goes_on == [0, 1, 1] * len(alone.layers)
        assert [c.name for c, _ in program.counted()] == [c.name for c in alone.layers]
    assert [c.id for c in program.layers] == list(accumulate((not x for x in goes_on), initial=-1))[
        1:
    ]
    distinct = {x.spikes.tobytes() for x in expected.layers}
    assert len(distinct) == len(program.layers)


def test_only_neighbours_of_the_same_shape_repeat():
    hardware = Hardware.named("2x8")
    (x,) = layers(hardware, names=["conv"])
    narrow = replace(x.recording, name="narrow", spikes=x.recording.spikes[..., :3])
    other = layers(hardware, names=["linear"])
    todo = [
        x,
        bare.BareLayer(narrow, x.layer),
        *other,
        bare.BareLayer(replace(x.recording, name="y"), x.layer),
    ]
    program, _ = check(todo, hardware)
    assert not any(c.layer.repeat for c in program.layers)


def test_saved_batch(tmp_path):
    todo = batch(layers(Hardware.named("2x8"), names=["conv", "linear"]), 2)
    bare.save(tmp_path / "x.npz", todo)
    got = bare.load(tmp_path / "x.npz")
    assert [x.name for x in got] == [x.name for x in todo]
    assert [b.repeats(a) for a, b in pairwise(got)] == [True, False, True]


def test_batches_stay_together_in_any_order():
    hardware = Hardware.named("2x8")
    todo = batch(layers(hardware, names=["conv", "ragged", "linear"]), 2)
    found = [x.name for x in layer_list.in_order(todo, hardware)]
    assert sorted(found) == sorted(x.name for x in todo)
    assert all(b == f"{a}#1" for a, b in zip(found[::2], found[1::2], strict=True))
