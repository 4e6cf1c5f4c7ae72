# SPDX-License-Identifier: Apache-2.0
"""Compiled images, executed by the emulator, give the integer model's trace."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.rows import PackedRows
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.hardware.execute.expected import expectations
from golden.hardware.isa import MODE_SPIKE
from golden.hardware.sequence import descriptors

pytestmark = pytest.mark.smoke


def config(**changes) -> NetworkConfig:
    small = dict(depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, mlp_ratio=2, classes=10)
    return NetworkConfig(**(small | changes))


EVENTS = dict(input_timesteps=4, input_bits=1)

# hardware, network, sparsity: every relation of head width d to P, odd sizes, colours, T
CASES = {
    "2x8 d=P": ("2x8", config(), "balanced"),
    "2x8 d=2P": ("2x8", config(dim=32, timesteps=3), "dense"),
    "2x8 d<P, odd, rgb": (
        "2x8", config(heads=4, height=7, width=9, in_channels=3, timesteps=3), "unstructured"),
    "2x8 J=24": ("2x8", config(dim=64, heads=8, timesteps=1, depth=2), "balanced"),
    "4x16 d=P": ("4x16", config(dim=64, heads=4, mlp_ratio=4), "balanced"),
    "4x16 d<P, ragged D": ("4x16", config(dim=24, heads=3, timesteps=5), "dense"),
    "4x16 odd, pools": (
        "4x16", config(dim=32, heads=4, height=16, width=15, pooled_stages=(2, 3)), "unstructured"),
    "4x16 two pools early": (
        "4x16", config(height=11, width=6, pooled_stages=(1, 4), classes=100), "balanced"),
    "2x8 normalised, rgb": (
        "2x8", config(in_channels=3, constant_bit=7, height=5, width=6), "unstructured"),
    "4x32 normalised": ("4x32", config(in_channels=1, constant_bit=3, timesteps=3), "dense"),
    "4x32 D<P": ("4x32", config(in_channels=3, timesteps=4), "balanced"),
    "4x32 d=P": ("4x32", config(dim=64, heads=2, depth=2, mlp_ratio=4), "unstructured"),
    "4x16 empty rows": ("4x16", config(dim=64, heads=4, timesteps=3), "rows"),
    "2x8 empty rows, rgb": ("2x8", config(dim=24, heads=3, in_channels=3), "rows"),
    "4x16 encoder": ("4x16", config(dim=32, encoder_channels=20, timesteps=3), "balanced"),
    "2x8 encoder, rgb": (
        "2x8", config(in_channels=3, encoder_channels=3, height=7, width=5), "unstructured"),
    "4x16 average": ("4x16", config(dim=32, head="avgpool_fc", timesteps=3), "balanced"),
    "2x8 average, ragged D, odd": (
        "2x8", config(
            dim=24, heads=3, height=9, width=7, classes=17, head="fc_avgpool", encoder_channels=4),
        "rows"),
    "4x32 average D<P": ("4x32", config(depth=0, head="avgpool_fc", classes=1), "dense"),
    "4x16 events": ("4x16", config(dim=32, in_channels=2, timesteps=4, **EVENTS), "balanced"),
    "2x8 counts, odd": (
        "2x8", config(in_channels=2, height=7, width=5, timesteps=3, input_timesteps=3,
                      input_bits=3), "rows"),
    "4x32 one frame": ("4x32", config(timesteps=1, **EVENTS | dict(input_timesteps=1)), "dense"),
    "2x8 average, frames of 8 bits": (
        "2x8", config(timesteps=2, input_timesteps=2, head="avgpool_fc"), "unstructured"),
    "2x8 sixteen frames": (
        "2x8", config(timesteps=16, height=5, width=4, in_channels=2, pooled_stages=(2, 3),
                      input_timesteps=16, input_bits=2, mlp_ratio=1), "balanced"),
    "2x8 nine colours": ("2x8", config(in_channels=9, height=5, width=6), "balanced"),
    "4x16 black and white": ("4x16", config(input_bits=1), "balanced"),
    "4x16 no pool": ("4x16", config(height=5, width=7, pooled_stages=()), "dense"),
}  # fmt: skip


def compare(program, network, images, policy="ring", seed=0):
    """Run one job per image (or batch), in one go, and hold everything against the integer
    model."""
    emulator, each = Emulator(program.hardware, seed), program.images
    packed = [program.pack_images(images[i : i + each]) for i in range(0, len(images), each)]
    answers = emulator.run_jobs(program.program, program.weights, packed, policy)
    for answer, expected in zip(answers, expectations(program, network, images), strict=True):
        layers = zip(program.layers, expected.layers, answer.drained, strict=True)
        for compiled, want, got in layers:
            assert got.value.shape[:3] == compiled.shape, compiled.name
            np.testing.assert_array_equal(got.value, want.value, compiled.name)
            if want.spikes is not None:
                np.testing.assert_array_equal(got.spikes, want.spikes, compiled.name)
            counts = (got.rows, got.row_adds, got.reads)
            assert counts == (want.rows, want.row_adds, want.reads), compiled.name
            most = program.hardware.lanes * compiled.layer.window
            assert compiled.layer.inverted or want.useful <= want.row_adds * most
        assert len(answer.stored) == len(expected.stored) == each
        for got, want in zip(answer.stored, expected.stored, strict=True):
            assert got[0] == want[0]
            np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize("case", CASES)
def test_images_give_the_golden_trace(case):
    name, network_config, sparsity = CASES[case]
    hardware = Hardware.named(name)
    seed = len(case)
    network = random_network(network_config, seed, sparsity, lanes=hardware.lanes)
    program = compile_network(network, hardware)
    images = random_images(network_config, 2, seed)
    compare(program, network, images, seed=seed)


def test_everything_fires():
    """The random networks exercise every layer: each fires sometimes, and not always."""
    network_config = config(dim=32)
    network = random_network(network_config, 5)
    program = compile_network(network, Hardware.named("4x16"))
    (expected,) = expectations(program, network, random_images(network_config, 1, 9))
    for compiled, want in zip(program.layers, expected.layers, strict=True):
        if want.spikes is not None:
            assert 0.005 < want.spikes.mean() < 0.5, compiled.name
        assert want.rows > 0 and want.useful > 0, compiled.name


@pytest.mark.parametrize("policy", ["ring", "eager", "lazy"])
def test_reused_memories(policy):
    """Every memory is as small as one layer needs: places are reused, and loads wait for them."""
    network_config = config(dim=32, depth=3, heads=4)
    network = random_network(network_config, 1)
    full = compile_network(network, Hardware.named("4x16"))
    needs = max(c.packed.words for c in full.layers if c.packed)
    small = replace(
        full.hardware, bank_depth=needs + 4, row_depth=42, param_depth=6, spike_lines=160
    )
    program = compile_network(network, small)
    assert program.memory_use["bank_depth"] < full.memory_use["bank_depth"]
    assert any(f.get("wait_items") for _, f in descriptors(program.program))
    assert not any(f.get("wait_items") for _, f in descriptors(full.program))
    compare(program, network, random_images(network_config, 2, 2), policy)


def test_split_over_outputs():
    """Layers with more words than accumulators become several layers that share one output."""
    network_config = config(dim=64, heads=8, mlp_ratio=8)
    network = random_network(network_config, 3, lanes=8)
    program = compile_network(network, replace(Hardware.named("2x8"), acc_depth=16))
    names = [c.name for c in program.layers]
    assert "blocks.0.mlp1[3]" in names and "blocks.0.qkv[1]" in names
    compare(program, network, random_images(network_config, 1, 4))
    rng = np.random.default_rng(1)
    network.tokenizer[3].weight = rng.integers(-90, 90, (64, 32, 3, 3)).astype(np.int8)
    deep = compile_network(network, replace(Hardware.named("2x8"), bank_depth=300))
    assert "tokenizer.3[1]" in [c.name for c in deep.layers]  # a pooled one
    compare(deep, network, random_images(network_config, 1, 4))


def test_rows_of_balanced_weights_have_one_length():
    network_config = config(dim=64, heads=4, mlp_ratio=4)
    layers = compile_network(random_network(network_config), Hardware.named("4x16")).layers
    lengths = {c.name: c.fields["row_cost"] for c in layers}
    assert lengths["blocks.0.qkv"] == 3 and lengths["blocks.0.proj"] == 1
    assert not any(c.fields.get("rows_ahead") for c in layers)
    network = random_network(network_config, sparsity="unstructured")
    several = {c.name: c for c in compile_network(network, Hardware.named("4x16")).layers}
    length = several["blocks.0.mlp1"].packed.length
    assert len(np.unique(length)) > 1
    fields, mean = several["blocks.0.mlp1"].fields, length[length > 0].mean()
    assert mean - 1 < fields["row_cost"] <= mean + 0.25
    assert abs((fields["rows_ahead"] - 1) * mean - 10) <= mean / 2


@pytest.mark.parametrize(
    ("lengths", "cost", "ahead"),
    [
        ([3, 3, 0], 3, 0), ([0, 0], 1, 0), ([1, 2], 1, 8), ([2, 2, 2, 1], 2, 7), ([2, 3], 2, 5),
        ([6, 7, 0], 6, 3), ([7, 8], 7, 2), ([200, 255], 227, 1), ([1] * 99 + [2], 1, 11),
    ],
)  # fmt: skip
def test_pace_of_the_rows(lengths, cost, ahead):
    """One length: paced by it. Several: hardly above their mean, and so many on their way as have
    ten words."""
    length = np.array([lengths])
    packed = PackedRows(*[None] * 2, length, *[None] * 4)
    assert packed.pace == {"row_cost": cost, "rows_ahead": ahead}


def test_saved_folder_is_complete(tmp_path):
    network_config = config()
    program = compile_network(random_network(network_config), Hardware.named("4x16"))
    program.save(tmp_path / "out", {"x.bin": b"x"}, extra=3)
    program.save(tmp_path / "out", {"x.bin": b"x"}, extra=3)  # replaces it
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [".psf.json", "manifest.json", "program.bin", "weights.bin", "x.bin"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/program.bin").read_bytes() == program.program


def with_value(network, path, value):
    """``network`` with one tensor changed."""
    *attributes, last = path.split(".")
    at = network
    for a in attributes:
        at = at[int(a)] if a.isdecimal() else getattr(at, a)
    setattr(at, last, value)
    return network


REFUSALS = {
    "accumulator": ("4x16,acc_width=18", {}, "tokenizer.0: largest sum of weights is"),
    "bias": ("4x16", dict(path="tokenizer.1.bias", value=np.full(4, 300000)), "tokenizer.1: larg"),
    "stream": ("4x16", dict(path="patch.bias", value=np.full(16, 40000)), "tokenizer.4: largest r"),
    "shift": ("4x16", dict(path="patch.shift", value=16), "tokenizer.4: "),
    "shift field": (
        "4x16,stream_width=30,acc_width=32", dict(path="patch.shift", value=16), "shift is 16"),
    "tokens": (
        "4x16,patch_lines=256", dict(config=config(height=66, width=66)),
        "key_value: lines of one patch is 289, the limit with patch_lines=256 is 256"),
    "spike lines": ("4x16,spike_lines=100", {}, "spike lines is 108, the limit with spike_li"),
    "banks": ("4x16,bank_depth=8", {}, "tokenizer.4: weight words per bank is 18, the limit"),
    "rows": ("4x16,row_depth=8", {}, "row-table entries per bank"),
    "params": ("4x16,param_depth=2", {}, "parameter words"),
    "residual words": ("4x16,stream_depth=2", dict(config=config(height=16)), "bank is 4, the"),
    "patch": ("4x16,patch_lines=16", dict(config=config(dim=64, timesteps=8)), "lines of one pat"),
    "accumulators": ("4x16", dict(config=config(dim=64)), "key_value: accumulators per lane is 64"),
    "head width": ("4x16", dict(config=config(dim=24, heads=1)), "head width 24 neither"),
    "kept": (
        "4x16,spike_lines=100", dict(config=config(height=9)),
        "spike lines is 116, the limit with spike_lines=100 is 100"),
    "line": ("4x16,line_words=2", dict(config=config(dim=32, heads=1)), "do not divide a spike"),
    "classes": (
        "4x16", dict(config=config(classes=129)),
        "head: number of logits, of whole words is 144, the limit with classes=128 is 128; use "
        "hardware with classes=144"),
    "most classes": (
        "4x16", dict(config=config(classes=1025)),
        "whole words is 1040, the limit is 128; classes is at most 1024, so use a smaller network"),
    "most tokens": (
        "4x16,spike_lines=65532", dict(config=config(height=33, width=32, pooled_stages=())),
        "patch is 1056, the limit is 64; blocks.0.proj: residual words per bank is 528, the limit "
        "with stream_depth=512 is 512"),
}  # fmt: skip


def test_residual_layers_in_tiles():
    """Each tile adds to its own words of the stream."""
    shape = config(dim=40, heads=5, timesteps=3, depth=2)
    hardware = Hardware.named("2x8,bank_depth=95")
    network = random_network(shape, 6, "dense")
    program = compile_network(network, hardware)
    tiled = {c.layer.parts[0] for c in program.layers if c.layer.tile and c.fields["mode"] == 1}
    assert "tokenizer.4" in tiled and len(tiled) > 1
    compare(program, network, random_images(shape, 2, 3))


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_name_layer_limit_and_value(case):
    name, change, message = REFUSALS[case]
    hardware = Hardware.named(name)
    network = random_network(change.get("config", config()), 2, "dense")
    if "path" in change:
        network = with_value(network, change["path"], change["value"])
    with pytest.raises(UserError) as error:
        compile_network(network, hardware)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_thresholds_beyond_the_width_are_exact():
    """A channel that can never, or must always, fire does so with any threshold."""
    network = random_network(config(), 2)
    theta2 = network.tokenizer[1].theta2
    theta2[0], theta2[1] = 1 << 30, -(1 << 30)
    program = compile_network(network, Hardware.named("4x16"))
    compare(program, network, random_images(config(), 1, 4))


@pytest.mark.parametrize(
    "text, message",
    [
        ("small", "choose one of 2x8, 4x16, 4x32"),
        ("3x3", "groups=3 must be a power of two"),
        ("4x16,lanes=12", "power of two"),
        ("4x16,banks=32", "multiple of banks"),
        ("4x16,depth=1", "is not one of"),
        ("4x16,bank_depth=x", "is not one of"),
        ("4x16,stream_width=19", "acc_width - 2"),
        ("4x16,bank_depth=65536", "between"),
        ("4x16,patch_lines=48", "power of two"),
        ("4x16,patch_lines=2048", "between 9 and 1024"),
        ("4x16,acc_width=15", "between 16 and 32"),
        ("4x16,classes=1000", "lanes=16, classes=1000: Classes must be 2 to 256 times Lanes"),
        ("4x16,classes=2048", "between 4 and 1024"),
        ("4x16,classes=16", "lanes=16, classes=16: Classes must be 2 to 256 times Lanes"),
        ("4x16,classes=1024,lanes=2,banks=2", "lanes=2, classes=1024: Classes must be 2 to 256"),
    ],
)
def test_bad_hardware(text, message):
    with pytest.raises(UserError, match=message):
        Hardware.named(text)


def test_mode_of_attention_is_an_ordinary_layer():
    program = compile_network(random_network(config()), Hardware.named("4x16"))
    query = next(c for c in program.layers if c.name.endswith(".attention"))
    assert query.fields["mode"] == MODE_SPIKE and query.fields["step_rows"] > 0


def test_empty_rows_are_masked(monkeypatch):
    """Their spikes cost nothing; where the mask does not fit, they cost a word of zeros."""
    network_config = config(dim=64, heads=4, timesteps=3)
    network = random_network(network_config, 6, "rows", density=0.15)
    images = random_images(network_config, 1, 6)
    program = compile_network(network, Hardware.named("4x16"))
    masked = [c.name for c in program.layers if c.fields.get("mask_lines")]
    assert set(masked) >= {"tokenizer.3", "tokenizer.4", "blocks.0.proj"}
    (with_masks,) = expectations(program, network, images)
    monkeypatch.setattr("golden.hardware.compile.assembler.MASK_LINES", 8)
    without = compile_network(network, Hardware.named("4x16"))
    (full,) = expectations(without, network, images)
    for compiled, few, many in zip(without.layers, with_masks.layers, full.layers, strict=True):
        if compiled.fields.get("kernel3") and compiled.name in masked:
            assert not compiled.fields.get("mask_lines"), compiled.name
            assert few.rows < many.rows and few.row_adds < many.row_adds, compiled.name
        assert few.useful == many.useful, compiled.name
    compare(without, network, images)
