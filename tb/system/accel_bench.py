# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator (``psf_tb_top``): does the work of a job, checks every word."""

import gc
import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, Timer
from cocotb.utils import get_sim_time

from golden.hardware.compile.compiled import result_bytes
from golden.hardware.configuration import Hardware
from tb.lib.host import CAUSES, COUNTERS, PERIOD_NS, Host
from tb.lib.memory_map import memory_map
from tb.lib.registers import DONE, ERROR, START
from tb.lib.work import load
from tb.run.run_folder import note
from tb.system.scoreboard import Scoreboard, Verdict

TELL_CYCLES = 2000
WATCHDOG = 0  # off: until_interrupt has a limit that knows the work


@cocotb.test()
async def work(dut):
    """Every run of the job: spikes, values, counters, logits and label equal the golden model."""
    folder = Path(os.environ["PSF_JOB"])
    job = json.loads((folder / "job.json").read_text())
    hardware = Hardware(**job["hardware"])
    todo = load(folder, job["runs"])
    program = todo.program(hardware, coded=job["coded"])
    place, board = memory_map(program), Scoreboard(program)
    host = Host(dut)
    await host.start(job["stalls"], job["latency"], cocotb.RANDOM_SEED)
    await check_capabilities(host, hardware)
    binary = (folder / "program.bin").read_bytes()
    await host.load({place["program"]: binary, place["weights"]: program.weights})
    await host.set_up(place, program.count, program.result_bytes)
    await host.write("WATCHDOG", WATCHDOG)
    for name in job["monitors"]:
        getattr(dut, f"{name}_i").value = 1

    gc.collect()
    gc.freeze()  # what lives to the end need not be looked through again
    counted = program.counted()
    totals = [
        {"name": c.name} | dict.fromkeys(("useful", "pattern_adds", "mismatches", *COUNTERS), 0)
        for c, _ in counted
    ]
    results = {"images": [], "layers": totals, "mismatches": 0, "messages": []}
    began, began_cpu, began_ns = time.perf_counter(), time.process_time(), get_sim_time("ns")
    cocotb.start_soon(tell(results["images"], todo.runs))
    for index in range(todo.runs):
        expected = todo.expected(program, index)
        await host.load({place["image"]: todo.image(program, index)})
        await host.pulse("trace_open_i")
        await host.write("CTRL", START)
        await host.until_interrupt(200_000 + 50 * sum(x.row_adds for x in expected.layers))
        await host.pulse("trace_close_i")
        await check_error(host)
        await ClockCycles(dut.clk_i, 2)
        for name in job["monitors"]:
            Path(f"{name}.bin").rename(f"{name}-{index}.bin")
        verdict = board.check(expected, Path("trace.bin"))
        counters = [
            [await host.layer_counter(c.id, i) for i in range(len(COUNTERS))] for c, _ in counted
        ]
        await check_status(host, verdict)
        stored: list[tuple[int | None, list[int] | None]] = [(None, None)]  # label, logits by image
        if program.result_bytes:
            stored = await check_results(host, place["result"], expected, verdict)
        check_counters(program, counters, expected, verdict)
        assert int(dut.escapes_o.value) == 0, "an access outside the windows"
        unknown = int(dut.trace_unknown_o.value) + int(dut.bus_unknown_o.value)
        if unknown:
            verdict.add("bus", unknown, [f"{unknown} unknown values at the outputs"])
        for total, values, (_, numbers) in zip(totals, counters, counted, strict=True):
            for n in numbers:
                total["useful"] += expected.layers[n].useful
                total["pattern_adds"] += expected.layers[n].pattern_adds
                total["mismatches"] += verdict.mismatches.get(program.layers[n].name, 0)
            for name, value in zip(COUNTERS, values, strict=True):
                total[name] += value
        numbers = todo.images_of(program, index)
        counts = {"cycles": await host.read("CYCLES"), "useful": expected.useful,
                  "pattern_adds": expected.pattern_adds}  # fmt: skip
        for number, (rtl, logits), golden in zip(
            numbers, stored, expected.stored or [(None, None)], strict=False
        ):
            results["images"].append(
                {
                    "label": job["labels"][number] if job["labels"] else None,
                    "rtl": rtl,
                    "golden": golden[0],
                    "logits": logits,
                    **{name: shared(value, len(numbers)) for name, value in counts.items()},
                }
            )
        results["mismatches"] += verdict.total
        told = [f"image {job['number_from'] + numbers[0]}: {m}" for m in verdict.messages]
        results["messages"] += told
        for message in told:
            dut._log.error(message)
        await host.acknowledge()
        if verdict.total:
            break  # the rest would say the same
    results["wall_s"] = time.perf_counter() - began
    results["cpu_s"] = time.process_time() - began_cpu
    results["sim_cycles"] = round((get_sim_time("ns") - began_ns) / PERIOD_NS)
    Path("results.json").write_text(json.dumps(results, indent=1))
    assert not results["mismatches"], (
        f"{results['mismatches']} mismatches, the first: {results['messages'][0]}"
    )


async def tell(done: list, total: int) -> None:
    """Note about once a second how far the work is."""
    last = 0.0
    while True:
        await Timer(TELL_CYCLES * PERIOD_NS, "ns")
        if time.monotonic() - last > 1.0:
            last = time.monotonic()
            note(len(done), total, round(get_sim_time("ns") / PERIOD_NS))


async def check_capabilities(host: Host, h: Hardware) -> None:
    """The registers describe the build that the program is compiled for."""
    assert await host.read("ID") == 0x50534631
    assert await host.read("VERSION") > 0
    assert await host.read("CAP0") == h.groups | h.lanes << 8 | h.banks << 16 | h.line_words << 24
    assert await host.read("CAP1") == h.acc_depth | h.acc_width << 16 | h.stream_width << 24
    assert await host.read("CAP2") == h.bank_depth | h.row_depth << 16
    assert await host.read("CAP3") == h.param_depth | h.patch_lines << 16
    assert await host.read("CAP4") == h.spike_lines | h.stream_depth << 16
    assert await host.read("STATUS") == 0


async def check_error(host: Host) -> None:
    """An accelerator that stopped with an error has nothing to compare."""
    if await host.read("STATUS") & ERROR:
        cause, at = await host.read("ERROR_CAUSE"), await host.read("ERROR_INDEX")
        raise AssertionError(
            f"the accelerator stopped with error cause {cause} ({CAUSES.get(cause, 'unknown')}) "
            f"at descriptor {at} of the program; compile it again with `make vectors`"
        )


async def check_status(host: Host, verdict: Verdict) -> None:
    """It says that it has ended well."""
    status, cause = await host.read("STATUS"), await host.read("ERROR_CAUSE")
    if status != DONE:
        at = await host.read("ERROR_INDEX")
        verdict.add("status", 1, [f"status {status}, error cause {cause} at descriptor {at}"])


def shared(value: int, images: int) -> float:
    """The share of an image in what a job of ``images`` took."""
    return value if images == 1 else value / images


async def check_results(
    host: Host, addr: int, expected, verdict: Verdict
) -> list[tuple[int | None, list[int] | None]]:
    """Results in memory and label register; by image the label and the logits found there, none
    where they are unknown."""
    out = []
    for label, logits in expected.stored:
        found = await check_result(host, addr, label, logits, verdict)
        out.append(found)
        addr += result_bytes(len(logits))
    register = await host.read("LABEL")
    if register != expected.stored[-1][0]:
        message = f"label register expected {expected.stored[-1][0]}, got {register}"
        verdict.add("result", 1, [message])
    return out


async def check_result(
    host: Host, addr: int, label: int, logits, verdict: Verdict
) -> tuple[int | None, list[int]]:
    """The result of an image in memory: label and logits found there."""
    classes = len(logits)
    try:
        data = np.frombuffer(await host.dump(addr, result_bytes(classes)), "<i4")
    except ValueError as error:  # an x in the file
        verdict.add("result", 1, [f"unknown bits in the stored result ({error})"])
        return None, []
    checks = [("stored label", data[0], label)]
    checks += [(f"logit {i}", data[2 + i], want) for i, want in enumerate(logits)]
    checks += [("the word behind an odd last logit", x, 0) for x in data[2 + classes :]]
    for what, got, want in checks:
        if got != want:
            verdict.add("result", 1, [f"{what} expected {want}, got {got}"])
    total = await host.read("CYCLES")
    if not 0 < data[1] <= total:
        verdict.add("result", 1, [f"stored cycles {data[1]}, the register says {total}"])
    return int(data[0]), [int(x) for x in data[2 : 2 + classes]]


def check_counters(program, counters, expected, verdict: Verdict) -> None:
    """Rows and row-adds are known exactly; groups cannot lose cycles that do not exist."""
    for (c, numbers), values in zip(program.counted(), counters, strict=True):
        got = dict(zip(COUNTERS, values, strict=True))
        for name in ("rows", "row_adds"):
            want = sum(getattr(expected.layers[n], name) for n in numbers)
            if got[name] != want:
                message = f"{c.name}: counter {name} expected {want}, got {got[name]}"
                verdict.add(c.name, 1, [message])
        available = got["cycles"] * program.hardware.groups
        if got["cycles"] == 0 or got["row_adds"] > available or max(values[3:7]) > available:
            verdict.add(c.name, 1, [f"{c.name}: counters {got} of {available} group-cycles"])
