# SPDX-License-Identifier: Apache-2.0
"""What a patch fetch is driven with and held against: tokens as lists of addresses."""

import random
from collections import deque

from golden.hardware.configuration import MASK_LINES
from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS

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
