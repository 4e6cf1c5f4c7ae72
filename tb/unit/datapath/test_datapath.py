# SPDX-License-Identifier: Apache-2.0
"""Whole random networks through psf_datapath, driven at its own ports, layer by layer.

Every drained word (spikes, currents, residuals, counts) is compared with the integer model, and
fault_o must stay 0 in every cycle although the memories start with garbage. Then the same network
with addresses beyond the memories, and with bits flipped inside, must show it on fault_o. pytest
names one of CASES in the environment (PSF_CASE).
"""

import os
import random
from dataclasses import replace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge

from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.compile import bits, windows
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from golden.hardware.sequence import execution_order
from tb.lib.bench import HIDDEN, Bench
from tb.lib.layer import layer_fields, pack_layer
from tb.lib.memories import stored_words
from tb.lib.parameters import hardware
from tb.lib.structs import View
from tb.run.runner import run
from tb.unit.datapath.group_states import states
from tb.unit.datapath.networks import CASES

SEED = int(os.environ.get("SEED") or 1)  # of the network
CYCLES_PER_LAYER = 20_000
MEMBERS = {name for name, _ in layer_fields()}


class DatapathBench(Bench):
    """Loader port, layer handshake, trace monitor and scoreboard of one datapath."""

    def __init__(self, dut, hw):
        super().__init__(View(dut, {}, loads="i"))
        self.hw = hw
        self.faults = 0  # all bits of fault_o seen so far

    async def begin(self):
        self.set(write_i=0, layer_start_i=0, logit_raddr_i=0)
        await self.start()
        cocotb.start_soon(self.watch())

    async def watch(self):
        """Every cycle; an X is none of {0, 1}."""
        while True:
            await ReadOnly()
            value = str(self.dut.fault_o.value)
            assert set(value) <= {"0", "1"}, f"fault_o is {value}"
            self.faults |= int(value, 2)
            await RisingEdge(self.dut.clk_i)

    async def write(self, prefix, handshake=False, **fields):
        """One beat on a load port."""
        for name, value in fields.items():
            getattr(self.dut, f"{prefix}_{name}_i").value = value
        valid = getattr(self.dut, f"{prefix}_valid_i")
        valid.value = 1
        while True:
            await ReadOnly()
            taken = not handshake or int(getattr(self.dut, f"{prefix}_ready_o").value)
            await RisingEdge(self.dut.clk_i)
            if taken:
                break
        valid.value = 0

    async def load(self, f, data):
        hw, count, dest = self.hw, f["records"], f["dest"]
        data = data[f["offset"] :]

        def words(total_bits, align):
            size = -(-total_bits // align) * align // 8
            return [int.from_bytes(data[i * size : (i + 1) * size], "little") for i in range(count)]

        if f["target"] == isa.TARGET_WEIGHT:
            for i, word in enumerate(words(hw.lanes * hw.slot_width, 64)):
                at = dict(bank=i % hw.banks, addr=dest + i // hw.banks)
                await self.write("weight", True, data=word, **at)
        elif f["target"] == isa.TARGET_ROW:
            for i, word in enumerate(words(32, 32)):
                await self.write("row", bank=i % hw.banks, addr=dest + i // hw.banks, data=word)
        elif f["target"] == isa.TARGET_PARAM:
            for i, word in enumerate(words(2 * hw.lanes * hw.acc_width, 64)):
                await self.write("param", addr=dest + i, data=word)
        elif f["target"] == isa.TARGET_MASK:
            for i, word in enumerate(words(hw.line_words * hw.lanes, 64)):
                await self.write("mask", addr=dest + i, data=word)
        elif f["target"] == isa.TARGET_SPIKE:
            width, lines = f["unit_words"] * hw.lanes, hw.spread_lines
            if f["unit_words"] > 1 or dest % lines or count % lines:
                lines = 1
            where = dict(words=(1 << f["unit_words"]) - 1, spread=int(lines > 1))
            every = int.from_bytes(data, "little")
            for i in range(0, count, lines):
                word = every >> (i * width) & ((1 << lines * width) - 1)
                await self.write("spike", True, addr=dest + i, data=word, **where)
        else:
            for i, word in enumerate(words(32, 32)):
                await self.write("logit", addr=dest + i, data=word)

    async def layer(self, f):
        """Run one layer; returns its drained words by (unit, step, word) and its cycles."""
        dut, hw = self.dut, self.hw
        dut.layer_i.value = pack_layer({k: v for k, v in f.items() if k in MEMBERS})
        dut.layer_start_i.value = 1
        await RisingEdge(dut.clk_i)
        dut.layer_start_i.value = 0
        drained, events = {}, np.zeros(6, int)
        for cycle in range(CYCLES_PER_LAYER):
            await ReadOnly()
            valid = int(dut.trace_valid_o.value)
            packed = int(dut.event_o.value)
            now = [(packed >> 8 * i) & 0xFF for i in range(6)]
            events += now
            if not HIDDEN:
                self.equal(f"cycle {cycle} of layer {f['id']}", now[1:], states(dut, hw.groups))
            if valid:
                self.collect(valid, drained)
            done = int(dut.layer_done_o.value)
            await RisingEdge(dut.clk_i)
            if done:
                return drained, cycle + 1, events
        raise AssertionError(f"layer {f['id']} is not done after {CYCLES_PER_LAYER} cycles")

    def collect(self, valid, drained):
        dut, hw = self.dut, self.hw
        widths = dict(token=16, step=8, word=8, spikes=hw.lanes, value=hw.lanes * hw.acc_width)
        raw = {name: str(getattr(dut, f"trace_{name}_o").value) for name in widths}
        for g in range(hw.groups):
            if not valid >> g & 1:
                continue
            # Groups without a valid word may show X; a valid word may not.
            mine = {}
            for name, width in widths.items():
                digits = raw[name][len(raw[name]) - (g + 1) * width :][:width]
                assert set(digits) <= {"0", "1"}, f"X in {name} of group {g}: {digits}"
                mine[name] = int(digits, 2)
            key = mine["token"], mine["step"], mine["word"]
            assert key not in drained, f"drained twice: {key}"
            mask = (1 << hw.acc_width) - 1
            lanes = [mine["value"] >> p * hw.acc_width & mask for p in range(hw.lanes)]
            drained[key] = mine["spikes"], bits.signed(np.array(lanes), hw.acc_width)


def compare(compiled, expected, drained, lanes):
    """All of one layer's words; the message says where, expected and got."""
    units, steps, words = compiled.shape
    assert len(drained) == units * steps * words, (
        f"{compiled.name}: drained {len(drained)} words, expected {units * steps * words}"
    )
    wrong = []
    for (unit, step, word), (spikes, value) in sorted(drained.items()):
        want = expected.value[unit, step, word]
        if (want != value).any():
            lane = int(np.flatnonzero(want != value)[0])
            wrong.append(f"unit {unit} step {step} word {word} lane {lane}: value "
                         f"{want[lane]} expected, {value[lane]} got")  # fmt: skip
        elif expected.spikes is not None:
            got = np.array([spikes >> p & 1 for p in range(lanes)])
            if (got != expected.spikes[unit, step, word]).any():
                lane = int(np.flatnonzero(got != expected.spikes[unit, step, word])[0])
                wrong.append(f"unit {unit} step {step} word {word} lane {lane}: spike "
                             f"{got[lane]} got")  # fmt: skip
    assert not wrong, f"{compiled.name}: {len(wrong)} wrong words; first: " + "; ".join(wrong[:5])


async def through(bench, config, net, images, window=windows.OFF):
    """The images through the network: every drained word, the logits and the label."""
    dut, hw = bench.dut, bench.hw
    spent = np.zeros(6, int)
    program = compile_network(net, hw, coded=False, window=window)  # the loader is not part of it
    cocotb.log.info("seed %d, window %d, %s", SEED, window, config)
    for image, expected in zip(images, expectations(program, net, images), strict=True):
        packed = program.pack_image(image)
        for kind, f in execution_order(program.program, "ring"):
            if kind == "load":
                await bench.load(f, packed if f["from_image"] else program.weights)
            elif kind == "layer":
                drained, cycles, events = await bench.layer(f)
                want = expected.layers[f["id"]]
                limit = want.useful / hw.pes
                name = program.layers[f["id"]].name
                cocotb.log.info("%-24s %6d cycles, limit %.1f, %s", name, cycles, limit, events)
                compare(program.layers[f["id"]], want, drained, hw.lanes)
                assert events[0] == want.rows, f"{name}: {events[0]} rows, expected {want.rows}"
                assert events[1] == want.row_adds
                spent += events
            else:
                assert int(dut.label_o.value) == expected.label
                for i, logit in enumerate(expected.logits):
                    dut.logit_raddr_i.value = i
                    await RisingEdge(dut.clk_i)
                    await ReadOnly()
                    assert dut.logit_rdata_o.value.to_signed() == logit
                    await RisingEdge(dut.clk_i)
    await bench.cycles(8)
    assert bench.faults == 0, f"fault_o (overrun, parity) was {bench.faults:02b}"
    assert spent.all(), f"a state that did not come up: {spent}"


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def network(dut):
    """Two images through a random network."""
    config, net = CASES[os.environ["PSF_CASE"]].network(SEED)
    bench = await DatapathBench(dut, hardware()).begun()
    await through(bench, config, net, random_images(config, 2, SEED))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("timesteps", "window"), [(1, 4), (3, 2), (5, 4), (7, 4), (8, 1), (16, 4)]))
async def timesteps(dut, timesteps: int, window: int):
    """Windows that are full, cut short, and longer than all timesteps; an image each."""
    case = CASES[os.environ["PSF_CASE"]]
    changes = case.changes | dict(timesteps=timesteps, height=4, width=4)
    config, net = replace(case, changes=changes).network(SEED)
    bench = await DatapathBench(dut, hardware()).begun()
    await through(bench, config, net, random_images(config, 1, SEED), window)


OVERRUN, PARITY = 2, 1  # bits of fault_o


def beyond(f, hw, rows):
    """Changes of one field that take this layer, which issues ``rows``, out of a memory."""
    yield {"in_base": hw.spike_lines - 1}
    if f["mode"] == isa.MODE_KEY_VALUE:
        yield {"dump_base": hw.bank_depth}
        yield {"in_first": hw.line_words - 1}
        return
    if rows:
        yield {"row_base": hw.row_depth}
    if f["mode"] == isa.MODE_HEAD:
        yield {"out_words": hw.classes // hw.lanes + 1}
        if f["merge"]:
            yield {"out_first": hw.classes // hw.lanes - f["out_words"] + 1}
        else:
            yield {"stream_tokens": hw.groups * hw.stream_depth + 1}
        return
    yield {"param_base": hw.param_depth - f["out_words"] + 1}
    yield {"out_base": hw.spike_lines - 1}
    if f["mode"] == isa.MODE_RESIDUAL and f["width"] * f["height"] > hw.groups:
        yield {"stream_stride": 65535}


def inside(dut, f, hw):
    """Memories that this layer uses and writes, in group 1, by name."""
    group = dut.u_groups.gen_group[1].u_group
    buffers = group.u_lanes.gen_lane[hw.lanes - 1].u_lane.gen_buffer  # test_lanes: all the lanes
    yield "tokens", [group.u_drain.u_words.u_tokens.u_words.mem]
    yield "currents", [group.u_drain.u_drain.u_currents.u_words.mem]
    yield "patch", [group.u_path.u_fetch.u_patch.mem]
    yield "accumulators", [buffers[b].u_acc.mem for b in (0, 1)]
    if f["mode"] == isa.MODE_KEY_VALUE:
        return
    if f["mode"] == isa.MODE_HEAD:
        return
    yield "lines", [group.u_drain.u_writer.u_queue.u_words.mem]
    if f["pool"]:
        banks = [dut.u_activations.u_spikes.gen_bank[g].u_ram.mem for g in range(hw.groups)]
        lines = range(f["out_base"], f["out_base"] + f["out_clear"])
        yield "pooled lines", [[banks[n % hw.groups][n // hw.groups] for n in lines]]
    windows = 1 if f["repeat_drain"] else -(-f["steps"] // (1 << f["window"]))
    if windows > 1 and f["out_words"] > 1:  # else it stays in the lanes
        membranes = group.u_drain.u_stages.u_neurons.u_membranes
        yield "membranes", [membranes.u_parity.mem]
        yield "what fired", [membranes.u_top.mem]


def loaded(dut, f, hw, rows):
    """Memories that hold what this layer needs before it starts, by name."""
    groups = [dut.u_groups.gen_group[g].u_group for g in range(hw.groups)]  # one has the token
    residuals = [dut.u_activations.u_stream.gen_bank[g].u_ram.mem for g in range(hw.groups)]
    if f["mode"] == isa.MODE_HEAD and not f["merge"]:  # writes its spikes itself
        yield "stream", residuals
    else:
        yield "spikes", [dut.u_activations.u_spikes.gen_bank[g].u_ram.mem for g in range(hw.groups)]
    if f["mode"] == isa.MODE_KEY_VALUE:
        return
    for name in ("rows", "words") if rows else ():
        banks = [dut.u_weights.u_banks.gen_bank[b].u_bank for b in range(hw.banks)]
        yield f"weight {name}", [stored_words(getattr(bank, f"u_{name}")) for bank in banks]
    if f["mask_lines"]:
        yield "row mask", [group.u_path.u_fetch.u_mask.u_mask.mem for group in groups]
    if f["mode"] == isa.MODE_HEAD:
        yield "logits", [dut.u_head.gen_adder[0].u_logits.mem]
        return
    yield "parameters", [groups[1].u_drain.u_stages.u_params.mem]
    if f["mode"] == isa.MODE_RESIDUAL and not f["first"]:
        yield "stream", residuals


@cocotb.test(timeout_time=40, timeout_unit="ms", skip=HIDDEN)
async def faults(dut):
    """Each kind of layer once with every address too high, and with bits flipped while it runs."""
    hw = hardware()
    config, net = CASES[os.environ["PSF_CASE"]].network(SEED)
    program = compile_network(net, hw, coded=False)  # the loader is not part of it
    packed = program.pack_image(random_images(config, 1, SEED)[0])
    bench = await DatapathBench(dut, hw).begun()

    async def again():
        """Reset; what is in the memories stays."""
        await bench.cycles(4)
        dut.rst_ni.value = 0
        await bench.cycles(2)
        dut.rst_ni.value = 1
        await bench.cycles(1)
        bench.faults = 0

    lines = sum(1 << (i + 1) * (hw.lanes + 1) - 1 for i in range(hw.line_words))

    def mask(name):
        """The bits to flip: of a line the parity of every word, because not all are used."""
        return lines if name in ("patch", "spikes", "pooled lines") else 1

    async def flip(memories, bits):
        """Now and then these bits of every word, until that is reported."""
        while not bench.faults & PARITY:
            for _ in range(random.randint(1, 3)):
                await FallingEdge(dut.clk_i)
            for memory in memories:
                for entry in memory:
                    entry.value = int(entry.value) ^ bits

    seen = set()
    for kind, f in execution_order(program.program, "ring"):
        if kind == "load":
            await bench.load(f, packed if f["from_image"] else program.weights)
        if kind != "layer":
            continue
        key = f["mode"], f["pool"], f["first"]
        if key not in seen:
            seen.add(key)
            _, _, events = await bench.layer(f)
            assert bench.faults == 0, f"{key}: fault_o was {bench.faults:02b} without reason"
            for change in beyond(f, hw, events[0]):
                await bench.layer(f | change)
                assert bench.faults & OVERRUN, f"{key}: {change} is not reported"
                await again()
            for name, memories in inside(dut, f, hw):
                for _ in range(40):  # a single word may be there for one cycle, between two flips
                    task = cocotb.start_soon(flip(memories, mask(name)))
                    await bench.layer(f)
                    task.cancel()
                    if bench.faults & PARITY:
                        break
                assert bench.faults & PARITY, f"{key}: flips in the {name} are not reported"
                await again()
            for name, memories in loaded(dut, f, hw, events[0]):
                before = [(entry, int(entry.value)) for memory in memories for entry in memory]
                for entry, value in before:
                    entry.value = value ^ mask(name)
                await bench.layer(f)
                assert bench.faults & PARITY, f"{key}: flips in the {name} are not reported"
                await again()
                for entry, value in before:
                    entry.value = value
                await RisingEdge(dut.clk_i)
        await bench.layer(f)
        assert bench.faults == 0, f"{key}: fault_o was {bench.faults:02b} without reason"
    assert len({mode for mode, _, _ in seen}) == 4, "a mode did not come up"


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_datapath(case: str) -> None:
    hardware = Hardware.named(CASES[case].hardware)
    run("psf_datapath", __name__, hardware.sv_parameters(), env={"PSF_CASE": case})
