# SPDX-License-Identifier: Apache-2.0
"""The patch fetch against lists of addresses: order, contents, two halves, what is there when.
Every line goes through the row mask, if the layer has one; with ``invert`` lines of ones stand for
taps outside the image.

Addresses may be beyond the spike memory, on both sides: then line 0 is read, and overrun_o says so.
"""

import random
from collections import deque

import cocotb

from golden.hardware.configuration import MASK_LINES
from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.run.cases import cases
from tb.run.runner import run

OUTSIDE = None  # in the place of an address


class Token:
    """One token with the addresses of its lines, in the order of docs/reference/formats.md."""

    def __init__(self, f: dict[str, int], bench: "PatchFetchBench", **place: int) -> None:
        self.word = random.randrange(1 << bench.width("patch_word_o"))
        self.taps = self.inside = random.getrandbits(9)
        self.line = random.randrange(bench.lines)
        self.masks: list[int] | None = None  # mask line of every line
        if coin(0.2):
            self.line = random.choice((bench.lines - 1, bench.lines, random.getrandbits(17)))
        if f["mode"] == layer.MODE_KEY_VALUE:
            offsets = [n * f["in_lines"] for n in range(f["tokens"])]
        elif place:
            self.taps = place["taps"]
        else:
            self.taps = 1
            if f["kernel3"]:
                rows, columns = (random.choice((0b111, 0b110, 0b011, 0b010)) for _ in range(2))
                self.taps = sum(columns << 3 * y for y in range(3) if rows >> y & 1)
                if coin(0.2):  # more than an image has
                    self.taps = random.randrange(1, 512)
        if f["mode"] != layer.MODE_KEY_VALUE:
            places = [0] * 9
            if f["kernel3"]:
                places = [
                    dy * f["in_row_lines"] + dx * f["in_lines"]
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                ]
            self.inside = self.taps
            if f["invert"] and f["kernel3"]:
                self.taps = 0b111111111
            order = [(t, i) for t in range(9) if self.taps >> t & 1 for i in range(f["in_lines"])]
            offsets = [places[t] + i if self.inside >> t & 1 else OUTSIDE for t, i in order]
            if period := f["mask_lines"]:
                self.masks = [f["mask_base"] + tap * period + i % period for tap, i in order]
        self.line = place.get("line", self.line)
        places = [OUTSIDE if offset is OUTSIDE else self.line + offset for offset in offsets]
        self.beyond = [p is not OUTSIDE and not 0 <= p < bench.lines for p in places]
        self.lines = [0 if b else p for b, p in zip(self.beyond, places, strict=True)]
        self.requested = self.filled = 0  # lines asked for, lines in the buffer
        self.reads: deque[int] = deque()  # what the scanner is going to read
        order = list(range(len(self.lines)))
        self.reads.extend(order + random.sample(order, random.randint(0, len(order))))


class PatchFetchBench(Bench):
    """``masks``: the row mask that the loader wrote, without its parity."""

    def masked(self, line: int | None, mask: int | None, invert: int) -> int:
        """A line behind the mask: a word keeps its parity, right or wrong."""
        out, ones = 0, (1 << self.lanes) - 1
        for w in range(self.words):
            if line is OUTSIDE:
                word = ones
            else:
                word = line >> w * (self.lanes + 1) & (2 << self.lanes) - 1
                word ^= ones * invert
            if mask is not None:
                keep = mask >> w * self.lanes & (1 << self.lanes) - 1 | 1 << self.lanes
                dropped = (word & ~keep).bit_count() & 1
                word = (word & keep) ^ dropped << self.lanes
            out |= word << w * (self.lanes + 1)
        return out

    async def begin(self) -> None:
        self.lanes, self.words = PARAMETERS["Lanes"], PARAMETERS["LineWords"]
        self.capacity = 1 << self.width("patch_index_i")
        self.lines = PARAMETERS["SpikeLines"]
        self.memory = [random.getrandbits(self.width("line_i")) for _ in range(self.lines)]
        self.both = 0  # cycles in which two halves held tokens
        self.overruns = self.inside = self.outside = 0
        await self.reset(
            layer_i=layer.garbage(), token_valid_i=0, line_valid_i=0, read_ready_i=0,
            patch_read_i=0, patch_advance_i=0, patch_release_i=0, token_i=0,
            patch_index_i=0, line_i=0, mask_valid_i=0, mask_addr_i=0, mask_data_i=0,
        )  # fmt: skip
        width = self.lanes * self.words
        self.masks = [random.getrandbits(width) for _ in range(MASK_LINES)]
        for address in random.sample(range(MASK_LINES), MASK_LINES):
            await self.load_mask(address, self.masks[address])
        self.noise("mask_addr_i", "mask_data_i")

    async def load_mask(self, address: int, mask: int, flipped: int = 0) -> None:
        """Write a line of the mask, its parity beside it; ``flipped`` bits are then wrong."""
        parity = mask.bit_count() & 1
        word = (mask | parity << self.lanes * self.words) ^ flipped
        self.set(mask_valid_i=1, mask_addr_i=address, mask_data_i=word)
        await self.tick()
        self.set(mask_valid_i=0)

    def fields(self, **values: int) -> dict[str, int]:
        """Random fields with a mask that lies inside its memory, or none."""
        f = layer.random_fields(**values)
        taps = 9 if f["kernel3"] else 1
        f["mask_lines"] = random.choice((0, 1, random.randint(1, MASK_LINES // taps)))
        f["mask_base"] = random.randint(0, MASK_LINES - taps * f["mask_lines"])
        return f | values

    def layer(self, kind: str) -> dict[str, int]:
        if kind == "key_value":
            tokens = random.choice((1, 2, self.capacity, random.randint(1, self.capacity)))
            return self.fields(
                mode=layer.MODE_KEY_VALUE,
                tokens=tokens,
                in_lines=random.choice((1, 2, random.randrange(256))),
            )
        taps = 9 if kind == "kernel3" else 1
        lines = random.randint(1, self.capacity // taps)
        mode = random.choice((layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_HEAD))
        row = random.randrange(self.lines // 3) if coin(0.8) else random.getrandbits(16)
        return self.fields(mode=mode, kernel3=int(taps == 9), in_lines=lines, in_row_lines=row)

    async def run(
        self, f: dict[str, int], todo: list[Token], stall: float, slow_scan: float
    ) -> int:
        """One layer of these tokens; returns its cycles."""
        self.set(layer_i=layer.pack_layer(f))
        waiting = deque(todo)
        tokens: deque[Token] = deque()  # in the buffer, oldest first; the last may be fetched
        response = None  # (address,) accepted in the last cycle
        arrived = False  # a line came in the last cycle
        read: int | None = None  # the line at the output of the RAM
        held: int | None = None  # what patch_line_o must show
        asked: int | None = None  # a request that was not accepted
        over = False  # the request accepted in the last cycle was beyond the memory
        began = self.now
        await self.settle()
        while waiting or tokens:
            current = tokens[0] if tokens else None
            self.equal("overrun_o", self.get("overrun_o"), int(over))
            idle = all(t.filled == len(t.lines) for t in tokens)
            self.equal("idle_o", self.get("idle_o"), int(idle))
            self.equal("patch_valid_o", self.get("patch_valid_o"), int(current is not None))
            self.equal("parity_o", self.get("parity_o"), 0)
            if current:
                self.equal("filled_o", self.get("filled_o"), current.filled)
                self.equal("patch_taps_o", self.get("patch_taps_o"), current.taps)
                self.equal("patch_word_o", self.get("patch_word_o"), current.word)
            if held is not None:
                self.equal("patch_line_o", self.get("patch_line_o"), held)
            self.both += len(tokens) == 2
            # Spike memory: the response comes in the cycle after the accepted request.
            line = response is not None and response[0] is not OUTSIDE
            self.set(line_valid_i=int(line))
            self.noise("line_i")
            if line:
                self.set(line_i=self.memory[response[0]])
            ready = coin(1 - stall)
            self.set(read_ready_i=int(ready))
            # Dispatcher: a token only while there is room.
            room = self.get("room_o")
            if len(tokens) == 2:
                self.equal("room_o while both halves are in use", room, 0)
            push = bool(waiting and room and coin(1 - stall))
            self.set(token_valid_i=int(push))
            self.noise("token_i")
            if push:
                token = waiting[0]
                self.put_struct(
                    "token_i", "token_t", line=token.line, taps=token.inside, word=token.word
                )
            # Scanner: reads lines that are there, releases with its last read or later.
            self.set(patch_read_i=0, patch_release_i=0)
            self.noise("patch_index_i")
            release = False
            advance = read is not None and coin(1 - slow_scan)
            self.set(patch_advance_i=int(advance))
            if advance:
                held, read = read, None
            if current and read is None and coin(1 - slow_scan):
                if current.reads and current.reads[0] < current.filled:
                    index = current.reads.popleft()
                    self.set(patch_read_i=1, patch_index_i=index)
                    mask = current.masks and self.masks[current.masks[index]]
                    place = current.lines[index]
                    line = OUTSIDE if place is OUTSIDE else self.memory[place]
                    invert = f["invert"] and f["mode"] != layer.MODE_KEY_VALUE
                    read = self.masked(line, mask, invert)
                    release = not current.reads and coin(0.7)
                else:
                    release = not current.reads
                self.set(patch_release_i=int(release))
            await self.settle()
            # Requests: the lines of the newest token, in order, kept until accepted.
            fetched, address = next((t for t in tokens if t.requested < len(t.lines)), None), None
            outside = fetched and fetched.lines[fetched.requested] is OUTSIDE
            if self.get("read_valid_o"):
                self.check(fetched, "a line was requested that belongs to no token")
                address = fetched.lines[fetched.requested]
                self.equal(f"line {fetched.requested}", self.get("read_addr_o"), address)
            self.check(asked is None or asked == address, "an open request was withdrawn")
            if arrived:
                next(t for t in tokens if t.filled < len(t.lines)).filled += 1
            arrived = response is not None
            response = asked = None
            over = False
            if outside:  # takes its cycle, whether the memory is ready or not
                self.equal("read_valid_o outside the image", self.get("read_valid_o"), 0)
                fetched.requested += 1
                self.outside += 1
                response = (OUTSIDE,)
            elif address is not None and ready:
                over = fetched.beyond[fetched.requested]
                self.overruns += over
                self.inside += not over
                fetched.requested += 1
                response = (address,)
            elif address is not None:
                asked = address
            if release:
                tokens.popleft()
            if push:
                tokens.append(waiting.popleft())
            await self.tick()
        took = self.now - began
        self.set(patch_release_i=0, token_valid_i=0, line_valid_i=0)
        self.set(patch_read_i=0, patch_advance_i=0)
        for _ in range(3):
            self.noise("line_i", "token_i", "read_ready_i", "layer_i", "patch_index_i")
            await self.settle()
            self.equal("read_valid_o after the last token", self.get("read_valid_o"), 0)
            self.equal("patch_valid_o after the last token", self.get("patch_valid_o"), 0)
            self.equal("room_o after the last token", self.get("room_o"), 1)
            self.equal("idle_o after the last token", self.get("idle_o"), 1)
            if held is not None:
                self.equal("patch_line_o is held", self.get("patch_line_o"), held)
            await self.tick()
        return took


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
