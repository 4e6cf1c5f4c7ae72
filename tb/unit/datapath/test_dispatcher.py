# SPDX-License-Identifier: Apache-2.0
"""The dispatcher against multiplication: every address of every token, and fair grants."""

import random

import cocotb

from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

SIZES = [(1, 1), (1, 2), (1, 7), (2, 1), (7, 1), (2, 2), (3, 3), (4, 4), (3, 6), (6, 3), (5, 4)]
PIXEL = ("index", "line", "taps", "out", "right", "down", "place", "bank", "stream")
UNIT = ("index", "line", "word", "dump", "block", "taps")


def random_layer(height: int, width: int, **fixed: int) -> dict[str, int]:
    """Sums may leave their 16 bits: they must say so."""
    mode = random.choice((layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_HEAD))
    sizes = {"mode": mode, "height": height, "width": width, "in_block": random.randrange(3)}
    sizes["images"] = 0 if coin(0.5) else random.randrange(4)
    sizes["pair"] = 0 if fixed.get("pool", 1) else random.getrandbits(1)
    f = layer.random_fields(**sizes | fixed)
    if coin(0.7):  # small enough for most tokens to stay inside
        for name in ("in_base", "out_base", "dump_base"):
            f[name] >>= random.randrange(8)
        for name in ("stream_stride", "out_row_lines", "dump_step", "dump_block"):
            f[name] >>= random.randrange(4, 12)
    return f


def tokens(f: dict[str, int], groups: int, line_words: int) -> list[dict[str, int]]:
    """What docs/reference/formats.md says about each token of the layer, in raster order."""
    result = []
    pooled = (f["height"] + 1) // 2  # rows of an image
    for row in range((f["images"] + 1) * f["height"]):
        image, y = divmod(row, f["height"])
        for x in range(f["width"]):
            n = row * f["width"] + x
            right, down = x + 1 < f["width"], y + 1 < f["height"] + f["below"]
            taps = 1
            if f["kernel3"]:
                taps = sum(
                    1 << (dy + 1) * 3 + dx + 1
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                    if -f["above"] <= y + dy < f["height"] + f["below"] and 0 <= x + dx < f["width"]
                )
            out = f["out_base"] + n * (1 + f["pair"]) * f["out_lines"]
            if f["pool"]:
                row_lines = (image * pooled + y // 2) * f["out_row_lines"]
                out = f["out_base"] + row_lines + x // 2 * f["out_lines"]
            token = {
                "index": n,
                "line": f["in_base"] + n * f["in_lines"],
                "taps": taps,
                "out": out,
                "right": f["pool"] and x % 2 == 1 and right,
                "down": f["pool"] and y % 2 == 1 and down,
                "place": y % 2 * 2 + x % 2,
                "bank": n % groups,
                "stream": n // groups * f["stream_stride"],
            }
            if f["mode"] == layer.MODE_KEY_VALUE:  # block y, timestep x
                block = 1 << f["in_block"]
                first = f["in_first"] + y * 2 * f["head_words"] + x // block * f["in_step"]
                first = first * block + x % block
                token |= {
                    "line": f["in_base"] + first // line_words,
                    "word": first % line_words,
                    "dump": f["dump_base"] + x * f["dump_step"] + y * f["dump_block"],
                    "block": y * f["head_words"],
                }
                if first >= 65536:
                    token |= {"line": None, "word": None}
            token["index"] %= 65536
            result.append({k: v if v is None else int(v) for k, v in token.items()})
    return result


def holds(name: str, got: int, expected: int | None) -> bool:
    """The exact value, or only its top bit beyond the range (None: somewhere beyond)."""
    top = {"line": 16, "out": 16, "stream": 16, "dump": 16, "block": 8}.get(name)
    if expected is None:
        return top is None or got >> top == 1
    return got >> top == 1 if top and expected >> top else got == expected


class DispatcherBench(Bench):
    async def begin(self) -> None:
        self.groups = self.width("request_i")
        self.line_words = PARAMETERS["LineWords"]
        self.ones = self.beyond = 0
        await self.reset(start_i=0, layer_i=layer.garbage(), request_i=0)

    async def run(self, f: dict[str, int], stall: float) -> None:
        """One layer; a group that asks keeps asking until it is served."""
        names = UNIT if f["mode"] == layer.MODE_KEY_VALUE else PIXEL
        expected = tokens(f, self.groups, self.line_words)
        request, waited, served = 0, [0] * self.groups, 0
        self.check(self.get("done_o"), "done_o low before the layer")
        self.set(start_i=1, layer_i=layer.pack_layer(f))
        request = random.getrandbits(self.groups)
        self.set(request_i=request)
        await self.settle()
        self.equal("done_o at start", self.get("done_o"), 0)
        self.equal("grant at start", self.get("grant_o"), 0)
        await self.tick()
        self.set(start_i=0)
        while served < len(expected):
            for g in range(self.groups):
                request |= coin(1 - stall) << g
            self.set(request_i=request)
            await self.settle()
            self.equal("done_o", self.get("done_o"), 0)
            grant = self.get("grant_o")
            self.check(grant & ~request == 0, f"grant {grant:b} without request {request:b}")
            self.equal("number of grants", grant.bit_count(), int(request != 0))
            if grant:
                token = self.get_struct("token_o", "token_t")
                for name in names:
                    got = token[name]
                    self.ones |= got
                    want = expected[served][name]
                    self.beyond += want is None or want >= 65536
                    text = f"token {served} {name} of {f}: {got}, expected {want}"
                    self.check(holds(name, got, want), text)
                served += 1
                for g in range(self.groups):
                    waited[g] = waited[g] + 1 if request & ~grant & 1 << g else 0
                    self.check(waited[g] < self.groups, f"group {g} starves")
                request &= ~grant
            await self.tick()
        for _ in range(3):  # nothing after the last token, whatever stands on layer_i
            self.set(request_i=random.getrandbits(self.groups), layer_i=layer.garbage())
            await self.settle()
            self.equal("grant after the last token", self.get("grant_o"), 0)
            self.equal("done_o after the last token", self.get("done_o"), 1)
            await self.tick()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def pixels(dut, stall: float) -> None:
    """All small sizes, with and without kernel and pool: borders, odd and even, one row."""
    bench = await DispatcherBench(dut).begun()
    for height, width in SIZES:
        for kernel3 in (0, 1):
            for pool in (0, 1):
                await bench.run(random_layer(height, width, kernel3=kernel3, pool=pool), stall)
    for _ in range(4):
        await bench.run(random_layer(random.randint(1, 9), random.randint(1, 9)), stall)
    bench.check(bench.ones, "only zeros were compared")


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def key_value(dut, stall: float) -> None:
    """Units (block, timestep) instead of pixels."""
    bench = await DispatcherBench(dut).begun()
    for m in (1, 2, 4):
        for blocks, steps in ((1, 1), (1, 4), (3, 1), (3, 4), (8, 5)):
            f = random_layer(blocks, steps, mode=layer.MODE_KEY_VALUE, kernel3=0, pool=0, images=0)
            f |= {"head_words": m, "in_step": random.randrange(2 * m, 97)}
            await bench.run(f, stall)
    bench.check(bench.ones, "only zeros were compared")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_token_per_cycle(dut) -> None:
    """The first grant in the cycle after start_i, then one in every cycle in which a group asks."""
    bench = await DispatcherBench(dut).begun()
    for ask in (1, 1 << bench.groups - 1, (1 << bench.groups) - 1):
        f = random_layer(4, 5, images=0)
        bench.set(start_i=1, layer_i=layer.pack_layer(f), request_i=ask)
        await bench.tick()
        bench.set(start_i=0)
        for n in range(20):
            await bench.settle()
            bench.check(bench.get("grant_o"), f"no grant for token {n}")
            bench.equal("index", bench.get_struct("token_o", "token_t")["index"], n)
            await bench.tick()
        bench.equal("done_o", bench.get("done_o"), 1)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def large(dut) -> None:
    """A whole 32 x 32 image and a row longer than 256."""
    bench = await DispatcherBench(dut).begun()
    await bench.run(random_layer(32, 32, kernel3=1, pool=1), 0.0)
    await bench.run(random_layer(2, 300, kernel3=1, pool=0), 0.0)
    await bench.run(random_layer(1, 2, images=255), 0.0)
    await bench.run(random_layer(3, 3, images=255, kernel3=1, pool=1), 0.0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_range(dut) -> None:
    """Sums that pass 2^16 (block: 2^8), and 2^17, do not come back as small ones."""
    bench = await DispatcherBench(dut).begun()
    high = {"in_base": 65000, "out_base": 65000, "in_lines": 255, "out_lines": 255}
    for pool, width in ((0, 600), (1, 1100)):
        f = random_layer(1, width, kernel3=1, pool=pool, stream_stride=40000, **high)
        await bench.run(f, 0.0)
    f = random_layer(9, 2, pool=1, out_base=60000, out_row_lines=50000, out_lines=1)
    await bench.run(f, 0.0)
    key_value = {"mode": layer.MODE_KEY_VALUE, "kernel3": 0, "pool": 0, "head_words": 4,
                 "images": 0}  # fmt: skip
    for height, width, fixed in (
        (1, 600, {"in_step": 255, "dump_step": 65535, "dump_base": 65535}),
        (200, 1, {"in_step": 1, "dump_block": 50000, "in_base": 65530}),
        (300, 2, {"in_step": 255, "in_first": 255, "in_base": 0}),
    ):
        await bench.run(random_layer(height, width, **key_value | fixed), 0.0)
    bench.check(bench.beyond > 1000, "hardly a sum beyond the range")


@cases({"Groups": 4, "LineWords": 8}, {"Groups": 2, "LineWords": 2})
def test_dispatcher(parameters: dict[str, int]) -> None:
    run("psf_dispatcher", __name__, parameters)
