# SPDX-License-Identifier: Apache-2.0
"""All lanes of a group: which accumulators a weight word or a V word goes to, for every pattern."""

import random

import cocotb

from tb.lib import layer
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin, signed
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

PATTERNS = 15
LANDING = 5  # cycles from a word to a drain read that sees it
CLEARING = 2  # from a read that clears to an add, or a read, that sees the zero


class LanesBench(Bench):
    """Model: a list of accumulators per buffer, entry and lane."""

    async def begin(self) -> None:
        self.lanes, self.bits = PARAMETERS["Lanes"], PARAMETERS["AccWidth"]
        self.entries = PARAMETERS["AccDepth"] * PARAMETERS["Patterns"]
        self.index_bits = self.width("kv_index_i")
        self.acc = [[[0] * self.lanes for _ in range(self.entries)] for _ in range(2)]
        self.added = [-LANDING] * 2  # cycle of the last word to each buffer
        self.drained: list[tuple[int, list[int]] | None] = [None, None]  # buffer, values by lane
        self.compared = self.overruns = self.parities = 0
        await self.reset(
            layer_i=layer.garbage(), word_valid_i=0, kv_valid_i=0, drain_valid_i=0, drain_clear_i=0,
            drain_buffer_i=0, drain_entry_i=0,
        )  # fmt: skip
        while not self.get("ready_o"):
            self.noise("word_tag_i", "word_data_i", "kv_index_i", "drain_entry_i", "drain_buffer_i")
            await self.tick()
        self.equal("cycles of the sweep", self.now, 2 * self.entries)

    async def start(self, f: dict[str, int]) -> None:
        f["shift"] = random.randrange(6)  # with a row's of up to two
        self.f, self.index_of_set = f, (f["out_words"] - 1).bit_length()
        self.set(layer_i=layer.pack_layer(f))
        await self.cycle()

    async def cycle(
        self,
        word: tuple[int, int, int, list[tuple[int, int]]] | None = None,
        kv: tuple[int, int, int] | None = None,
        drain: tuple[int, int, int] | None = None,
    ) -> None:
        """``word``: buffer, pattern, shift, (index, weight) by lane. ``kv``: buffer, index, bits.

        ``drain``: buffer, entry, clear.
        """
        self.noise("word_tag_i", "word_shift_i", "word_data_i", "kv_buffer_i", "kv_index_i")
        self.noise("kv_bits_i", "drain_buffer_i")
        self.set(word_valid_i=int(word is not None), kv_valid_i=int(kv is not None))
        self.set(drain_valid_i=int(drain is not None), drain_clear_i=0)
        self.set(drain_entry_i=random.randrange(self.entries))
        terms = []
        if word:
            buffer, pattern, shift, slots = word
            self.set(word_tag_i=buffer << 4 | pattern - 1, word_shift_i=shift)
            data = [index << 8 | weight & 255 for index, weight in slots]
            self.put("word_data_i", data, self.index_bits + 8)
            shift += self.f["shift"] if self.f["mode"] == layer.MODE_RESIDUAL else 0
            base = pattern - 1 << self.index_of_set
            terms = [(buffer, base | index, weight << shift) for index, weight in slots]
            if base >= self.entries:
                terms = []
        if kv:
            buffer, index, bits = kv
            self.set(kv_buffer_i=buffer, kv_index_i=index, kv_bits_i=bits)
            terms = [(buffer, index, bits >> p & 1) for p in range(self.lanes)]
        if drain:
            buffer, entry, clear = drain
            self.set(drain_buffer_i=buffer, drain_entry_i=entry, drain_clear_i=clear)
        await self.settle()
        self.overruns += self.get("overrun_o")
        self.parities += self.get("parity_o")
        self.equal("ready_o", self.get("ready_o"), 1)
        expected = self.drained.pop(0)
        if expected is not None:
            buffer, values = expected
            both = self.elements("acc_o", self.bits, 2 * self.lanes)
            self.equal("acc_o", [signed(v, self.bits) for v in both[buffer::2]], values)
            self.equal("acc_o of the other buffer", both[1 - buffer :: 2], [0] * self.lanes)
            self.compared += any(values)
        self.drained.append((drain[0], list(self.acc[drain[0]][drain[1]])) if drain else None)
        if drain and drain[2]:
            self.acc[drain[0]][drain[1]] = [0] * self.lanes
        for lane, (buffer, entry, term) in enumerate(terms):
            if entry < self.entries:
                self.acc[buffer][entry][lane] += term
            self.added[buffer] = self.now
        await self.tick()

    def random_word(self, buffer: int) -> tuple[int, int, int, list[tuple[int, int]]]:
        """To a pattern that the layer may have, words inside it."""
        patterns = range(1, 1 + min(PATTERNS, self.entries >> self.index_of_set))
        slots = [
            (random.randrange(self.f["out_words"]), random.randint(-128, 127))
            for _ in range(self.lanes)
        ]
        return buffer, random.choice(patterns), random.randrange(3), slots

    async def drain(self, buffer: int, clear: int = 1) -> None:
        """All of a buffer, as soon as it may be."""
        while self.now - self.added[buffer] < LANDING:
            await self.cycle()
        for entry in random.sample(range(self.entries), self.entries):
            await self.cycle(drain=(buffer, entry, clear))
        for _ in range(CLEARING):
            await self.cycle()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def patterns(dut, stall: float) -> None:
    """Words of all patterns to both buffers; then each is drained while the other is added to."""
    bench = await LanesBench(dut).begun()
    most = PARAMETERS["AccDepth"]
    for words in (1, 2, 3, most):
        mode = random.choice((layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_HEAD))
        await bench.start(layer.random_fields(mode=mode, out_words=words))
        for _ in range(60):
            word = bench.random_word(random.randrange(2)) if coin(1 - stall) else None
            await bench.cycle(word)
        buffer = random.randrange(2)
        while bench.now - bench.added[buffer] < LANDING:
            await bench.cycle(bench.random_word(1 - buffer))
        for entry in range(bench.entries):
            word = bench.random_word(1 - buffer) if coin(1 - stall) else None
            await bench.cycle(word, drain=(buffer, entry, 1))
        await bench.drain(1 - buffer, 0)
        await bench.drain(1 - buffer)
    bench.check(bench.compared > 8, "hardly anything but zeros was compared")
    bench.equal("overruns, wrong parities", (bench.overruns, bench.parities), (0, 0))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_entry(dut) -> None:
    """No two patterns share an accumulator."""
    bench = await LanesBench(dut).begun()
    for words in (1, PARAMETERS["AccDepth"]):
        await bench.start(layer.random_fields(mode=layer.MODE_SPIKE, out_words=words))
        for pattern in range(1, PATTERNS + 1):
            for j in range(words):
                if (pattern - 1 << bench.index_of_set | j) < bench.entries:
                    slots = [(j, pattern + p) for p in range(bench.lanes)]
                    await bench.cycle((0, pattern, 0, slots))
        await bench.drain(0)
    bench.equal("overruns", bench.overruns, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def key_value(dut) -> None:
    """V words: a one for every bit, to the entry of its index; the other port does not matter."""
    bench = await LanesBench(dut).begun()
    await bench.start(layer.random_fields(mode=layer.MODE_KEY_VALUE))
    for _ in range(100):
        index = random.randrange(PARAMETERS["AccDepth"])
        kv = random.randrange(2), index, random.getrandbits(bench.lanes)
        await bench.cycle(kv=kv if coin(0.7) else None)
    for buffer in (0, 1):
        await bench.drain(buffer)
    bench.check(bench.compared > 4, "hardly anything but zeros was compared")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_entries(dut) -> None:
    """A word for a pattern, or an index, without an accumulator changes none and is reported."""
    bench = await LanesBench(dut).begun()
    await bench.start(layer.random_fields(mode=layer.MODE_SPIKE, out_words=PARAMETERS["AccDepth"]))
    wrong = 0
    for pattern in range(1, PATTERNS + 1):
        for index in {0, PARAMETERS["AccDepth"] - 1, (1 << bench.index_bits) - 1}:
            await bench.cycle((0, pattern, 0, [(index, 1)] * bench.lanes))
            wrong += (pattern - 1 << bench.index_of_set | index) >= bench.entries
            for _ in range(3):
                await bench.cycle()
            bench.equal(f"overruns, pattern {pattern}, index {index}", bench.overruns, wrong)
    bench.check(wrong, "no word was beyond")
    await bench.drain(0)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A flipped accumulator of any lane is reported when it is drained."""
    bench = await LanesBench(dut).begun()
    await bench.start(layer.random_fields(mode=layer.MODE_SPIKE, out_words=1))
    for lane in range(bench.lanes):
        for buffer in (0, 1):
            entry = random.randrange(bench.entries)
            word = dut.gen_lane[lane].u_lane.gen_buffer[buffer].u_acc.mem[entry]
            word.value = int(word.value) ^ 1 << bench.bits  # the value is right, the parity is not
            await bench.settle()
            before = bench.parities
            await bench.drain(buffer)
            for _ in range(4):
                await bench.cycle()
            bench.equal("wrong parities", bench.parities - before, 1)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def resets(dut) -> None:
    """A reset ends the pulse of a wrong parity at once."""
    bench = await LanesBench(dut).begun()
    await bench.start(layer.random_fields(mode=layer.MODE_SPIKE, out_words=1))
    word = dut.gen_lane[0].u_lane.gen_buffer[0].u_acc.mem[0]
    word.value = int(word.value) ^ 1 << bench.bits
    await bench.settle()
    bench.set(drain_valid_i=1, drain_clear_i=0, drain_buffer_i=0, drain_entry_i=0)
    await bench.until("parity_o")
    await bench.check_reset("parity_o", drain_valid_i=0)
    assert bench.fell == {"parity_o"}


@cases(
    {"Lanes": 2, "AccDepth": 16, "AccWidth": 20, "Patterns": 4},
    {"Lanes": 4, "AccDepth": 12, "AccWidth": 16, "Patterns": 2},
)
def test_lanes(parameters: dict[str, int]) -> None:
    run("psf_lanes", __name__, parameters)
