# SPDX-License-Identifier: Apache-2.0
"""psf_stream_planes: a stream in Python memory, summed and written as spikes.

Golden: golden.hardware.compile.average."""

import random

import cocotb
import numpy as np
import pytest

from golden.hardware.compile import average
from golden.hardware.configuration import MIN_PLANES, SUM_BITS
from tb.lib.bench import SEED, Bench
from tb.lib.bits import coin
from tb.lib.layer import MODE_HEAD, garbage, pack_layer, random_fields
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.runner import run

GROUPS, LANES, LINE_WORDS, WIDTH, DEPTH, LINES = (
    PARAMETERS.get(name, 1)
    for name in ("Groups", "Lanes", "LineWords", "StreamWidth", "StreamDepth", "SpikeLines")
)


class StreamPlanesBench(Bench):
    """Residual and spike memory with stalls; every read and write is checked when it happens."""

    async def begin(self) -> None:
        await self.reset(start_i=0, layer_i=garbage(), read_ready_i=0, read_error_i=0,
                         spike_busy_i=0)  # fmt: skip
        low, high = -(1 << WIDTH - 1), 1 << WIDTH - 1
        shape = (GROUPS, DEPTH, LANES)
        self.stream = np.random.default_rng(SEED).integers(low, high, shape)
        self.stream[:, ::3] = random.choice((low, high - 1, 0))
        self.overruns = self.parities = self.took = 0

    def fields(self, tokens: int, steps: int, words: int, planes: int, **changes) -> dict[str, int]:
        """A layer of ``tokens`` with ``steps`` times ``words`` words each, all else random."""
        in_step = words + 1 + random.randint(0, 2)
        lines = -(-(planes * in_step + 1) // LINE_WORDS)
        stride, first = steps * words, random.getrandbits(16)
        turns = (first % GROUPS + tokens + GROUPS - 1) // GROUPS
        if turns * stride > DEPTH:  # it fits from the first bank on alone
            first, turns = random.getrandbits(12) * GROUPS, -(-tokens // GROUPS)
        values = dict(
            mode=MODE_HEAD,
            merge=0,
            steps=planes,
            in_words=words + 1,
            in_step=in_step,
            in_first=random.randint(0, 1),
            stream_tokens=tokens,
            stream_stride=stride,
            dump_step=first,
            dump_base=random.randint(0, max(DEPTH - turns * stride, 0)),
            in_base=random.randint(0, LINES - lines),
        )
        return random_fields(**values | changes)

    async def run(self, f: dict[str, int], idle=0.0, bad=None, limit=20_000) -> dict:
        """The written words {(line, place): bits}; ``bad``: a read that fails its parity."""
        self.set(layer_i=pack_layer(f), start_i=1)
        await self.tick()
        self.set(start_i=0)
        written, reads, waiting, busy, began = {}, 0, None, 0, self.now
        error = None  # whether the word of the cycle before was bad
        while True:
            assert self.now - began < limit, f"no end after {limit} cycles, SEED={SEED}"
            ready = not coin(idle)
            self.set(spike_busy_i=int(busy > 0), read_ready_i=ready)
            if waiting is None:
                self.noise("read_data_i")
            else:
                bank, addr = waiting
                values = [int(v) & (1 << WIDTH) - 1 for v in self.stream[bank, addr]]
                self.set(read_data_i=sum(v << p * WIDTH for p, v in enumerate(values)))
            # The error of a word comes a cycle after it.
            self.set(read_error_i=random.getrandbits(1) if error is None else int(error))
            error = None if waiting is None else reads - 1 == bad
            await self.settle()
            self.overruns += self.get("overrun_o")
            self.parities += self.get("parity_o")
            assert self.get("busy_o") == 1
            waiting = None
            if self.get("read_valid_o") and ready:
                waiting = self.get("read_bank_o"), self.get("read_addr_o")
                reads += 1
            if self.get("word_valid_o"):
                place = self.get("word_place_o")
                assert place & (place - 1) == 0 and place
                key = self.get("word_line_o"), place.bit_length() - 1
                assert key not in written, f"written twice: {key}"
                written[key] = self.get("word_bits_o")
                busy = random.randint(2, 4)
            done = self.get("done_o")
            assert not (done and busy > 0), "done while the spikes cannot be read"
            busy -= busy > 0
            await self.tick()
            if done:
                break
        self.set(layer_i=garbage(), spike_busy_i=random.getrandbits(1))
        for _ in range(3):
            await self.settle()
            self.overruns += self.get("overrun_o")
            self.parities += self.get("parity_o")
            assert not self.get("busy_o") and not self.get("done_o")
            assert not self.get("read_valid_o") and not self.get("word_valid_o")
            await self.tick()
        self.reads, self.took = reads, self.now - began
        return written

    def expected(self, f: dict[str, int]) -> dict:
        words = f["in_words"] - 1
        sums = np.zeros((words, LANES), np.int64)
        first = f["dump_step"] % GROUPS
        for n in range(first, first + f["stream_tokens"]):
            at = f["dump_base"] + n // GROUPS * f["stream_stride"]
            mine = self.stream[n % GROUPS, at : at + f["stream_stride"]]
            sums += mine.reshape(-1, words, LANES).sum(0)
        planes = average.spikes(sums.ravel(), SUM_BITS - f["steps"], LANES)
        out = {}
        for t, bits in enumerate(planes.reshape(f["steps"], words + 1, LANES)):
            for j, lanes in enumerate(bits):
                w = t * f["in_step"] + f["in_first"] + j
                out[f["in_base"] + w // LINE_WORDS, w % LINE_WORDS] = sum(
                    int(bit) << p for p, bit in enumerate(lanes)
                )
        return out


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(idle=STALLS)
async def sums_as_planes(dut, idle: float) -> None:
    """Tokens that do and do not fill the last row of banks, 1 to 4 steps, all numbers of planes."""
    bench = await StreamPlanesBench(dut).begun()
    seen = set()
    for _ in range(12):
        words, steps = random.randint(1, 3), random.randint(1, 4)
        tokens = random.randint(1, GROUPS * (DEPTH // (words * steps)))
        f = bench.fields(tokens, steps, words, random.randint(MIN_PLANES, SUM_BITS))
        want, got = bench.expected(f), await bench.run(f, idle)
        for key in want:
            assert got.get(key) == want[key], (
                f"line {key[0]} word {key[1]}: expected {want[key]:b}, got {got.get(key)}, "
                f"tokens {tokens} steps {steps} words {words}, SEED={SEED}"
            )
        assert got.keys() == want.keys()
        assert bench.reads == tokens * steps * words
        if idle == 0.0:
            assert bench.took <= bench.reads + len(got) + 4 * words + 12
        seen |= {v for v in want.values()}
    assert len(seen) > 10 and not bench.overruns and not bench.parities


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def one_read(dut) -> None:
    """A sum of one word: the last add changes its highest plane, the first one that is written."""
    bench = await StreamPlanesBench(dut).begun()
    for addr in range(DEPTH):
        bench.stream[0, 0] = bench.stream[0, addr]
        f = bench.fields(1, 1, 1, SUM_BITS, dump_base=0, dump_step=0)
        assert await bench.run(f) == bench.expected(f), f"word {addr}, SEED={SEED}"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def faults(dut) -> None:
    """A word with a wrong parity, and addresses beyond the memories."""
    bench = await StreamPlanesBench(dut).begun()
    f = bench.fields(2 * GROUPS, 2, 2, 32)
    await bench.run(f, bad=random.randrange(8 * GROUPS))
    assert (bench.parities, bench.overruns) == (1, 0)
    bench.parities = 0
    stride = DEPTH + 3
    await bench.run(bench.fields(GROUPS + 1, 1, 1, 32, stream_stride=stride, dump_base=0,
                                 dump_step=0))  # fmt: skip
    assert bench.reads == GROUPS * DEPTH and bench.overruns == GROUPS * 3 + stride
    bench.overruns = 0
    f = bench.fields(1, 1, 1, 32, in_base=LINES - 2)
    got = await bench.run(f)
    assert bench.overruns and all(line < LINES for line, _ in got)
    bench.overruns = 0
    await bench.run(bench.fields(2, 1, 1, 32, dump_base=DEPTH - 1, dump_step=GROUPS - 1))
    assert bench.reads == 1 and bench.overruns == 1
    bench.overruns = bench.parities = 0
    f = bench.fields(2, 1, 1, 32)
    assert await bench.run(f) == bench.expected(f) and not bench.overruns
    assert not bench.parities


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def resets(dut) -> None:
    """At any time of a run: all is quiet, and the next run is right from its first word on."""
    bench = await StreamPlanesBench(dut).begun()
    f = bench.fields(2, 1, 1, 32)
    await bench.run(f)
    took = bench.took
    for _ in range(16):
        bench.set(layer_i=pack_layer(f), start_i=1, read_ready_i=1)
        bench.set(spike_busy_i=0, read_error_i=0)
        await bench.tick()
        bench.set(start_i=0)
        for _ in range(random.randrange(took)):
            bench.noise("read_data_i")
            await bench.tick()
        await bench.check_reset(
            "busy_o", "done_o", "read_valid_o", "word_valid_o", "parity_o", "overrun_o"
        )
        assert await bench.run(f, 0.3) == bench.expected(f)
    assert {"busy_o", "read_valid_o", "word_valid_o"} & bench.fell


CASES = [
    dict(Groups=2, Lanes=8, LineWords=8, StreamWidth=16, StreamDepth=24, SpikeLines=64),
    dict(Groups=4, Lanes=4, LineWords=4, StreamWidth=9, StreamDepth=12, SpikeLines=52),
]


@pytest.mark.long
@pytest.mark.parametrize("parameters", CASES, ids=lambda p: f"G={p['Groups']}")
def test_stream_planes(parameters: dict[str, int]) -> None:
    run("psf_stream_planes", __name__, parameters)
