# SPDX-License-Identifier: Apache-2.0
"""Energy of a run on the RTL: how often its event monitor counted each event, times its price.

Counted is what switches because of the work: adders, memories, the bus. Not counted: clock tree,
control, crossbar and wires, parity trees, leakage. Event names are those of
``tb.measure.events.EVENTS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.contract.energy.technology import Technology
from golden.hardware.configuration import Hardware, clog2

LOGIT_BITS = 32
ROW_BITS = 13  # length and shift of a row-table entry, whether the row has a single word
COMPONENTS = (
    "adds", "neurons", "accumulators", "membranes", "weights", "row table", "spikes", "residual",
    "parameters", "loads", "DRAM",
)  # fmt: skip
# Events that cost; the others say how often something happens that these make up.
PRICED = (
    "adds", "acc_reads", "acc_writes", "neuron_steps", "membrane_reads", "membrane_writes",
    "stream_reads",
    "stream_writes", "logit_adds", "weight_reads", "weight_writes", "row_reads", "spike_reads",
    "spike_words", "patch_reads", "patch_writes", "param_reads", "load_weights", "load_rows",
    "load_params", "load_spikes", "load_logits", "read_bytes", "write_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """One instance of a memory; ``bits`` is the width of its words, parity included. An access
    wakes ``array`` words of it (0: all)."""

    words: int
    bits: int
    array: int = 0

    @property
    def capacity(self) -> int:
        return self.words * self.bits

    @property
    def awake(self) -> int:
        """Bits of the array that an access wakes."""
        return (self.array or self.words) * self.bits


def memories(h: Hardware) -> dict[str, Memory]:
    """The memories of ``rtl/`` that the event monitor watches, by name."""
    line = h.line_words * (h.lanes + 1)
    array = 0 if h.weight_arrays == 1 else 1 << clog2(h.bank_depth) - 1  # the larger one
    return {
        "accumulator": Memory(h.entries, h.acc_width + 1),  # of a lane, one of two buffers
        "membrane": Memory(h.acc_depth, h.lanes * (h.acc_width + 2)),  # of a group: psf_lif, parity
        "weights": Memory(h.bank_depth, h.lanes * h.slot_width + 1, array),  # of a bank
        "rows": Memory(h.row_depth, clog2(h.bank_depth) + ROW_BITS + 1),  # of a bank
        "spikes": Memory(h.spike_lines // h.groups, line),  # of a bank
        "patch": Memory(2 * h.patch_lines, line),  # of a group
        "stream": Memory(h.stream_depth, h.lanes * h.stream_width + 1),  # of a bank
        "params": Memory(h.param_depth, 2 * h.lanes * h.acc_width + 1),  # of a group
        "logits": Memory(h.classes // h.adders, LOGIT_BITS + 1),  # of an adder of the head
    }


def components(
    counts: Mapping[str, int], hardware: Hardware, technology: Technology
) -> dict[str, float]:
    """Energy in pJ by component of a layer (or of the loads); events not in ``counts`` are 0.

    A lane adds only where the weight is not zero, but reads and writes its accumulator in any case.
    A drained word that fires is four additions a lane at most: bias, residual, membrane, threshold.
    """
    n = {name: counts.get(name, 0) for name in PRICED}
    lanes, store = hardware.lanes, memories(hardware)

    def access(name: str, bits: int | None = None) -> float:
        memory = store[name]
        return technology.sram(memory.awake, memory.bits if bits is None else bits)

    add, logit = technology.add(hardware.acc_width), technology.add(LOGIT_BITS)
    word = lanes + 1  # a spike word and its parity
    bus_bits = 8 * (n["read_bytes"] + n["write_bytes"])
    return {
        "adds": n["adds"] * add,
        "neurons": lanes
        * (add * (3 * n["neuron_steps"] + n["stream_writes"]) + logit * n["logit_adds"]),
        "accumulators": lanes
        * (
            (n["acc_reads"] + n["acc_writes"]) * access("accumulator")
            + 2 * n["logit_adds"] * access("logits")
        ),
        "membranes": (n["membrane_reads"] + n["membrane_writes"]) * access("membrane"),
        "weights": (n["weight_reads"] + n["weight_writes"]) * access("weights"),
        "row table": n["row_reads"] * access("rows"),
        "spikes": n["spike_reads"] * access("spikes")
        + n["spike_words"] * access("spikes", word)
        + (n["patch_reads"] + n["patch_writes"]) * access("patch"),
        "residual": (n["stream_reads"] + n["stream_writes"]) * access("stream"),
        "parameters": n["param_reads"] * access("params"),
        "loads": n["load_weights"] * access("weights")
        + n["load_rows"] * access("rows")
        + n["load_params"] * access("params")
        + n["load_spikes"] * access("spikes", word)
        + n["load_logits"] * access("logits"),
        "DRAM": technology.dram(bus_bits),
    }


def run_energy(
    events: Mapping[str, Mapping[str, int]], hardware: Hardware, technology: Technology
) -> dict[str, dict[str, float]]:
    """Components in pJ of every part of ``tb.measure.events.read``: layers, loads, between."""
    return {part: components(counts, hardware, technology) for part, counts in events.items()}
