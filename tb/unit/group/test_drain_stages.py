# SPDX-License-Identifier: Apache-2.0
"""The stages of the drain, word by word, against Python integers and golden lif_step.

Every layer has at most one kind of fault; parity_o and overrun_o must pulse once for each word with
it, for parameters once a window. Nothing may be said about what a word does not use: parameters in
head and key-value layers, the residual word of a first layer, the membrane at a first step.
"""

import random
from collections import deque
from dataclasses import dataclass

import cocotb
import numpy as np
import pytest

from golden.contract.neuron import lif_step, start
from golden.hardware.configuration import MAX_COUNT
from tb.lib import layer
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin, pack
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.runner import run

FREE = {"index": 16, "out": 17, "right": 1, "down": 1, "place": 2}  # of a token: any value will do
PLACE = ("index", "step", "place", "word", "first", "first_step", "last", "keep")  # ports, too
MODES = (layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_KEY_VALUE, layer.MODE_HEAD)


@dataclass
class Word:
    """One drained word: what goes in, what must come out."""

    index: int
    step: int
    place: int
    word: int
    first: int  # of the window
    first_step: int
    last: int
    keep: int  # of the window
    token: dict[str, int]
    acc: list[int]
    stream: list[int]
    stream_bad: int
    value: list[int]
    spikes: int
    beyond: bool = False  # head, key-value: nothing is handed out; residual: not written


class DrainStagesBench(Bench):
    async def begin(self) -> None:
        self.hw, self.lanes, self.bits = PARAMETERS, PARAMETERS["Lanes"], PARAMETERS["AccWidth"]
        self.logits = self.hw["Classes"] // self.lanes
        self.membrane: dict[int, list[int]] = {}
        self.params: list[tuple[list[int], list[int]]] = []
        self.parities = self.overruns = self.fired = 0
        await self.reset(
            layer_i=layer.garbage(), param_valid_i=0, read_i=0, head_ready_i=0, dump_ready_i=0,
            stream_error_i=0, param_addr_i=0, param_data_i=0, current_i=0, stream_data_i=0,
            token_i=0, **{f"{name}_i": 0 for name in PLACE},
        )  # fmt: skip

    signed = staticmethod(lambda bits: random.randrange(-(1 << bits), 1 << bits))

    def tokens(self) -> int:
        """A count of K^T V, often around the largest that is a weight."""
        top = self.hw["PatchLines"]
        return random.choice((0, top, random.randint(0, top), min(top, MAX_COUNT + coin(0.5))))

    async def load(self, wrong: int = 0) -> None:
        """All parameters; ``wrong`` of them with one bit flipped on the way in, parity included."""
        depth, scale = self.hw["ParamDepth"], self.bits - 10
        self.bad = set(random.sample(range(depth), wrong))
        self.params = [
            tuple([self.signed(scale) for _ in range(self.lanes)] for _ in "bt")
            for _ in range(depth)
        ]
        for address, (bias, theta2) in enumerate(self.params):
            pairs = [v for pair in zip(bias, theta2, strict=True) for v in pair]
            data = pack(pairs, self.bits)
            data |= (data.bit_count() & 1 ^ int(address in self.bad)) << 2 * self.lanes * self.bits
            self.set(param_valid_i=1, param_addr_i=address, param_data_i=data)
            await self.tick()
        self.set(param_valid_i=0)

    def word(
        self, f: dict[str, int], index: int, begins: int | None = None, first: int = 1, **token: int
    ) -> Word:
        """A word with its result; the membranes follow."""
        scale, mode = self.bits - 10, f["mode"]
        token = {
            **{name: random.getrandbits(bits) for name, bits in FREE.items()},
            "bank": random.randrange(self.hw["Groups"]),
            "stream": random.randrange(self.hw["StreamDepth"]),
            "dump": random.randrange(self.hw["BankDepth"] // 2),
            "block": random.randrange(self.hw["AccDepth"] - 4),
        } | token
        room = self.hw["StreamDepth"] - token["stream"]
        number = random.randrange(room) if room > 0 else random.getrandbits(16)
        current = self.tokens if mode == layer.MODE_KEY_VALUE else lambda: self.signed(scale)
        acc = [current() for _ in range(self.lanes)]
        stream = [self.signed(self.hw["StreamWidth"] - 2) for _ in range(self.lanes)]
        if begins is None:
            begins = int(index not in self.membrane or coin(0.2))
        w = Word(index, random.randrange(256), random.getrandbits(16), number, first, begins,
                 random.getrandbits(1), 1, token, acc, stream, 0, acc, 0)  # fmt: skip
        if mode in (layer.MODE_SPIKE, layer.MODE_RESIDUAL):
            bias, theta2 = self.params[(f["param_base"] + index) % len(self.params)]
            w.value = [a + b for a, b in zip(acc, bias, strict=True)]
            if mode == layer.MODE_RESIDUAL:
                old = [0] * self.lanes if f["first"] else stream
                w.value = [s + (v << f["shift"]) for s, v in zip(old, w.value, strict=True)]
            elif begins:
                y, x = divmod(token["place"], 2)
                w.value = [v + int(start(2, 2, f["charge"])[2 * y + x]) for v in w.value]
            before = [0] * self.lanes if begins else self.membrane[index]
            lanes = zip(w.value, before, theta2, strict=True)
            results = [lif_step(*map(np.int64, lane)) for lane in lanes]
            w.spikes = sum(int(spike) << p for p, (spike, _) in enumerate(results))
            self.membrane[index] = [int(u) for _, u in results]
            w.beyond = mode == layer.MODE_RESIDUAL and number >= room
        elif mode == layer.MODE_HEAD:
            w.word = random.randrange(self.logits)
        else:
            _, address, slot = self.dump(f, w)
            w.beyond = address >= self.hw["BankDepth"] or slot >= self.hw["AccDepth"]
        return w

    def windows(self, f: dict[str, int], indices: list[int]) -> list[Word]:
        """Words of windows of one to four steps."""
        words = []
        for index in indices:
            later = range(random.randrange(4))
            window = [self.word(f, index), *(self.word(f, index, 0, 0) for _ in later)]
            for w in window[:-1]:
                w.keep = 0
            words += window
        return words

    def dump(self, f: dict[str, int], w: Word) -> tuple[int, int, int]:
        """Bank, address and accumulator of a key-value row."""
        m, banks = f["head_words"], self.hw["Banks"]
        row, b = divmod(w.index, m)
        return row % banks, w.token["dump"] + row // banks * m + b, w.token["block"] + b

    def handed_out(self, f: dict[str, int], w: Word | None) -> None:
        """Everything that the last stage shows for this word."""
        mode = f["mode"]
        fire = w is not None and mode in (layer.MODE_SPIKE, layer.MODE_RESIDUAL)
        write = fire and mode == layer.MODE_RESIDUAL and not w.beyond
        head = w is not None and mode == layer.MODE_HEAD and not w.beyond
        dump = w is not None and mode == layer.MODE_KEY_VALUE and not w.beyond
        valid = {"line_valid": fire, "stream_write": write, "head_valid": head, "dump_valid": dump}
        for name, value in valid.items():
            self.equal(f"{name}_o", self.get(f"{name}_o"), int(value))
        if w is None:
            return
        expected = {"trace_token": w.token["index"], "trace_step": w.step, "trace_word": w.index}
        expected["trace_value"] = value = pack(w.value, self.bits)
        if fire:
            got = self.get_struct("line_token_o", "token_t")
            for n in ("out", "right", "down"):
                self.equal(f"line_token_o.{n}", got[n], w.token[n])
            expected |= {"line_word": w.place, "line_last": w.last, "line_bits": w.spikes}
        if write:
            expected["stream_write_bank"] = w.token["bank"]
            expected["stream_write_addr"] = w.token["stream"] + w.word
            expected["stream_write_data"] = pack(w.value, self.hw["StreamWidth"])
        if head:
            expected |= {"head_index": w.word, "head_data": value}
        if dump:
            bank, address, slot = self.dump(f, w)
            width = (self.hw["AccDepth"] - 1).bit_length() + 8
            slots = [slot << 8 | min(v, MAX_COUNT) for v in w.value]
            expected |= {"dump_bank": bank, "dump_addr": address, "dump_data": pack(slots, width)}
        for name, value in expected.items():
            self.equal(f"{name}_o", self.get(f"{name}_o"), value)

    async def run(self, f: dict[str, int], words: list[Word], stall: float, slow: float) -> int:
        """These words; returns the cycles."""
        self.set(layer_i=layer.pack_layer(f))
        todo, began = deque(words), self.now
        shared = f["mode"] in (layer.MODE_KEY_VALUE, layer.MODE_HEAD)
        stages: list[Word | None] = [None] * (2 if shared else 5)  # 1 and on
        while todo or any(stages):
            s1, out = stages[0], stages[-1]
            self.equal("busy_o", self.get("busy_o"), int(any(stages)))
            self.equal("full_o", self.get("full_o"), int(s1 is not None))
            s0 = todo.popleft() if todo and not (shared and s1) and coin(1 - stall) else None
            self.set(read_i=int(s0 is not None))
            self.noise(*(f"{name}_i" for name in PLACE), "current_i", "token_i")
            self.noise("stream_data_i", "stream_error_i")
            if s0:
                self.set(**{f"{name}_i": getattr(s0, name) for name in PLACE})
                self.put_struct("token_i", "token_t", **s0.token)
            if s1:
                self.set(current_i=pack(s1.acc, self.bits))
                self.set(stream_data_i=pack(s1.stream, self.hw["StreamWidth"]))
            if not shared and stages[1]:
                self.set(stream_error_i=stages[1].stream_bad)
            ready = coin(1 - slow)
            for name, mode in (("head", layer.MODE_HEAD), ("dump", layer.MODE_KEY_VALUE)):
                self.set(**{f"{name}_ready_i": int(ready if f["mode"] == mode else coin(0.5))})
            await self.settle()
            if s0 and f["mode"] == layer.MODE_RESIDUAL:
                address = s0.token["stream"] + s0.word
                inside = address < self.hw["StreamDepth"]
                self.equal("read", self.get("stream_read_addr_o"), address if inside else 0)
            self.handed_out(f, out)
            taken = out is not None and (not shared or ready or out.beyond)
            self.equal("trace_valid_o", self.get("trace_valid_o"), int(taken))
            self.fired += taken and out.spikes != 0
            self.count()
            if not shared or out is None or taken:
                stages = [None, *stages[:-1]]
            stages[0] = s0 or stages[0]
            await self.tick()
        took = self.now - began
        for _ in range(6):
            self.set(read_i=0)
            self.noise("index_i", "stream_data_i", "stream_error_i", "current_i", "head_ready_i")
            await self.settle()
            self.handed_out(f, None)
            self.equal("busy_o at the end", self.get("busy_o"), 0)
            self.count()
            await self.tick()
        return took

    def count(self) -> None:
        self.parities += self.get("parity_o")
        self.overruns += self.get("overrun_o")

    def charge(self) -> int:
        """As the compiler bounds it: currents do not wrap."""
        return random.getrandbits(self.bits - 6)

    def layer(self, mode: int, **fixed: int) -> dict[str, int]:
        m = random.choice((1, 2, 4))
        depth = min(self.hw["ParamDepth"], self.hw["AccDepth"])
        base = random.randrange(depth - 8) if coin(0.5) else 0
        values = {"mode": mode, "shift": random.randrange(5), "head_words": m, "param_base": base}
        return layer.random_fields(**values | {"charge": self.charge()} | fixed)

    def indices(self, f: dict[str, int], count: int) -> list[int]:
        """As they lie inside all memories, some of them often."""
        high = self.hw["AccDepth"]
        if f["mode"] in (layer.MODE_SPIKE, layer.MODE_RESIDUAL):
            high = min(self.hw["AccDepth"], self.hw["ParamDepth"] - f["param_base"])
        few = random.randint(1, high)
        return [random.randrange(few if coin(0.5) else high) for _ in range(count)]

    def faults(self) -> tuple[int, int]:
        """Since the last call."""
        result = self.parities, self.overruns
        self.parities = self.overruns = 0
        return result


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, slow=STALLS)
async def layers(dut, stall: float, slow: float) -> None:
    """Layers of all modes in turn, nothing wrong with what they use, random errors elsewhere."""
    bench = await DrainStagesBench(dut).begun()
    for mode in random.sample(MODES, 4):
        await bench.load()
        unused = mode in (layer.MODE_KEY_VALUE, layer.MODE_HEAD)
        f = bench.layer(mode, **{"param_base": random.getrandbits(16)} if unused else {})
        words = bench.windows(f, bench.indices(f, 12))
        for w in words:
            w.stream_bad = random.getrandbits(1) if mode != layer.MODE_RESIDUAL or f["first"] else 0
        took = await bench.run(f, words, stall, slow)
        if not stall and not (unused and slow):
            bench.equal("cycles", took, 2 * len(words) + 1 if unused else len(words) + 5)
        bench.equal("faults", bench.faults(), (0, 0))
    bench.check(bench.fired, "no spike at all")


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(mode=(layer.MODE_SPIKE, layer.MODE_RESIDUAL))
async def wrong_parameters(dut, mode: int) -> None:
    """A flipped bit of a parameter word is reported once for every window that uses it."""
    bench = await DrainStagesBench(dut).begun()
    for first in (0, 1):
        await bench.load(wrong=5)
        f = bench.layer(mode, param_base=random.randrange(4), first=first)
        words = bench.windows(f, bench.indices(f, 40))
        wrong = sum(w.first and f["param_base"] + w.index in bench.bad for w in words)
        await bench.run(f, words, 0.3, 0.0)
        bench.equal("faults", bench.faults(), (wrong, 0))
    for unused in (layer.MODE_HEAD, layer.MODE_KEY_VALUE):
        f = bench.layer(unused)
        await bench.run(f, [bench.word(f, i) for i in bench.indices(f, 20)], 0.3, 0.3)
        bench.equal("faults", bench.faults(), (0, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(first=(0, 1))
async def wrong_residuals(dut, first: int) -> None:
    """A residual word that fails its parity counts only where the stream goes on."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    f = bench.layer(layer.MODE_RESIDUAL, first=first)
    words = [bench.word(f, i) for i in bench.indices(f, 60)]
    for w in words:
        w.stream_bad = random.getrandbits(1)
    wrong = 0 if first else sum(w.stream_bad for w in words)
    await bench.run(f, words, 0.2, 0.0)
    bench.equal("faults", bench.faults(), (wrong, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def wrong_membranes(dut) -> None:
    """One flipped membrane bit in any lane is reported when it is used, not at a first step."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    for lane in range(bench.lanes):
        for first in (1, 0):
            f = bench.layer(layer.MODE_SPIKE, param_base=0)
            words = [bench.word(f, 3, 1), bench.word(f, 3, 0), bench.word(f, 4, 1)]
            after = bench.word(f, 3, first)
            await bench.run(f, words, 0.0, 0.0)
            entry = dut.u_neurons.u_membranes.u_parity.mem[3]
            entry.value = int(entry.value) ^ 1 << lane  # the value is right, the parity is not
            await bench.settle()
            await bench.run(f, [after], 0.0, 0.0)
            bench.equal(f"faults, lane {lane}", bench.faults(), (1 - first, 0))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def beyond_the_memories(dut) -> None:
    """The last address and the next of every memory, and sums of more than 16 bits."""
    bench = await DrainStagesBench(dut).begun()
    await bench.load()
    hw = bench.hw
    residual = {"mode": layer.MODE_RESIDUAL, "shift": 1, "first": 0}
    head, spike = {"mode": layer.MODE_HEAD}, {"mode": layer.MODE_SPIKE, "shift": 1}
    key_value = {"mode": layer.MODE_KEY_VALUE, "head_words": 2}
    top = hw["AccDepth"] - 1
    plain = {"stream": 0, "dump": 0, "block": 0}
    for fixed, index, token, number, overruns in (
        *((head, 0, {}, n, n >= bench.logits) for n in (bench.logits - 1, bench.logits, 65535)),
        (residual, 0, {"stream": hw["StreamDepth"] - 1}, 0, 0),
        (residual, 0, {"stream": hw["StreamDepth"] - 1}, 1, 1),
        (residual, 0, {"stream": 65535}, 65535, 1),
        (residual, 0, {"stream": 65535}, 1, 1),
        (residual, 0, {"stream": 65536}, 0, 1),
        (residual, 0, {"stream": 131071}, 65535, 1),
        (spike, 0, {"stream": 65536}, 0, 0),
        (key_value, 1, {"dump": hw["BankDepth"] - 2}, 0, 0),
        (key_value, 1, {"dump": hw["BankDepth"] - 1}, 0, 1),
        (key_value, 0, {"dump": 65535}, 0, 1),
        (key_value, 2 * hw["Banks"] + 1, {"dump": 65536 - 3}, 0, 1),
        (key_value, 0, {"dump": 65536}, 0, 1),
        (key_value, 1, {"dump": 131071}, 0, 1),
        (key_value, 1, {"block": top - 1}, 0, 0),
        (key_value, 1, {"block": top}, 0, 1),
        (key_value, 1, {"block": 255}, 0, 1),
        (key_value, 1, {"block": 256}, 0, 1),
        (key_value, 0, {"block": 511}, 0, 1),
    ):
        f = layer.random_fields(**{"param_base": 0, "charge": bench.charge()} | fixed)
        words = [bench.word(f, index, **plain | token) for _ in range(2)]
        for w in words:
            w.word = number
            w.beyond = bool(overruns)
        await bench.run(f, words, 0.0, 0.5)
        what = f"faults, {fixed} {index} {token} {number}"
        bench.equal(what, bench.faults(), (0, 2 * overruns))
    # Parameters: what such a word hands out is anybody's guess.
    last = hw["ParamDepth"] - 1
    for base, index, overruns in ((last, 0, 0), (last, 1, 1), *((65535, i, 1) for i in (0, 1, 31))):
        for fixed, uses in ((spike, 1), (residual, 1), (head, 0), (key_value, 0)):
            f = layer.pack_layer(layer.random_fields(**fixed | {"param_base": base}))
            bench.set(layer_i=f, head_ready_i=1, dump_ready_i=1, index_i=index)
            bench.set(word_i=0, read_i=1, first_i=1, first_step_i=1, stream_error_i=0)
            bench.put_struct("token_i", "token_t", stream=0, dump=0, block=0)
            for _ in range(8):
                await bench.tick()
                bench.set(read_i=0)
                bench.count()
            bench.equal(f"faults, {base} {index} {fixed}", bench.faults(), (0, uses * overruns))
    # One word right behind the other: each is reported on its own.
    f = layer.pack_layer(layer.random_fields(**spike | {"param_base": last}))
    bench.set(layer_i=f)
    for indices in ((1, 0), (0, 1), (1, 0, 0, 1, 1, 0)):
        for index in (*indices, *[None] * 8):
            read = int(index is not None)
            bench.set(index_i=index or 0, read_i=read, first_i=read, first_step_i=read)
            await bench.tick()
            bench.count()
        bench.equal(f"faults, {indices}", bench.faults(), (0, sum(indices)))


CASES = [
    {
        "Groups": 2, "Lanes": 8, "Banks": 4, "AccDepth": 32, "AccWidth": 20, "StreamWidth": 16,
        "BankDepth": 64, "ParamDepth": 32, "StreamDepth": 128, "PatchLines": 64, "Classes": 128,
    },
    {
        "Groups": 4, "Lanes": 4, "Banks": 2, "AccDepth": 48, "AccWidth": 16, "StreamWidth": 12,
        "BankDepth": 100, "ParamDepth": 20, "StreamDepth": 50, "PatchLines": 1024, "Classes": 1024,
    },
]  # fmt: skip


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: f"{p['Groups']}x{p['Lanes']}")
def test_drain_stages(parameters: dict[str, int]) -> None:
    run("psf_drain_stages", __name__, parameters)
