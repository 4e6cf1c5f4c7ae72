# SPDX-License-Identifier: Apache-2.0
"""The patch fetch against lists of addresses: order, contents, two halves, what is there when.
Every line goes through the row mask, if the layer has one; with ``invert`` lines of ones stand for
taps outside the image.

Addresses may be beyond the spike memory, on both sides: then line 0 is read, and overrun_o says so.
"""

import random

import cocotb

from golden.hardware.configuration import MASK_LINES
from tb.lib import layer
from tb.run.cases import cases
from tb.run.runner import run
from tb.unit.group.patch_fetch_bench import PatchFetchBench, Token


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(
    (("stall", "slow_scan"), [(0.0, 0.0), (0.0, 0.9), (0.5, 0.5), (0.9, 0.0), (0.9, 0.5)])
)
async def layers(dut, stall: float, slow_scan: float) -> None:
    """Layers of all kinds in turn, memory and scanner slow by turns."""
    bench = await PatchFetchBench(dut).begun()
    for kind in ("kernel3", "key_value", "plain", "kernel3", "kernel3"):
        f = bench.layer(kind) | {"invert": random.getrandbits(1)}
        if kind == "kernel3" and not bench.outside:
            f["invert"] = 1
        await bench.run(f, [Token(f, bench) for _ in range(4)], stall, slow_scan)
    if stall < 0.9:  # a memory this slow need not fill a half before the other is scanned
        bench.check(bench.both, "never were both halves in use")
    bench.check(bench.inside, "every line was beyond the memory")
    bench.check(bench.outside, "no line was outside the image")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_memory(dut) -> None:
    """The last line and the next, one row too high, and sums beyond 2^16 and 2^17."""
    bench = await PatchFetchBench(dut).begun()
    last, plain = bench.lines - 1, {"mode": layer.MODE_SPIKE, "kernel3": 0, "in_lines": 1}
    kernel3 = plain | {"kernel3": 1, "in_row_lines": 10}
    key_value = {"mode": layer.MODE_KEY_VALUE, "in_lines": 255, "tokens": bench.capacity}
    for fixed, line, taps, overruns in (
        (plain, last, 1, 0),
        (plain, last + 1, 1, 1),
        (plain, 65535, 1, 1),
        (plain, 65536, 1, 1),
        (plain, 131071, 1, 1),
        (kernel3, 11, 0b111111111, 0),
        (kernel3, 10, 0b111111111, 1),  # the first line is -1
        (kernel3, last - 11, 0b111111111, 0),
        (kernel3, last - 10, 0b111111111, 1),
        (kernel3 | {"in_row_lines": 65535}, 131071, 0b111111111, 9),
        (kernel3 | {"in_row_lines": 65535}, 0, 0b111111111, 7),  # line 0 and the next exist
        (key_value | {"in_lines": bench.lines // bench.capacity}, 0, 1, 0),
        (key_value, 131071, 1, bench.capacity),
    ):
        f = bench.fields(**fixed)
        before = bench.overruns
        await bench.run(f, [Token(f, bench, line=line, taps=taps)], 0.0, 0.0)
        bench.equal(f"overruns of line {line}, {fixed}", bench.overruns - before, overruns)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Amid a token beyond the memory: no report is left, nothing is requested, all is free."""
    bench = await PatchFetchBench(dut).begun()
    f = bench.fields(mode=layer.MODE_KEY_VALUE, tokens=bench.capacity, in_lines=1, mask_lines=0)
    for cycles in range(1, 5):
        bench.set(layer_i=layer.pack_layer(f), token_valid_i=1, read_ready_i=1)
        bench.put_struct("token_i", "token_t", taps=1, line=bench.lines)
        await bench.tick()
        bench.set(token_valid_i=0)
        for _ in range(cycles):
            request = bench.get("read_valid_o")
            await bench.tick()
            bench.set(line_valid_i=request)
        await bench.check_reset(
            "overrun_o", "parity_o", "read_valid_o", "patch_valid_o", line_valid_i=0
        )
        bench.equal("room_o", bench.get("room_o"), 1)
        bench.equal("idle_o", bench.get("idle_o"), 1)
    bench.check("overrun_o" in bench.fell, "there was no report before a reset")
    await bench.run(f, [Token(f, bench) for _ in range(2)], 0.5, 0.5)
    f = bench.fields(mode=layer.MODE_SPIKE, kernel3=1, in_lines=1, invert=1, mask_lines=0)
    for cycles in range(1, 5):  # lines of taps outside the image are on their way
        bench.set(layer_i=layer.pack_layer(f), token_valid_i=1, read_ready_i=0)
        bench.put_struct("token_i", "token_t", taps=0b110000000, line=0)
        await bench.tick()
        bench.set(token_valid_i=0)
        for _ in range(cycles):
            await bench.tick()
        await bench.check_reset("read_valid_o", "patch_valid_o", "filled_o", line_valid_i=0)
        await bench.tick()
        bench.equal("idle_o", bench.get("idle_o"), 1)
        await bench.run(f, [Token(f, bench)], 0.0, 0.0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def too_many_lines(dut) -> None:
    """More lines than a half holds: the first stay, the others are dropped and reported."""
    bench = await PatchFetchBench(dut).begun()
    extra = 3
    f = {"mode": layer.MODE_KEY_VALUE, "in_lines": 1, "tokens": bench.capacity + extra}
    bench.set(layer_i=layer.pack_layer(layer.random_fields(**f)), token_valid_i=1)
    bench.put_struct("token_i", "token_t", line=0, taps=1)
    bench.set(read_ready_i=1)
    await bench.tick()
    bench.set(token_valid_i=0)
    overruns, request, lines = 0, 0, []
    for _ in range(bench.capacity + extra + 4):
        line = random.getrandbits(bench.width("line_i"))
        bench.set(line_valid_i=request, line_i=line)
        lines += [line] * request
        overruns += bench.get("overrun_o")
        request = bench.get("read_valid_o")
        await bench.tick()
    bench.equal("overruns", overruns, extra)
    bench.equal("filled_o", bench.get("filled_o"), bench.capacity)
    for index, line in enumerate(lines[: bench.capacity]):
        bench.set(patch_read_i=1, patch_index_i=index, patch_advance_i=0)
        await bench.tick()
        bench.set(patch_read_i=0, patch_advance_i=1)
        await bench.tick()
        bench.equal(f"line {index}", bench.get("patch_line_o"), line)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_request_per_cycle(dut) -> None:
    """Nothing stalls: consecutive requests, one cycle for a tap outside (with ``invert`` one for
    each of its lines), room_o right after."""
    bench = await PatchFetchBench(dut).begun()
    lines = bench.capacity // 9 or 1
    plain = bench.fields(mode=layer.MODE_SPIKE, kernel3=0, in_lines=bench.capacity)
    key_value = bench.fields(mode=layer.MODE_KEY_VALUE, tokens=bench.capacity)
    kernel3 = bench.fields(mode=layer.MODE_SPIKE, kernel3=1, in_lines=lines, invert=0)
    inverted = kernel3 | {"invert": 1}
    for f, taps, busy in (
        (plain, 1, bench.capacity),
        (key_value, 1, bench.capacity),
        (kernel3, 0b111111111, 9 * lines),
        (kernel3, 0b000011011, 4 * lines + 1),
        (kernel3, 0b110110000, 4 * lines + 5),
        (inverted, 0b000011011, 9 * lines),
        (inverted, 0b110110000, 9 * lines),
    ):
        bench.set(layer_i=layer.pack_layer(f), token_valid_i=1, read_ready_i=1)
        bench.put_struct("token_i", "token_t", taps=taps, line=0)
        bench.set(line_valid_i=0)
        await bench.tick()
        bench.set(token_valid_i=0)
        requests = 0
        for cycle in range(busy):
            bench.equal(f"room_o in cycle {cycle} of {busy}", bench.get("room_o"), 0)
            request = bench.get("read_valid_o")
            requests += request
            await bench.tick()
            bench.set(line_valid_i=request)
        bench.equal("room_o after the last request", bench.get("room_o"), 1)
        bench.equal("requests", requests, busy if taps == 1 else taps.bit_count() * lines)
        await bench.tick()
        bench.set(line_valid_i=0)
        await bench.tick()
        bench.set(patch_release_i=1)
        filled = busy if f is inverted else requests
        bench.equal("filled_o", bench.get("filled_o"), filled)
        await bench.tick()
        bench.set(patch_release_i=0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_flipped_mask_bit_is_reported(dut) -> None:
    """Every bit in turn, the parity too; in layers without a mask it does not matter."""
    bench = await PatchFetchBench(dut).begun()
    bench.set(read_ready_i=1)
    for bit in range(bench.lanes * bench.words + 1):
        address = random.randrange(MASK_LINES)
        await bench.load_mask(address, bench.masks[address], 1 << bit)
        for used in (1, 0):
            f = bench.fields(mode=layer.MODE_SPIKE, kernel3=0, in_lines=1, mask_base=address,
                             mask_lines=used)  # fmt: skip
            bench.set(layer_i=layer.pack_layer(f), token_valid_i=1)
            bench.put_struct("token_i", "token_t", taps=1, line=0)
            await bench.tick()
            bench.set(token_valid_i=0)
            seen = 0
            for cycle in range(4):
                bench.set(line_valid_i=int(cycle == 1), patch_release_i=int(cycle == 3))
                seen += bench.get("parity_o")
                await bench.tick()
            bench.set(patch_release_i=0)
            bench.equal(f"parity_o, bit {bit}, mask_lines {used}", seen, used)
        await bench.load_mask(address, bench.masks[address])


@cases(
    {"Lanes": 4, "LineWords": 4, "PatchLines": 16, "SpikeLines": 128},
    {"Lanes": 16, "LineWords": 2, "PatchLines": 32, "SpikeLines": 1500},
)
def test_patch_fetch(parameters: dict[str, int]) -> None:
    run("psf_patch_fetch", __name__, parameters)
