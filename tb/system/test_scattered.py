# SPDX-License-Identifier: Apache-2.0
"""Random networks whose tensors, rows, weights and parameters lie anywhere in their memories.

The compiler fills memories from the bottom; here every place is drawn from all that are free, so
that bases, and the waits of loads for layers that follow from them, take values of every size.
"""

import os
import random

import pytest

from golden.contract.errors import UserError
from golden.contract.random_network import random_images
from golden.hardware.compile import assembler
from golden.hardware.compile.allocate import Memory, Region
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib.functional_coverage import FOLDER
from tb.lib.good_program import good_program
from tb.system.run import run_system

COUNT = 24 if os.environ.get(FOLDER) else 3
HARDWARE = Hardware.named("2x8")
TRIES = 50  # of a place that may be taken, then the compiler's own; of a program


class Scattered(Memory):
    """A memory whose places are drawn, from those that need no waiting or from all."""

    rng = random.Random(0)

    def find(self, size, layer, last, starts=None, loaded=None, high=False) -> Region | None:
        least = super().find(size, layer, last, starts, loaded, high)
        if least is None or starts is not None:
            return least
        for _ in range(TRIES):
            top = self.depth - size
            start = self.rng.choice((self.rng.randint(0, top), min(top, self.rng.randrange(16))))
            overlaps = [r for r in self.regions if r.overlaps(start, size)]
            wait = max((r.last + 1 for r in overlaps), default=0)
            if wait <= layer:
                return Region(start, size, last, wait)
        return least


def scattered(network, key: str) -> str | None:
    """What to seed the places with so that ``network`` finds room; None if nothing was found."""
    for draw in range(TRIES):
        Scattered.rng = random.Random(f"{key} {draw}")
        try:
            program = compile_network(network, HARDWARE, explain=False)
        except UserError:  # in pieces, the free memory is too small
            continue
        if any(c.fields["in_base"] > 15 for c in program.layers):
            return f"{key} {draw}"
    return None


@pytest.mark.long
@pytest.mark.parametrize("case", range(COUNT))
def test_scattered(case, seed, monkeypatch):
    rng, key = random.Random(f"{seed} {case}"), None
    while key is None:
        network, _ = good_program(rng, HARDWARE)
        with monkeypatch.context() as patch:
            patch.setattr(assembler, "Memory", Scattered)
            key = scattered(network, f"{seed} {case}")
    monkeypatch.setattr(assembler, "Memory", Scattered)
    Scattered.rng = random.Random(key)
    images = random_images(network.config, 2, seed)
    results = run_system(
        network, HARDWARE, images, stalls=30 * (case % 2), sim="verilator", seed=seed, quiet=True
    )
    assert results["mismatches"] == 0, f"SEED={seed}: {results['messages']}"
