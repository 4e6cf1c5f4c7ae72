# SPDX-License-Identifier: Apache-2.0
"""examples/bus_functional.py, the bench that others copy, does what it says."""

import os
from pathlib import Path

import cocotb
import pytest

from examples import bus_functional
from golden.contract.model import forward
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.package import package
from golden.hardware.compile.program import compile_network
from tb.lib.bench import Bench
from tb.run.runner import SimulationFailed
from tb.system.run import SMALL
from tb.system.test_axi import HARDWARE, run_axi


@cocotb.test()
async def as_it_stands(dut) -> None:
    """Behind the edge of the reset that random start values ask for; the checker of this harness
    lets all addresses pass."""
    await Bench(dut).asleep()
    for name in ("read", "write"):
        getattr(dut, f"{name}_base_i").value = 0
        getattr(dut, f"{name}_limit_i").value = 0xFFFF_FFFF
    await bus_functional.classifies.func(dut)


def written(folder: Path, wrong: int) -> Path:
    """A package of one image; ``wrong`` is added to a logit that it expects."""
    network = random_network(SMALL, 1, "balanced", lanes=HARDWARE.lanes)
    images = random_images(SMALL, 1, 1)
    program, logits = compile_network(network, HARDWARE), forward(network, images).logits
    logits[0, -1] += wrong
    path = folder / "network.bin"
    path.write_bytes(package(program, [program.pack_image(images[0])], list(logits)))
    return path


@pytest.mark.long
def test_the_example(tmp_path):
    if os.environ.get("SIM") == "icarus":
        pytest.skip("the whole block and Python models on Icarus take minutes")
    run_axi(__name__, {"PSF_PACKAGE": str(written(tmp_path, 0))})
    with pytest.raises(SimulationFailed, match="instead of"):
        run_axi(__name__, {"PSF_PACKAGE": str(written(tmp_path, 1))})
