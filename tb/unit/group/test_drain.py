# SPDX-License-Identifier: Apache-2.0
"""The drain's walk against nested loops: tokens, steps, accumulators; and who may make it wait."""

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


def random_layer(depth: int, **fixed: int) -> dict[str, int]:
    mode = fixed.get("mode", layer.MODE_SPIKE)
    values = {
        "mode": mode,
        "merge": int(mode == layer.MODE_HEAD),
        "repeat_drain": 0,
        "steps": random.randint(1, 5),
        "out_words": random.choice((1, 2, depth, random.randint(1, depth))),
    }
    return layer.random_fields(**values | fixed)


def walk(f: dict[str, int], tokens: list[int]) -> list[dict[str, int]]:
    """Every stage-0 read of the layer; ``reopen``: the accumulation ends with it."""
    per_token = f["merge"] or f["mode"] == layer.MODE_KEY_VALUE
    drains = 1 if per_token else f["steps"]
    reads, accumulation = [], 0
    for token in tokens:
        for t in range(drains):
            for j in range(f["out_words"]):
                last = j == f["out_words"] - 1
                over = t == drains - 1 or not f["repeat_drain"]  # not to be drained again
                reads.append({
                    "token": token,
                    "step": t,
                    "index": j,
                    "word": f["out_first"] + t * f["out_step"] + j,
                    "first_step": int(t == 0),
                    "token_last": int(last and t == drains - 1),
                    "buffer": accumulation % 2,
                    "clear": int(over),
                    "reopen": int(last and over) << accumulation % 2,
                })  # fmt: skip
            accumulation += over
    return reads


class DrainBench(Bench):
    async def begin(self) -> None:
        self.depth = 1 << self.width("index_o")
        self.overlap = 0
        await self.reset(
            start_i=0, layer_i=layer.garbage(), token_valid_i=0, complete_i=0, hold_i=0,
            stream_ready_i=0, token_i=0,
        )  # fmt: skip

    async def run(self, f: dict[str, int], count: int, stall: float) -> int:
        """One layer of ``count`` tokens; returns the cycles that it took."""
        tokens = [random.getrandbits(self.width("token_i")) for _ in range(count)]
        reads = deque(walk(f, tokens))
        accumulations = sum(1 for r in reads if r["reopen"])
        waiting, inside = deque(tokens), 0
        made = 0  # accumulations completed so far; the next one uses buffer made % 2
        complete = [0, 0]
        self.set(start_i=1, layer_i=layer.pack_layer(f))
        await self.tick()
        self.set(start_i=0)
        began = self.now
        while reads:
            room = self.get("token_room_o")
            self.equal("token_room_o", room, int(inside < QUEUE))
            self.equal("idle_o", self.get("idle_o"), int(inside == 0))
            self.equal("parity_o", self.get("parity_o"), 0)
            push = bool(room and waiting and coin(1 - stall))
            self.set(token_valid_i=int(push))
            self.noise("token_i")
            if push:
                self.set(token_i=waiting[0])
            # The window completes accumulations in order, each when its buffer is open.
            if made < accumulations and not complete[made % 2] and coin(1 - stall):
                complete[made % 2] = 1
                made += 1
            hold, ready = int(coin(stall)), int(coin(1 - stall))
            self.set(complete_i=complete[0] | complete[1] << 1, hold_i=hold, stream_ready_i=ready)
            await self.settle()
            r = reads[0]
            able = bool(complete[r["buffer"]] and inside and not hold)
            wants = able and f["mode"] == layer.MODE_RESIDUAL
            self.overlap += complete == [1, 1]
            self.equal("stream_o", self.get("stream_o"), int(wants))
            read = able and (ready or not wants)
            self.equal("read_o", self.get("read_o"), int(read))
            if able:  # the address of the residual word must be there while it is asked for
                for name in ("token", "step", "index", "word", "first_step", "buffer"):
                    self.equal(f"{name}_o", self.get(f"{name}_o"), r[name])
            if read:
                self.equal("clear_o", self.get("clear_o"), r["clear"])
                self.equal("token_last_o", self.get("token_last_o"), r["token_last"])
                self.equal("reopen_o", self.get("reopen_o"), r["reopen"])
                if r["reopen"]:
                    complete[r["buffer"]] = 0
                inside -= r["token_last"]
                reads.popleft()
            else:
                self.equal("reopen_o without a read", self.get("reopen_o"), 0)
                self.equal("clear_o without a read", self.get("clear_o"), 0)
            if push:
                waiting.popleft()
                inside += 1
            await self.tick()
        took = self.now - began
        self.set(token_valid_i=0, layer_i=layer.garbage(), complete_i=0)
        for _ in range(3):
            self.noise("token_i", "hold_i", "stream_ready_i")
            await self.settle()
            self.equal("read_o after the last token", self.get("read_o"), 0)
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


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def layers(dut, stall: float) -> None:
    """Layers of all kinds in turn; an odd number of accumulations must not shift the next layer."""
    bench = await DrainBench(dut).begun()
    kinds = [SPIKE, RESIDUAL, FIRST, KEY_VALUE, HEAD, SPIKE | {"repeat_drain": 1}]
    for kind in random.sample(kinds, len(kinds)):
        for count in (1, 3, 2):
            await bench.run(random_layer(bench.depth, **kind), count, stall)
    bench.check(bench.overlap, "never were both buffers complete")


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def many_tokens(dut) -> None:
    """More tokens than the queue holds: token_room_o falls and comes back."""
    bench = await DrainBench(dut).begun()
    await bench.run(random_layer(bench.depth, out_words=bench.depth, steps=2), 20, 0.0)
    await bench.run(random_layer(bench.depth, out_words=1, steps=1), 40, 0.5)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_word_per_cycle(dut) -> None:
    """Nothing holds: every cycle reads a word, from the cycle after the first token came."""
    bench = await DrainBench(dut).begun()
    for kind in (SPIKE, RESIDUAL, FIRST):
        f = random_layer(bench.depth, **kind, steps=4, out_words=3)
        bench.equal("cycles of 5 tokens", await bench.run(f, 5, 0.0), 5 * 4 * 3 + 1)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A bit that flips in the token whose turn it is is reported in the next cycle."""
    bench = await DrainBench(dut).begun()
    bench.set(layer_i=layer.pack_layer(random_layer(bench.depth, out_words=1, steps=1, merge=0)))
    bench.set(start_i=1)
    await bench.tick()
    bench.set(start_i=0)
    memory = dut.u_tokens.u_words.mem
    for turn in range(12):
        bench.set(token_valid_i=1, token_i=random.getrandbits(bench.width("token_i")))
        await bench.tick()
        bench.set(token_valid_i=0)
        entry = memory[turn % QUEUE]
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 0)
        entry.value = int(entry.value) ^ 1 << random.randrange(len(entry))
        await bench.settle()
        bench.set(complete_i=1 << turn % 2, stream_ready_i=1)
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 1)
        bench.set(complete_i=0)
        await bench.tick()
        bench.equal("idle_o", bench.get("idle_o"), 1)
        bench.equal("parity_o", bench.get("parity_o"), 0)


@cases({"Depth": 16}, {"Depth": 32})
def test_drain(parameters: dict[str, int]) -> None:
    run("psf_drain", __name__, parameters)
