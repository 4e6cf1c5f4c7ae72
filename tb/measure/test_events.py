# SPDX-License-Identifier: Apache-2.0
"""What the event monitor counts in whole inferences, against figures from elsewhere.

The golden model knows the useful adds, the compiler the words that are loaded, the geometry of the
layers what is fetched and drained, the performance counters rows and row-adds.
"""

import os
import random
import secrets
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cocotb
import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from tb.lib.bench import Bench
from tb.lib.networks import seeing_network
from tb.measure import events
from tb.run import runner
from tb.system.run import MODELS, SMALL, run_system

CASES = {
    "2x8": ("2x8", replace(SMALL, heads=4, height=7, width=9, in_channels=3, timesteps=3),
            "balanced"),
    "4x16": ("4x16", replace(SMALL, dim=64, heads=4, depth=2, mlp_ratio=4), "unstructured"),
}  # fmt: skip


# ---- The monitor on its own: random enables and layers, and the sums that its file must hold.

GROUPS, LANES, BANKS, LINE_WORDS = 2, 8, 4, 4  # of the monitor on its own
WIDTHS = {
    "add_i": GROUPS, "nonzero_i": GROUPS * LANES, "acc_drain_i": GROUPS, "acc_clear_i": GROUPS,
    "neuron_i": GROUPS, "membrane_read_i": GROUPS, "membrane_write_i": GROUPS,
    "drained_i": GROUPS, "word_read_i": BANKS,
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
        "membrane_reads": n["membrane_read_i"],
        "membrane_writes": n["membrane_write_i"],
        "neuron_steps": n["neuron_i"],
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
    bench = Bench(dut)
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


@pytest.mark.parametrize("sim", ["verilator", "icarus"])
def test_model(sim):
    """The monitor on its own; the netlist that Icarus otherwise simulates is not for it."""
    runner.run(
        "psf_events",
        __name__,
        {"Groups": GROUPS, "Lanes": LANES, "Banks": BANKS, "LineWords": LINE_WORDS},
        [MODELS / "psf_events.sv"], sim=sim,
    )  # fmt: skip


# ---- In whole inferences.


@pytest.fixture(scope="module", params=CASES)
def inference(request):
    """(program, golden expectation, events, results) of one image."""
    name, config, sparsity = CASES[request.param]
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={seed}")
    hardware = Hardware.named(name)
    network = seeing_network(config, seed, sparsity, lanes=hardware.lanes)
    images = random_images(config, 1, seed)
    results = run_system(network, hardware, images, seed=seed, sim="verilator", waves=False,
                         monitors=("events",))  # fmt: skip
    assert results["mismatches"] == 0, f"SEED={seed}"
    program = compile_network(network, hardware)
    (expected,) = expectations(program, network, images)
    names = [c.name for c in program.layers]
    counts = events.read(Path(results["folder"]) / "events-0.bin", names)
    return program, expected, counts, results


def test_adds_and_weights(inference):
    """Lane adds, row-adds and weight reads."""
    program, expected, counts, results = inference
    for c, want, counters in zip(program.layers, expected.layers, results["layers"], strict=True):
        got, stored = counts[c.name], c.layer.mode != isa.MODE_KEY_VALUE
        assert got["adds"] == want.pattern_adds, c.name
        assert got["cycles"] == counters["cycles"], c.name
        assert got["row_adds"] == counters["row_adds"] == want.row_adds, c.name
        assert got["row_reads"] == stored * want.rows, c.name
        assert got["weight_reads"] == stored * want.row_adds, c.name
    assert sum(got["adds"] for got in counts.values() if "adds" in got) == expected.pattern_adds > 0


def test_drain(inference):
    """Accumulators, parameters, membranes, residual stream: as often as words are drained."""
    program, expected, counts, _ = inference
    for c, want in zip(program.layers, expected.layers, strict=True):
        got, layer = counts[c.name], c.layer
        units, steps, words = c.shape
        drained = units * steps * words
        fires = layer.mode in (isa.MODE_SPIKE, isa.MODE_RESIDUAL)
        residual = drained * (layer.mode == isa.MODE_RESIDUAL)
        assert got["drained"] == drained, c.name
        # What is read is cleared. The first convolution drains its sums once for all timesteps.
        assert got["acc_reads"] == got["acc_writes"] == got["row_adds"] + want.reads, c.name
        windows = 1 if layer.repeats else -(-steps // layer.window)
        assert got["param_reads"] == fires * units * windows * words, c.name
        assert got["neuron_steps"] == fires * drained, c.name
        kept = fires * units * (windows - 1) * words  # from one window to the next
        assert got["membrane_writes"] == kept, c.name
        # A neuron that is alone in its lane follows itself.
        assert got["membrane_reads"] == kept * (words > 1), c.name
        assert got["stream_reads"] == got["stream_writes"] == residual, c.name
        assert got["logit_adds"] == drained * (layer.mode == isa.MODE_HEAD), c.name
        dumped = drained * (layer.mode == isa.MODE_KEY_VALUE)
        assert got["weight_writes"] == dumped, c.name


def test_spikes(inference):
    """Lines that patches need and that layers write."""
    program, _, counts, _ = inference
    hardware = program.hardware
    for c in program.layers:
        got, layer = counts[c.name], c.layer
        units, steps, words = c.shape
        source = layer.source
        if layer.mode == isa.MODE_KEY_VALUE:  # a line holds a token's block
            fetched = scanned = units * source.tokens
        else:
            inside = np.pad(np.ones((source.height, source.width), int), 1)
            edge = range(3) if layer.taps == 9 else (1,)
            taps = sum(
                int(inside[y : y + source.height, x : x + source.width].sum())
                for y in edge
                for x in edge
            )
            fetched = taps * source.lines(hardware)
            scanned = taps * sum(  # window after window, the lines that hold its words
                len({source.place(t, layer.in_first + j) // hardware.line_words
                     for j in range(layer.in_words)})
                for t in range(0, source.steps, layer.window)
            )  # fmt: skip
        assert got["patch_writes"] == fetched, c.name
        assert got["patch_reads"] == scanned, c.name
        if layer.target is None:
            assert got["spike_writes"] == got["spike_words"] == 0, c.name
            assert got["spike_reads"] == fetched, c.name
        elif not layer.pool:
            window = steps if layer.repeats else layer.window
            lines = [  # in the order of the drain; a line is written when the next one begins
                layer.target.place(t, layer.out_first + j) // hardware.line_words
                for first in range(0, steps, window)
                for j in range(words)
                for t in range(first, min(first + window, steps))
            ]
            changes = sum(a != b for a, b in pairwise(lines))
            pixels = units * (1 + layer.pair)
            assert got["spike_words"] == pixels * steps * words, c.name
            assert got["spike_writes"] == pixels * (changes + 1), c.name
            assert got["spike_reads"] == fetched, c.name
        else:  # OR-ed: a line that is written was cleared or read before, and while its words
            # were on their way, for two cycles at the most, read again
            ored = got["spike_writes"] - c.fields["out_clear"]
            assert 0 < ored <= got["spike_reads"] - fetched <= 3 * ored, c.name
            assert got["spike_words"] >= layer.target.tokens * steps * words, c.name


def test_loads(inference):
    """What the loader writes and what crosses the bus, from the descriptors."""
    program, _, counts, _ = inference
    hardware, records, beats = program.hardware, {}, len(program.program) // 8
    for descriptor in isa.cut(program.program):
        op, f = isa.decode(descriptor)
        if op == isa.OP_LOAD:
            units = f["unit_words"] if f["target"] == isa.TARGET_SPIKE else 1
            records[f["target"]] = records.get(f["target"], 0) + f["records"] * units
            beats += load_bytes(hardware, f) // 8
    got = counts["loads"]
    assert got["load_weights"] == records[isa.TARGET_WEIGHT]
    assert got["load_rows"] == records[isa.TARGET_ROW]
    assert got["load_params"] == hardware.groups * records[isa.TARGET_PARAM]
    assert got["load_spikes"] == records[isa.TARGET_SPIKE]
    assert got["load_logits"] == records[isa.TARGET_LOGIT]
    assert got["read_bytes"] == 8 * beats
    assert got["write_bytes"] == program.result_bytes and got["write_bursts"] == 1
    assert got["read_bursts"] >= beats / 64


def test_between_layers(inference):
    """Nothing happens without a layer but the sweep of both accumulator buffers after reset."""
    program, _, counts, _ = inference
    between = dict(counts["between"])
    assert between.pop("cycles") > 0
    sweep = between.pop("acc_writes")
    assert sweep >= 2 * program.hardware.acc_depth * program.hardware.groups
    assert not any(between.values()), between


def test_total(inference):
    _, _, counts, _ = inference
    total = events.total(counts)
    assert total["read_bytes"] == counts["loads"]["read_bytes"]
    assert total["adds"] == sum(part.get("adds", 0) for part in counts.values())


def test_refusals(tmp_path):
    """Icarus has no monitor; records of a layer that the program lacks are an error."""
    network = random_network(SMALL, 1)
    with pytest.raises(UserError, match="verilator only"):
        run_system(network, Hardware.named("2x8"), random_images(SMALL, 1, 1), sim="icarus",
                   monitors=("events",))  # fmt: skip
    np.zeros(1 + len(events.EVENTS), "<u4").tofile(tmp_path / "events.bin")
    assert events.read(tmp_path / "events.bin", ["only"])["only"]["cycles"] == 0
    with pytest.raises(ValueError, match=r"layers \[0\]"):
        events.read(tmp_path / "events.bin", [])
