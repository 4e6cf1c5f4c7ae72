# SPDX-License-Identifier: Apache-2.0
"""The fuzzer makes programs of every kind, and says truly what they are."""

import os
import random
from collections import Counter
from functools import partial

import pytest

from golden.hardware import isa
from golden.hardware.check import check_program
from golden.hardware.configuration import Hardware
from tb.campaigns.fuzz_programs import ALTERATIONS, Draft, hostile_programs
from tb.campaigns.good_program import good_program

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


def test_good_programs_are_good(rng):
    for name in ("2x8", "4x16", "4x32"):
        network, program = good_program(rng, Hardware.named(name), depth=1)
        assert network.config.depth == 1
        check_program(program.hardware, program.program, program.count, program.weights)
