# SPDX-License-Identifier: Apache-2.0
"""What a configuration takes on a chip: bits of memory, exactly, and logic, roughly.

Logic: LUT4 of an ECP5 after Yosys, as ``synth.counts`` counts them (carry and distributed RAM as
the LUTs that they occupy), measured for the presets in ``MEASURED``. Placed and routed, 2x8 took
5 % less (docs/log/synthesis.md). Depths change memories, not logic, except for accumulators.
"""

from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.energy.accelerator import memories

# (groups, lanes) -> LUT4 + 2 CCU2C + 6 DPR16X4. docs/log/synthesis.md, "Logic of the presets".
MEASURED = {(2, 8): 20_214 + 2 * 3_858 + 6 * 277}

GRIDS = ("8x16", "8x32", "16x32")  # beside the presets


def instances(hardware: Hardware) -> dict[str, int]:
    """How many there are of each of :func:`golden.hardware.energy.accelerator.memories`."""
    h = hardware
    return {
        "accumulator": 2 * h.pes, "membrane": h.groups, "weights": h.banks, "rows": h.banks,
        "spikes": h.groups, "patch": h.groups, "stream": h.groups, "params": h.groups,
        "logits": h.adders,
    }  # fmt: skip


def memory_bits(hardware: Hardware) -> int:
    """Of all memories but queues and counters, parity included."""
    count = instances(hardware)
    return sum(memory.capacity * count[name] for name, memory in memories(hardware).items())


def logic(hardware: Hardware) -> int | None:
    """LUT4, None where nothing of these groups and lanes was measured."""
    return MEASURED.get((hardware.groups, hardware.lanes))


def by_size(*, grids: bool = False) -> list[Hardware]:
    """The presets, with ``grids`` also those of ``GRIDS``, the smallest first."""
    found = [*CONFIGURATIONS.values(), *(Hardware.named(name) for name in GRIDS if grids)]
    return sorted(found, key=lambda h: (h.pes, memory_bits(h)))
