# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator (``psf_tb_top``): classifies the images of a job, checks every word.

Python wakes only for register accesses and the interrupt; the memory and the trace are files.
"""

import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, FallingEdge, First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from golden.compile.expected import expectations
from golden.compile.hardware import Hardware
from golden.compile.program import compile_network
from golden.integer.network import QuantNetwork
from tb.lib.reset import start
from tb.scoreboard import Scoreboard, Verdict
from tb.system import memory_map

PERIOD_NS = 10
CAUSES = {1: "unknown opcode", 2: "unknown load target", 3: "bus read error", 4: "bus write error"}
CHUNK = 8  # images that the golden model runs at a time
COUNTERS = ("cycles", "rows", "row_adds", "bank", "fetch", "drain", "idle", "gap")
ID, VERSION, CAP0, CAP1, CAP2, CAP3, CAP4 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
CTRL, STATUS, IRQ_ENABLE, IRQ_STATUS, ERROR_CAUSE, ERROR_INDEX = 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34
BASES = {"program": 0x40, "weights": 0x44, "image": 0x48, "result": 0x4C}
INPUTS = (
    "host_request_i", "host_write_i", "host_addr_i", "host_wdata_i", "memory_load_i",
    "memory_dump_i", "memory_first_i", "memory_last_i", "trace_open_i", "trace_close_i",
)  # fmt: skip
LABEL, CYCLES, LAYERS, LOADS, COUNTER = 0x50, 0x54, 0x58, 0x5C, 0x800


class System:
    """Clock, reset, registers and memory of the bench."""

    def __init__(self, dut):
        self.dut, self.request = dut, 0

    async def start(self, stalls: int, latency: int, seed: int) -> None:
        dut = self.dut
        for name in INPUTS:  # at once: random start values must not reach the first edge
            getattr(dut, name).value = Immediate(0)
            getattr(dut, name).value = 0
        dut.memory_stall_i.value = stalls * 256 // 100
        dut.memory_latency_i.value = latency
        dut.memory_seed_i.value = seed & 0xFFFFFFFF
        # A falling edge of the reset before any of the clock: assertions may look at registers that
        # a random start value has set and only the reset clears.
        dut.clk_i.value, dut.rst_ni.value = Immediate(0), Immediate(1)
        await Timer(1, "ns")
        await start(dut)
        await ClockCycles(dut.clk_i, 2)

    async def pulse(self, *names: str) -> None:
        """One cycle of 1 on each of ``names``."""
        await FallingEdge(self.dut.clk_i)
        for name in names:
            getattr(self.dut, name).value = 1
        await FallingEdge(self.dut.clk_i)
        for name in names:
            getattr(self.dut, name).value = 0

    async def _access(self, addr: int, write: int, data: int = 0) -> None:
        dut = self.dut
        self.request ^= 1
        dut.host_addr_i.value, dut.host_write_i.value, dut.host_wdata_i.value = addr, write, data
        dut.host_request_i.value = self.request
        timeout = Timer(2000 * PERIOD_NS, "ns")
        first = await First(dut.host_done_o.value_change, timeout)
        assert first is not timeout, f"register 0x{addr:x}: no response"
        await FallingEdge(dut.clk_i)  # Icarus calls before the other outputs have changed
        resp = int(dut.host_resp_o.value)
        assert resp == 0, f"register 0x{addr:x}: response {resp}"

    async def write(self, addr: int, data: int) -> None:
        await self._access(addr, 1, data)

    async def read(self, addr: int) -> int:
        await self._access(addr, 0)
        return int(self.dut.host_rdata_o.value)

    async def load(self, contents: dict[int, bytes]) -> None:
        """Put bytes at byte addresses (multiples of 8) of the memory."""
        with Path("load.hex").open("w") as f:
            for addr, data in contents.items():
                data += bytes(-len(data) % 8)
                f.write(f"@{addr // 8:x}\n")
                f.writelines(f"{x:016x}\n" for x in np.frombuffer(data, "<u8"))
        await self.pulse("memory_load_i")

    async def dump(self, addr: int, size: int) -> bytes:
        """``size`` bytes (a multiple of 8) from ``addr``; unknown bits raise ValueError."""
        self.dut.memory_first_i.value = addr // 8
        self.dut.memory_last_i.value = (addr + size) // 8 - 1
        await self.pulse("memory_dump_i")
        lines = [x.strip() for x in Path("dump.hex").read_text().splitlines()]
        beats = [int(x, 16) for x in lines if x and not x.startswith(("//", "@"))]
        return np.array(beats, "<u8").tobytes()

    async def until_interrupt(self, limit: int) -> None:
        """Wait at most ``limit`` cycles for the interrupt."""
        if not int(self.dut.irq_o.value):
            timeout = Timer(limit * PERIOD_NS, "ns")
            if await First(RisingEdge(self.dut.irq_o), timeout) is timeout:
                layers, loads = await self.read(LAYERS), await self.read(LOADS)
                raise AssertionError(
                    f"no interrupt after {limit} cycles; {layers} layers and {loads} loads are done"
                )


@cocotb.test()
async def classify(dut):
    """Every image of the job: spikes, values, counters, logits and label equal the golden model."""
    folder = Path(os.environ["PSF_JOB"])
    job = json.loads((folder / "job.json").read_text())
    hardware = Hardware(**job["hardware"])
    network = QuantNetwork.load(folder / "network.safetensors")
    images = np.load(folder / "images.npy")
    program = compile_network(network, hardware)
    place, board = memory_map(program), Scoreboard(program)
    system = System(dut)
    await system.start(job["stalls"], job["latency"], cocotb.RANDOM_SEED)
    await check_capabilities(system, hardware)
    binary = (folder / "program.bin").read_bytes()
    await system.load({place["program"]: binary, place["weights"]: program.weights})
    for name, register in BASES.items():
        await system.write(register, place[name])
        assert await system.read(register) == place[name]
    await system.write(IRQ_ENABLE, 1)

    totals = [
        {"name": c.name, "useful": 0, "mismatches": 0} | dict.fromkeys(COUNTERS, 0)
        for c in program.layers
    ]
    results = {"images": [], "layers": totals, "mismatches": 0, "messages": []}
    began, began_cpu, began_ns = time.perf_counter(), time.process_time(), get_sim_time("ns")
    for index, image in enumerate(images):
        if index % CHUNK == 0:
            wanted = expectations(program, network, images[index : index + CHUNK])
        expected = wanted[index % CHUNK]
        await system.load({place["image"]: program.pack_image(image)})
        await system.pulse("trace_open_i")
        await system.write(CTRL, 1)
        await system.until_interrupt(200_000 + 50 * sum(x.row_adds for x in expected.layers))
        await system.pulse("trace_close_i")
        await check_error(system)
        await ClockCycles(dut.clk_i, 2)
        verdict = board.check(expected, Path("trace.bin"))
        counters = [
            [await system.read(COUNTER + 32 * c.id + 4 * i) for i in range(len(COUNTERS))]
            for c in program.layers
        ]
        await check_result(system, place["result"], expected, verdict)
        check_counters(program, counters, expected, verdict)
        unknown = int(dut.trace_unknown_o.value) + int(dut.bus_unknown_o.value)
        if unknown:
            verdict.add("bus", unknown, [f"{unknown} unknown values at the outputs"])
        for total, values, want in zip(totals, counters, expected.layers, strict=True):
            total["useful"] += want.useful
            total["mismatches"] += verdict.mismatches.get(total["name"], 0)
            for name, value in zip(COUNTERS, values, strict=True):
                total[name] += value
        results["images"].append(
            {
                "label": job["labels"][index] if job["labels"] else None,
                "rtl": await system.read(LABEL),
                "golden": expected.label,
                "cycles": await system.read(CYCLES),
                "useful": expected.useful,
            }
        )
        results["mismatches"] += verdict.total
        results["messages"] += [f"image {index}: {m}" for m in verdict.messages]
        for message in verdict.messages:
            dut._log.error(f"image {index}: {message}")
        await acknowledge(system)
        if verdict.total:
            break  # the rest would say the same
    results["wall_s"] = time.perf_counter() - began
    results["cpu_s"] = time.process_time() - began_cpu
    results["sim_cycles"] = round((get_sim_time("ns") - began_ns) / PERIOD_NS)
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    assert not results["mismatches"], (
        f"{results['mismatches']} mismatches, the first: {results['messages'][0]}"
    )


async def check_capabilities(system: System, h: Hardware) -> None:
    """The registers describe the build that the program is compiled for."""
    assert await system.read(ID) == 0x50534631
    assert await system.read(VERSION) > 0
    assert await system.read(CAP0) == h.groups | h.lanes << 8 | h.banks << 16 | h.line_words << 24
    assert await system.read(CAP1) == h.acc_depth | h.acc_width << 16 | h.stream_width << 24
    assert await system.read(CAP2) == h.bank_depth | h.row_depth << 16
    assert await system.read(CAP3) == h.param_depth | h.patch_lines << 16
    assert await system.read(CAP4) == h.spike_lines | h.stream_depth << 16
    assert await system.read(STATUS) == 0


async def check_error(system: System) -> None:
    """An accelerator that stopped with an error has nothing to compare."""
    if await system.read(STATUS) & 4:
        cause, at = await system.read(ERROR_CAUSE), await system.read(ERROR_INDEX)
        raise AssertionError(
            f"the accelerator stopped with error cause {cause} ({CAUSES.get(cause, 'unknown')}) "
            f"at descriptor {at} of the program; compile it again with `make vectors`"
        )


async def check_result(system: System, addr: int, expected, verdict: Verdict) -> None:
    """Result in memory, label register and status."""
    status, cause = await system.read(STATUS), await system.read(ERROR_CAUSE)
    if status != 2:
        at = await system.read(ERROR_INDEX)
        verdict.add("status", 1, [f"status {status}, error cause {cause} at descriptor {at}"])
    classes = len(expected.logits)
    try:
        data = np.frombuffer(await system.dump(addr, 8 + 8 * -(-classes // 2)), "<i4")
    except ValueError as error:  # an x in the file
        verdict.add("result", 1, [f"unknown bits in the stored result ({error})"])
        return
    checks = [("stored label", data[0], expected.label)]
    checks += [("label register", await system.read(LABEL), expected.label)]
    checks += [(f"logit {i}", data[2 + i], want) for i, want in enumerate(expected.logits)]
    for what, got, want in checks:
        if got != want:
            verdict.add("result", 1, [f"{what} expected {want}, got {got}"])
    total = await system.read(CYCLES)
    if not 0 < data[1] <= total:
        verdict.add("result", 1, [f"stored cycles {data[1]}, the register says {total}"])


def check_counters(program, counters, expected, verdict: Verdict) -> None:
    """Rows and row-adds are known exactly; groups cannot lose cycles that do not exist."""
    for c, values, want in zip(program.layers, counters, expected.layers, strict=True):
        got = dict(zip(COUNTERS, values, strict=True))
        for name in ("rows", "row_adds"):
            if got[name] != getattr(want, name):
                message = (
                    f"{c.name}: counter {name} expected {getattr(want, name)}, got {got[name]}"
                )
                verdict.add(c.name, 1, [message])
        available = got["cycles"] * program.hardware.groups
        if got["cycles"] == 0 or got["row_adds"] > available or max(values[3:7]) > available:
            verdict.add(c.name, 1, [f"{c.name}: counters {got} of {available} group-cycles"])


async def acknowledge(system: System) -> None:
    """The interrupt stays until it is cleared, and then goes."""
    assert int(system.dut.irq_o.value) == 1
    await system.write(IRQ_STATUS, 1)
    await ClockCycles(system.dut.clk_i, 2)
    assert int(system.dut.irq_o.value) == 0
    assert await system.read(IRQ_STATUS) == 0
