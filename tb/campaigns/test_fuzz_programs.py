# SPDX-License-Identifier: Apache-2.0
"""The mutator makes programs of every kind, and says truly what they are."""

import os
import random
from collections import Counter

import pytest

from golden.hardware import isa
from golden.hardware.check import check_program
from golden.hardware.configuration import Hardware
from tb.campaigns.fuzz_programs import MUTATIONS, Draft, good_program, mutants

SEED = int(os.environ.get("SEED") or random.randrange(1 << 31))


@pytest.fixture
def rng() -> random.Random:
    print(f"SEED={SEED}")  # shown when a test fails
    return random.Random(SEED)


@pytest.mark.parametrize("name", ["2x8", "4x16"])
def test_mutants_reach_every_verdict(name, rng):
    """Those that a check refuses, for every cause, and those that run."""
    hardware = Hardware.named(name)
    _, program = good_program(rng, hardware)
    causes = Counter()
    for mutant in mutants(program, rng.getrandbits(32), 600):
        fault = mutant.fault(hardware)
        causes[fault.cause if fault else isa.ERROR_NONE] += 1
        assert len(mutant.program) % 64 == 0 and str(mutant)
        sealed = isa.sealed(mutant.program) == mutant.program
        assert sealed or "not repaired" in mutant.what[-1]
        assert 0 <= mutant.count <= 0xFFFF
        assert len(mutant.weights) == len(program.weights)
    checked = (isa.ERROR_OPCODE, isa.ERROR_FIELD, isa.ERROR_PROGRAM_CRC, isa.ERROR_NO_END)
    assert all(causes[cause] >= 5 for cause in (*checked, isa.ERROR_OVERRUN)), causes
    assert causes[isa.ERROR_NONE] >= 150, causes


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
def test_every_mutation_changes_something(mutation, rng):
    hardware = Hardware.named("4x16")
    _, program = good_program(rng, hardware)
    changed = 0
    for _ in range(40):
        draft = Draft(rng, hardware, isa.cut(program.program), bytearray(program.weights))
        assert mutation(draft)
        mutant = draft.done()
        changed += (mutant.program, mutant.count, mutant.weights) != (
            program.program, program.count, program.weights,
        )  # fmt: skip
    assert changed >= 10


def test_mutants_repeat():
    hardware = Hardware.named("2x8")
    _, program = good_program(random.Random(5), hardware)
    assert mutants(program, 7, 30) == mutants(program, 7, 30) != mutants(program, 8, 30)


def test_good_programs_are_good(rng):
    for name in ("2x8", "4x16", "4x32"):
        network, program = good_program(rng, Hardware.named(name), depth=1)
        assert network.config.depth == 1
        check_program(program.hardware, program.program, program.count, program.weights)
