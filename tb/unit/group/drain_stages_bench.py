# SPDX-License-Identifier: Apache-2.0
"""psf_drain_stages in lock-step with Python integers and golden lif_step: words in, words out."""

import random
from collections import deque
from dataclasses import dataclass

import numpy as np

from golden.contract.neuron import lif_step, start
from golden.hardware.configuration import MAX_COUNT
from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin, pack
from tb.lib.parameters import PARAMETERS

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
                w.value = [s + v for s, v in zip(old, w.value, strict=True)]
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
        values = {"mode": mode, "head_words": m, "param_base": base}
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
