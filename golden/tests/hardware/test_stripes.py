# SPDX-License-Identifier: Apache-2.0
"""Maps larger than the spike memory, computed in stripes, give the integer model's spikes."""

from dataclasses import replace
from itertools import pairwise

import pytest

from golden.contract.errors import UserError
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import image_crc
from golden.hardware.compile import counters, stripes
from golden.hardware.compile import program as compiler
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.hardware.sequence import POLICIES, descriptors
from golden.hardware.workload.random_layer import random_layer
from golden.tests.hardware.test_compile import EVENTS, compare, config
from golden.tests.hardware.test_layer_list import (
    batch,
    check,
    layers,
    loaded_weights,
    recording,
)

pytestmark = pytest.mark.smoke

# hardware, network, layers that come in stripes
CASES = {
    "image alone": ("2x8", config(height=28, width=9, pooled_stages=(1, 2, 3)), 1),
    "odd": ("2x8", config(height=25, width=11, pooled_stages=(1, 2, 4)), 1),
    "late pools": ("4x16", config(height=22, width=7, dim=32, pooled_stages=(3, 4)), 3),
    "all four": ("2x8", config(height=26, width=5, pooled_stages=(4,), timesteps=3), 4),
    "encoder": (
        "2x8", config(height=19, width=9, in_channels=3, encoder_channels=4,
                      pooled_stages=(1, 2, 3)), 2),
    "events": (
        "4x16", config(height=27, width=9, in_channels=2, timesteps=4, pooled_stages=(1, 2, 3),
                       **EVENTS), 1),
}  # fmt: skip


def scarce(network, hardware: Hardware, **options) -> Program:
    """The program for half of the lines that ``network`` needs whole, or for as few more as will
    do."""
    whole = compile_network(network, hardware, **options)
    assert not any(c.layer.stripe for c in whole.layers)
    lines = whole.memory_use["spike_lines"] // 2 // hardware.groups * hardware.groups
    while True:
        try:
            return compile_network(network, replace(hardware, spike_lines=lines), **options)
        except UserError as error:
            assert "spike lines" in str(error)
            lines += hardware.groups


@pytest.mark.parametrize("case", CASES)
def test_networks(case):
    name, shape, depth = CASES[case]
    network = random_network(shape, 3)
    program = scarce(network, Hardware.named(name))
    striped = [c.layer for c in program.layers if c.layer.stripe]
    by_map = {}
    for layer in striped:
        by_map.setdefault(layer.parts[0], []).append(layer.stripe)
    assert len(by_map) == depth and len(striped) >= 2 * depth
    for of_one in by_map.values():  # in order, without a gap
        assert of_one[0].first == 0 and not of_one[-1].below
        for one, other in pairwise(of_one):
            ends = one.first + one.rows, other.first + other.rows
            assert one.first <= other.first <= ends[0] <= ends[1]
    images = random_images(shape, 2, 5)
    compare(program, network, images)
    whole = traffic(compile_network(network, Hardware.named(name))).summary()
    moved = traffic(program).summary()
    assert moved["dense_weights"] == whole["dense_weights"]
    assert moved["weight_stream_bytes"] > whole["weight_stream_bytes"]
    for answer in cycles(program, network, images[:1]):
        assert answer.layers.keys() == {c.name for c in program.layers}


@pytest.mark.parametrize("policy", POLICIES)
def test_jobs_one_after_the_other(policy):
    """Loads of the next image run among the stripes of the one before, early or late."""
    name, shape, _ = CASES["odd"]
    network = random_network(shape, 5)
    program = scarce(network, Hardware.named(name))
    compare(program, network, random_images(shape, 3, 6), policy)


@pytest.mark.parametrize("depth", range(1, 5))
@pytest.mark.parametrize("pooled", [(), (1, 3), (1, 2, 3, 4)], ids=str)
def test_every_cut(depth, pooled, monkeypatch):
    """Any number of stripes, of as many layers as may be cut; with and without pools between."""
    shape = config(height=13, width=6, pooled_stages=pooled)
    network, hardware = random_network(shape, 4), Hardware.named("2x8,patch_lines=128")
    front = stripes._front
    monkeypatch.setattr(stripes, "_front", lambda layers: front(layers)[:depth])
    seen = set()
    whole = compile_network(network, hardware).memory_use["spike_lines"]
    for lines in range(whole - whole % 2 - 2, 20, -10):
        try:
            program = compile_network(network, replace(hardware, spike_lines=lines), explain=False)
        except UserError:
            break
        shapes = tuple((c.layer.parts, c.layer.stripe) for c in program.layers if c.layer.stripe)
        if shapes not in seen:
            seen.add(shapes)
            compare(program, network, random_images(shape, 1, lines))
    assert seen


def test_limit_that_is_told_is_that_of_stripes():
    network = random_network(config(height=40, width=16, pooled_stages=(1, 2, 3)), 1)
    with pytest.raises(UserError) as error:
        compile_network(network, Hardware.named("2x8,spike_lines=64"))
    least = int(str(error.value).rpartition("spike_lines=")[2].split()[0])
    assert least < 40 * 16
    program = compile_network(network, replace(Hardware.named("2x8"), spike_lines=least))
    assert any(c.layer.stripe for c in program.layers)


def test_no_crc_is_lost():
    """That of an image is that of its loads, some rows of which come twice."""
    shape = config(height=28, width=9, pooled_stages=(1, 2, 3))
    program = scarce(random_network(shape, 3), Hardware.named("2x8"))
    image = program.pack_image(random_images(shape, 1)[0])
    loads = [f for op, f in descriptors(program.program) if op == isa.OP_LOAD and f["from_image"]]
    assert [f["check"] for f in loads] == [0] * (len(loads) - 1) + [1] and len(loads) > 1
    assert loads[0]["offset"] == 0
    assert all(0 <= f["offset"] < len(image) and f["offset"] % 8 == 0 for f in loads)
    good = image_crc(program.hardware, program.program, image)
    for place in range(len(image)):
        bad = bytearray(image)
        bad[place] ^= 1
        assert image_crc(program.hardware, program.program, bytes(bad)) != good


@pytest.mark.parametrize("policy", POLICIES)
def test_lists(policy):
    """Layers that are larger than the memory: their weights are loaded once, also for a batch."""
    hardware = replace(Hardware.named("2x8"), patch_lines=64)
    small = replace(hardware, spike_lines=80)
    todo = layers(hardware, names=["conv", "ragged", "linear"])
    whole, _ = check(todo, hardware, policy, window=None)
    program, _ = check(todo, small, policy, window=None)
    striped = [c for c in program.layers if c.layer.stripe]
    assert {c.layer.parts[0] for c in striped} == {"conv", "ragged"}
    assert loaded_weights(program) == loaded_weights(whole)
    assert len(program.counted()) == 3
    images, _ = check(batch(todo, 2), small, policy, window=None)
    assert len(images.layers) == 2 * len(program.layers)


def test_counters_are_shared_where_there_are_too_few():
    shape = config(height=28, width=9, pooled_stages=(1, 2, 3))
    program = scarce(random_network(shape, 3), Hardware.named("2x8"))
    found = [c.layer for c in program.layers]
    striped = sum(x.stripe is not None for x in found)
    assert counters.joined(found, len(found)) == found
    fewer = counters.joined(found, len(found) - 1)
    assert [x.joined for x in fewer] == [0 < i < striped for i in range(len(found))]
    tile = replace(found[-1], tile=1)  # two tiles, and then there are few enough
    tiled = counters.joined([*found, tile], len(found))
    assert [x.joined for x in tiled] == [False] * len(found) + [True]


def test_the_next_input_has_room(monkeypatch):
    """Layers that fit, but would let the next input wait, are cut if that takes fewer cycles."""
    spikes = recording("large", (4, 16, 24, 12), 16, 3)
    hardware = Hardware.named("2x8,patch_lines=64,spike_lines=600")  # 288 in, 288 out
    todo = [
        random_layer(replace(spikes, name=f"large{i}"), 0.25, hardware.lanes, i) for i in range(3)
    ]
    cut, _ = check(todo, hardware, window=None)
    assert all(c.layer.stripe for c in cut.layers) and len(cut.counted()) == 3
    monkeypatch.setattr(compiler, "with_room", lambda *_: None)
    whole, _ = check(todo, hardware, window=None)
    assert len(whole.layers) == 3 and cut.estimate < whole.estimate
    assert loaded_weights(cut) == loaded_weights(whole)
