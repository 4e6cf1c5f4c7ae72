# SPDX-License-Identifier: Apache-2.0
"""psf_events: random enables and layers; its file must hold the sums of what was applied."""

import random
from pathlib import Path

import cocotb

from tb.lib.clocked import Clocked
from tb.measure import events

GROUPS, LANES, BANKS, LINE_WORDS = 2, 8, 4, 4  # as tb.measure.test_events sets them
WIDTHS = {
    "add_i": GROUPS, "nonzero_i": GROUPS * LANES, "acc_drain_i": GROUPS, "acc_clear_i": GROUPS,
    "neuron_i": GROUPS, "neuron_first_i": GROUPS, "drained_i": GROUPS, "word_read_i": BANKS,
    "word_write_i": BANKS, "word_dump_i": 1, "row_read_i": BANKS, "row_write_i": BANKS,
    "spike_read_i": GROUPS, "spike_write_i": GROUPS * LINE_WORDS, "spike_load_i": 1,
    "patch_read_i": GROUPS, "patch_write_i": GROUPS, "stream_read_i": GROUPS,
    "stream_write_i": GROUPS, "param_read_i": GROUPS, "param_write_i": GROUPS, "logit_add_i": 1,
    "logit_write_i": 1, "ar_i": 1, "r_i": 1, "aw_i": 1, "w_i": 1, "wstrb_i": 8,
}  # fmt: skip
NAMES = ("first", "second", "third")


def counted(x: dict[str, int]) -> dict[str, int]:
    """What one cycle with these inputs adds to each event."""
    n = {name: value.bit_count() for name, value in x.items()}
    line = (1 << LINE_WORDS) - 1
    lines = sum((x["spike_write_i"] >> LINE_WORDS * g & line) != 0 for g in range(GROUPS))
    dump, load = x["word_dump_i"], x["spike_load_i"]
    return {
        "cycles": 1,
        "row_adds": n["add_i"],
        "adds": n["nonzero_i"],
        "acc_reads": n["add_i"] + n["acc_drain_i"],
        "acc_writes": n["add_i"] + n["acc_clear_i"],
        "weight_reads": n["word_read_i"],
        "weight_writes": n["word_write_i"] * dump,
        "row_reads": n["row_read_i"],
        "spike_reads": n["spike_read_i"],
        "spike_writes": lines * (1 - load),
        "spike_words": n["spike_write_i"] * (1 - load),
        "patch_reads": n["patch_read_i"],
        "patch_writes": n["patch_write_i"],
        "stream_reads": n["stream_read_i"],
        "stream_writes": n["stream_write_i"],
        "param_reads": n["param_read_i"],
        "membrane_reads": (x["neuron_i"] & ~x["neuron_first_i"]).bit_count(),
        "membrane_writes": n["neuron_i"],
        "drained": n["drained_i"],
        "logit_adds": n["logit_add_i"],
        "load_weights": n["word_write_i"] * (1 - dump),
        "load_rows": n["row_write_i"],
        "load_params": n["param_write_i"],
        "load_spikes": n["spike_write_i"] * load,
        "load_logits": n["logit_write_i"],
        "read_bursts": n["ar_i"],
        "read_bytes": 8 * n["r_i"],
        "write_bursts": n["aw_i"],
        "write_bytes": n["wstrb_i"] * n["w_i"],
    }


@cocotb.test()
async def random_enables(dut):
    """Two recordings, the second of which must not remember the first."""
    bench = Clocked(dut)
    zero = dict.fromkeys([*WIDTHS, "open_i", "close_i", "active_i", "layer_i"], 0)
    await bench.reset(**zero)
    for cycles in (700, 300):
        bench.set(**zero | {"open_i": 1, "add_i": 3})  # this cycle is not recorded yet
        await bench.tick()
        want = {name: dict.fromkeys(events.EVENTS, 0) for name in (*NAMES, "between")}
        layer, active = 0, 0
        for cycle in range(cycles):
            if random.random() < 0.05:
                layer, active = random.randrange(len(NAMES)), random.randrange(2)
            x = {name: random.getrandbits(width) for name, width in WIDTHS.items()}
            bench.set(**x, open_i=0, close_i=int(cycle == cycles - 1), active_i=active,
                      layer_i=layer)  # fmt: skip
            part = want[NAMES[layer] if active else "between"]
            for name, value in counted(x).items():
                part[name] += value
            await bench.tick()
        bench.set(**zero)
        await bench.tick()
        got = events.read(Path("events.bin"), NAMES)
        loads = {e: sum(part[e] for part in want.values()) for e in events.LOADS}
        assert got.pop("loads") == loads
        assert got == {
            name: {e: n for e, n in part.items() if e not in events.LOADS}
            for name, part in want.items()
        }
        assert all(loads.values()) and sum(p["cycles"] for p in got.values()) == cycles
