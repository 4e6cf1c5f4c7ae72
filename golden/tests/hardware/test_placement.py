# SPDX-License-Identifier: Apache-2.0
"""Weights in pieces; the waits that a placement is chosen by."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.compile import program as programs
from golden.hardware.compile.allocate import Memory, Region
from golden.hardware.compile.placement import Placement
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.rows import entry, pack_rows
from golden.hardware.compile.schedule import DECODER, LOAD, load_cycles, waits
from golden.hardware.configuration import Hardware
from golden.tests.hardware.test_compile import compare

SHAPE = NetworkConfig(dim=32, heads=4, depth=2, timesteps=3, height=7, width=6, mlp_ratio=3)


def tight(network, share=1.25):
    """2x8 with banks that hold little more than the largest layer."""
    roomy = Hardware.named("2x8")
    layers = compile_network(network, roomy).layers
    most = max(c.packed.words for c in layers if c.packed)
    return replace(roomy, bank_depth=int(share * most))


def only(monkeypatch, *placements):
    monkeypatch.setattr(programs, "Placement", placements)


@pytest.mark.parametrize("policy", ["ring", "eager", "lazy"])
@pytest.mark.parametrize(
    ("sparsity", "codebook", "coded"),
    [("balanced", 15, True), ("rows", 15, True), ("unstructured", 0, True), ("dense", 0, False)],
)
def test_pieces_are_exact(monkeypatch, sparsity, codebook, coded, policy):
    """Three jobs in a row whose weights share memory: nothing is overwritten too early."""
    only(monkeypatch, Placement.PIECES if policy == "ring" else Placement.PIECES_BY_TURNS)
    network = random_network(SHAPE, 5, sparsity, lanes=8, codebook=codebook)
    hardware = tight(network)
    program = compile_network(network, hardware, coded=coded)
    names = [load["name"] for load in program.loads if load["name"].endswith(" weights")]
    assert len(names) > len(set(names)), "no layer lies in pieces"
    compare(program, network, random_images(SHAPE, 3, 5), policy)


def test_the_least_waits_are_chosen(monkeypatch):
    """Of all placements, with each alone as the witness."""
    network = random_network(SHAPE, 5, "balanced", lanes=8, codebook=15)
    hardware = tight(network)

    def waiting():
        program = compile_network(network, hardware)
        cycles = [programs.layer_cycles(c.layer, hardware, {}) for c in program.layers]
        return sum(waits(program, cycles))

    chosen = waiting()
    alone = {}
    for placement in Placement:
        only(monkeypatch, placement)
        alone[placement] = waiting()
    assert chosen == min(alone.values()) == alone[Placement.PIECES] < alone[Placement.BY_TURNS]


def test_runs_wait_alike():
    """The earliest first, without what is still in use; small neighbours wait together."""
    memory = Memory("words", "bank_depth", 100)
    assert memory.runs(0) == [Region(0, 100, 0, 0)]
    memory.put(Region(0, 30, 0, 0))
    memory.put(Region(30, 40, 1, 0))
    assert memory.runs(2) == [Region(70, 30, 2, 0), Region(0, 30, 2, 1), Region(30, 40, 2, 2)]
    assert memory.runs(1) == [Region(70, 30, 1, 0), Region(0, 30, 1, 1)]  # layer 1 needs the other
    assert memory.runs(2, 31) == [Region(0, 100, 2, 2)]
    memory.put(Region(70, 30, 2, 0))
    memory.put(Region(0, 10, 2, 1))
    assert memory.runs(2) == [Region(10, 20, 2, 1), Region(30, 40, 2, 2)]
    assert memory.last_use(0, 12) == 2 and memory.last_use(10, 5) == 0


def test_pieces_of_rows():
    """They have every row once, and no more words than fit."""
    rng = np.random.default_rng(7)
    hardware = Hardware.named("2x8")
    weight = rng.integers(-5, 6, (9, 24, 32)) * (rng.random((9, 24, 32)) < 0.2)
    weight[:, 5] = weight[2] = 0
    packed = pack_rows(weight, None, 24, hardware, masked=True)
    first, found = 0, 0
    while first < len(packed.entries):
        size = int(rng.integers(20, 60))
        count = packed.fitting(first, size)
        piece = packed.piece(first, first + count)
        assert piece.words <= size < packed.piece(first, first + count + 1).words or (
            first + count == len(packed.entries)
        )
        for k, bank in np.ndindex(count, hardware.banks):
            old, new = packed.entries[first + k, bank], piece.entries[k, bank]
            length = old >> 16 & 0xFF
            assert new >> 16 == old >> 16
            if packed.stored[first + k, bank]:
                a, b = old & 0xFFFF, new & 0xFFFF
                rows = packed.slots[a : a + length, bank], piece.slots[b : b + length, bank]
                assert (rows[0] == rows[1]).all() and b + length <= piece.used[bank]
                found += 1
            else:
                assert new == entry(0, 1, 0)
        first += count
    assert found == (packed.stored > 0).sum() == np.count_nonzero(packed.length)


def test_cycles_of_an_image():
    """Lines of one word: 4x16 fills four banks at once where all is a multiple of four."""
    hardware = Hardware.named("4x16")
    load = dict(target=isa.TARGET_SPIKE, coded=0, unit_words=1, records=784, dest=8)
    assert load_cycles(hardware, load) == 196 + LOAD
    for change in (dict(dest=6), dict(records=786)):
        assert load_cycles(hardware, load | change) == (load | change)["records"] + LOAD
    assert load_cycles(hardware, load | dict(unit_words=3)) == 3 * 784 + LOAD
    assert load_cycles(hardware, load | dict(unit_words=8)) == 2 * 784 + LOAD  # beats


def test_cycles_of_weights():
    """A word of the bus a cycle, and no more than one record."""
    raw = dict(target=isa.TARGET_WEIGHT, coded=0, records=10, unit_words=0, dest=0)  # of 7 beats
    coded = raw | dict(coded=1, records=100, index_bits=2)  # of 3 beats
    for width, many, few in ((8, 70, 300), (16, 35, 150), (32, 18, 100)):
        hardware = Hardware.named(f"4x32,bus_bytes={width}")
        assert load_cycles(hardware, raw) == many + LOAD
        assert load_cycles(hardware, coded) == few + DECODER + LOAD
        rows = dict(target=isa.TARGET_ROW, coded=1, records=48, unit_words=0, dest=0)
        assert load_cycles(hardware, rows) == 8 * 48 // width + LOAD
        assert load_cycles(hardware, rows | dict(records=49)) == 49 + LOAD
        assert load_cycles(hardware, rows | dict(coded=0)) == 48 + LOAD


def test_waits_of_a_program():
    """A load in time, one that comes late, one that starts late; by hand."""
    hardware = Hardware.named("2x8")
    load = dict(target=isa.TARGET_PARAM, unit_words=0, coded=0)  # 40 bytes a record
    layer = dict(mode=0)

    def descriptor(op, **values):
        return isa.encode(op, "a test", **values)

    beats = [5 * n + LOAD for n in (4, 20, 100)]
    listing = [
        descriptor(isa.OP_LOAD, records=4, **load),
        descriptor(isa.OP_LAYER, wait_loads=1, **layer),
        descriptor(isa.OP_LOAD, records=20, **load),
        descriptor(isa.OP_LAYER, wait_loads=2, **layer),
        descriptor(isa.OP_LOAD, records=100, wait_items=1, **load),
        descriptor(isa.OP_LAYER, wait_loads=3, **layer),
        descriptor(isa.OP_END),
    ]
    found = [load_cycles(hardware, isa.decode(d)[1]) for d in listing if d[0] == isa.OP_LOAD]
    assert found == beats == [60, 140, 540]
    program = type("Listing", (), {"program": b"".join(listing), "hardware": hardware})()
    # Layers end at 60 + 50, 200 + 100 and, the third load from 200 to 740, at 740 + 10.
    assert waits(program, [50, 100, 10]) == [0, 90, 440]
    assert waits(program, [300, 500, 10]) == [0, 0, 40]
    assert waits(program, [300, 600, 10]) == [0, 0, 0]
