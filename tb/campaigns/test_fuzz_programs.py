# SPDX-License-Identifier: Apache-2.0
"""The fuzzer makes programs of every kind, and says truly what they are."""

import os
import random
from collections import Counter
from functools import partial

import pytest

from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.check import check_program
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from tb.campaigns.fuzz_oracle import Memory, certain, certain_stop, stored
from tb.campaigns.fuzz_programs import ALTERATIONS, Draft, hostile_programs
from tb.campaigns.good_program import good_program
from tb.lib.memory_map import memory_map

SEED = int(os.environ.get("SEED") or random.randrange(1 << 31))


@pytest.fixture
def rng() -> random.Random:
    print(f"SEED={SEED}")  # shown when a test fails
    return random.Random(SEED)


@pytest.mark.parametrize("name", ["2x8", "4x16"])
def test_hostile_programs_reach_every_verdict(name, rng):
    """Those that a check refuses, for every cause, and those that run."""
    hardware = Hardware.named(name)
    _, program = good_program(rng, hardware)
    causes = Counter()
    for hostile in hostile_programs(program, rng.getrandbits(32), 600):
        fault = hostile.fault(hardware)
        causes[fault.cause if fault else isa.ERROR_NONE] += 1
        assert len(hostile.program) % 64 == 0 and str(hostile)
        sealed = isa.sealed(hostile.program) == hostile.program
        assert sealed or "not repaired" in hostile.what[-1]
        assert 0 <= hostile.count <= 0xFFFF
        assert len(hostile.weights) == len(program.weights)
    checked = (isa.ERROR_OPCODE, isa.ERROR_FIELD, isa.ERROR_PROGRAM_CRC, isa.ERROR_NO_END)
    assert all(causes[cause] >= 5 for cause in (*checked, isa.ERROR_OVERRUN)), causes
    assert causes[isa.ERROR_NONE] >= 150, causes


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda m: m.__name__)
def test_every_alteration_changes_something(alteration, rng):
    hardware = Hardware.named("4x16")
    _, program = good_program(rng, hardware)
    changed = 0
    for _ in range(40):
        draft = Draft(rng, hardware, isa.cut(program.program), bytearray(program.weights))
        assert alteration(draft)
        hostile = draft.done()
        changed += (hostile.program, hostile.count, hostile.weights) != (
            program.program, program.count, program.weights,
        )  # fmt: skip
    assert changed >= 10


def test_hostile_programs_repeat():
    hardware = Hardware.named("2x8")
    _, program = good_program(random.Random(5), hardware)
    programs = partial(hostile_programs, program, count=30)
    assert programs(seed=7) == programs(seed=7) != programs(seed=8)


def laid_out(program, image: bytes) -> Memory:
    """The memory of a run of ``program``."""
    place = memory_map(program)
    data = bytearray(place["end"])
    for name, content in (("weights", program.weights), ("image", image)):
        data[place[name] : place[name] + len(content)] = content
    return Memory(data, place["weights"], place["image"], place["result"])


def without(program, op: int, **values: int) -> tuple[bytes, int]:
    """``program`` without its first descriptor of this kind, and its length."""
    cut = isa.cut(program.program)
    gone = next(i for i, d in enumerate(cut) if d[0] == op
                and values.items() <= isa.decode(d)[1].items())  # fmt: skip
    return isa.sealed(b"".join(cut[:gone] + cut[gone + 1 :])), len(cut) - 1


def test_oracle_knows_what_a_good_program_does(rng):
    network, program = good_program(rng, Hardware.named("2x8"), depth=1)
    images = random_images(network.config, 1, rng.getrandbits(31))
    memory = laid_out(program, program.pack_image(images[0]))
    (expected,) = expectations(program, network, images)
    must = certain(program.hardware, program.program, program.count, memory)
    assert must.result == (0, expected.label, list(expected.logits)) and must.stored
    assert must.layers == len(program.layers) == len(must.rows)
    for layer, want in zip(program.layers, expected.layers, strict=True):
        assert must.rows[layer.id] == (want.rows, want.row_adds)
    assert not certain_stop(program.hardware, program.program, program.count, memory)
    assert len(stored(must.result, 7)) == program.result_bytes


def test_oracle_does_not_guess(rng):
    """Parameters that were not loaded: whatever lay there counts. A store less: no result."""
    network, program = good_program(rng, Hardware.named("2x8"), depth=1)
    images = random_images(network.config, 1, rng.getrandbits(31))
    memory = laid_out(program, program.pack_image(images[0]))
    for gone in ({"op": isa.OP_LOAD, "target": isa.TARGET_PARAM}, {"op": isa.OP_STORE}):
        must = certain(program.hardware, *without(program, **gone), memory)
        assert must.result is None and must.stored == (gone["op"] != isa.OP_STORE)


def test_oracle_knows_bad_data(rng):
    _, program = good_program(rng, Hardware.named("2x8"), depth=1)
    memory = laid_out(program, bytes(program.image_bytes))
    memory.data[memory.weights + rng.randrange(len(program.weights))] ^= 1 << rng.randrange(8)
    why = certain_stop(program.hardware, program.program, program.count, memory)
    assert "wrong CRC" in why


def test_good_programs_are_good(rng):
    for name in ("2x8", "4x16", "4x32"):
        network, program = good_program(rng, Hardware.named(name), depth=1)
        assert network.config.depth == 1
        check_program(program.hardware, program.program, program.count, program.weights)
