# SPDX-License-Identifier: Apache-2.0
"""Which word each current is, against nested loops (tokens, windows, words, steps); who waits."""

import random
from collections import deque

import cocotb

from tb.lib import layer
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

QUEUE = 8  # tokens in flight


def random_layer(most: int, **fixed: int) -> dict[str, int]:
    mode = fixed.get("mode", layer.MODE_SPIKE)
    values = {
        "mode": mode,
        "merge": int(mode == layer.MODE_HEAD),
        "repeat_drain": 0,
        "steps": random.randint(1, 9),
        "window": random.randrange(3),
        "out_block": random.randrange(3),
        "out_words": random.choice((1, 2, most, random.randint(1, most))),
    }
    return layer.random_fields(**values | fixed)


def walk(f: dict[str, int], tokens: list[int]) -> list[dict[str, int]]:
    """Every word of the layer; ``taken``: its current is not used again."""
    block = 1 << f["out_block"]
    if f["merge"] or f["mode"] == layer.MODE_KEY_VALUE:
        windows = [[0]]
    elif f["repeat_drain"]:
        windows = [list(range(f["steps"]))]
    else:
        size = 1 << f["window"]
        steps = range(f["steps"])
        windows = [list(steps[t : t + size]) for t in steps[::size]]
    words = []
    for token in tokens:
        for window in windows:
            for j in range(f["out_words"]):
                for t in window:
                    lies = (t // block * f["out_step"] + f["out_first"] + j) * block + t % block
                    last = (window, j, t) == (windows[-1], f["out_words"] - 1, window[-1])
                    words.append({
                        "token": token,
                        "index": j,
                        "step": t,
                        "place": lies % 65536,
                        "word": (t * f["out_step"] + f["out_first"] + j) % 65536,
                        "first_step": int(t == 0),
                        "first": int(t == window[0]),
                        "token_last": int(last),
                        "keep": int(t == window[-1] and window is not windows[-1]),
                        "taken": int(not f["repeat_drain"] or t == window[-1]),
                    })  # fmt: skip
    return words


class DrainWordsBench(Bench):
    async def begin(self) -> None:
        self.most = 1 << self.width("index_o")
        await self.reset(
            start_i=0, layer_i=layer.garbage(), token_valid_i=0, current_valid_i=0, hold_i=0,
            stream_ready_i=0, token_i=0,
        )  # fmt: skip

    async def run(self, f: dict[str, int], count: int, stall: float) -> int:
        """One layer of ``count`` tokens; returns the cycles that it took."""
        tokens = [random.getrandbits(self.width("token_i")) for _ in range(count)]
        words = deque(walk(f, tokens))
        waiting, queued, current = deque(tokens), 0, False
        held = 0  # whether words[0] is in the registers, its token no longer in the queue if last
        self.set(start_i=1, layer_i=layer.pack_layer(f))
        await self.tick()
        self.set(start_i=0)
        began = self.now
        while words:
            room = self.get("token_room_o")
            self.equal("token_room_o", room, int(queued < QUEUE))
            self.equal("idle_o", self.get("idle_o"), int(queued == 0 and not held))
            self.equal("parity_o", self.get("parity_o"), 0)
            push = bool(room and waiting and coin(1 - stall))
            self.set(token_valid_i=int(push))
            self.noise("token_i")
            if push:
                self.set(token_i=waiting[0])
            current = current or coin(1 - stall)  # it stays until it is taken
            hold, ready = int(coin(stall)), int(coin(1 - stall))
            self.set(current_valid_i=int(current), hold_i=hold, stream_ready_i=ready)
            await self.settle()
            w = words[0]
            able = bool(current and held and not hold)
            wants = able and f["mode"] == layer.MODE_RESIDUAL
            self.equal("stream_o", self.get("stream_o"), int(wants))
            go = able and (ready or not wants)
            self.equal("go_o", self.get("go_o"), int(go))
            self.equal("current_ready_o", self.get("current_ready_o"), int(go and w["taken"]))
            if able:  # the address of the residual word must be there while it is asked for
                for name in w.keys() - {"taken"}:
                    self.equal(f"{name}_o, {f}", self.get(f"{name}_o"), w[name])
            step = queued and (go or not held)
            if step:  # the word behind the one that goes
                queued -= words[held]["token_last"]
            held = int(step or (held and not go))
            if go:
                current = current and not w["taken"]
                words.popleft()
            if push:
                waiting.popleft()
                queued += 1
            await self.tick()
        took = self.now - began
        self.set(token_valid_i=0, layer_i=layer.garbage())
        for _ in range(3):
            self.noise("token_i", "hold_i", "stream_ready_i", "current_valid_i")
            await self.settle()
            for name in ("go_o", "stream_o", "current_ready_o"):
                self.equal(f"{name} after the last token", self.get(name), 0)
            self.equal("idle_o after the last token", self.get("idle_o"), 1)
            await self.tick()
        return took


SPIKE, RESIDUAL, FIRST, KEY_VALUE, HEAD = (
    {"mode": layer.MODE_SPIKE},
    {"mode": layer.MODE_RESIDUAL},
    {"mode": layer.MODE_RESIDUAL, "repeat_drain": 1},
    {"mode": layer.MODE_KEY_VALUE},
    {"mode": layer.MODE_HEAD},
)
WHOLE, CUT, SHORT = (
    {"window": 2, "steps": 8},
    {"window": 2, "steps": 5},
    {"window": 2, "steps": 3},
)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def layers(dut, stall: float) -> None:
    """Layers of all kinds in turn; an odd number of windows must not shift the next layer."""
    bench = await DrainWordsBench(dut).begun()
    kinds = [SPIKE, RESIDUAL, FIRST, KEY_VALUE, HEAD, SPIKE | {"repeat_drain": 1}]
    kinds += [SPIKE | WHOLE, RESIDUAL | CUT, SPIKE | SHORT, SPIKE | CUT | {"out_words": 1}]
    for kind in random.sample(kinds, len(kinds)):
        for count in (1, 3, 2):
            await bench.run(random_layer(min(bench.most, 12), **kind), count, stall)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(window=(0, 1, 2), block=(0, 1, 2))
async def every_layout(dut, window: int, block: int) -> None:
    """Windows wider, as wide and narrower than the timesteps side by side; one to nine steps."""
    bench = await DrainWordsBench(dut).begun()
    for steps in range(1, 10):
        for words in (1, 3):
            f = random_layer(3, window=window, out_block=block, steps=steps, out_words=words)
            await bench.run(f, 2, 0.0)
    f = random_layer(2, window=window, out_block=block, steps=255, out_step=255)
    await bench.run(f, 1, 0.0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def many_tokens(dut) -> None:
    """More tokens than the queue holds: token_room_o falls and comes back."""
    bench = await DrainWordsBench(dut).begun()
    await bench.run(random_layer(8, out_words=8, steps=2), 20, 0.0)
    await bench.run(random_layer(1, out_words=1, steps=1), 40, 0.5)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_word_per_cycle(dut) -> None:
    """Nothing holds: every cycle is a word, from the second one after the first token came on."""
    bench = await DrainWordsBench(dut).begun()
    for kind in (SPIKE, RESIDUAL, FIRST):
        for window in (0, 1, 2):
            f = random_layer(3, **kind, steps=5, out_words=3, window=window)
            bench.equal("cycles of 5 tokens", await bench.run(f, 5, 0.0), 5 * 5 * 3 + 2)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A bit that flips in the token whose turn it is is reported in the next cycle."""
    bench = await DrainWordsBench(dut).begun()
    bench.set(layer_i=layer.pack_layer(random_layer(1, out_words=1, steps=1, merge=0)))
    bench.set(start_i=1)
    await bench.tick()
    bench.set(start_i=0)
    memory = dut.u_tokens.u_words.mem
    for turn in range(12):
        bench.set(token_valid_i=1, token_i=random.getrandbits(bench.width("token_i")))
        await bench.tick()
        bench.set(token_valid_i=0)
        entry = memory[turn % QUEUE]
        bench.equal("parity_o", bench.get("parity_o"), 0)
        entry.value = int(entry.value) ^ 1 << random.randrange(len(entry))
        await bench.settle()
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 1)
        bench.set(current_valid_i=1, stream_ready_i=1)
        await bench.tick()
        bench.set(current_valid_i=0)
        bench.equal("idle_o", bench.get("idle_o"), 1)
        bench.equal("parity_o", bench.get("parity_o"), 0)


@cases({"IndexWidth": 4}, {"IndexWidth": 6})
def test_drain_words(parameters: dict[str, int]) -> None:
    run("psf_drain_words", __name__, parameters)
