# SPDX-License-Identifier: Apache-2.0
"""A bench whose memory is watched, and what is wrong after a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tb.campaigns.fuzz_memory import Memory, Span
from tb.campaigns.fuzz_oracle import Certain, Result
from tb.lib.host import COUNTERS
from tb.lib.inference import Inference


@dataclass
class Watched:
    """A bench, and what its memory has to hold."""

    bench: Inference
    data: bytearray

    @classmethod
    async def of(cls, bench: Inference, end: int | None = None) -> Watched:
        """``end``: of what is watched; by default what the program of the bench needs."""
        return cls(bench, bytearray(await bench.dump(0, end or bench.place["end"])))

    def memory(self) -> Memory:
        """Of one job in the places of the bench, with the windows that belong to them."""
        place = self.bench.place
        read, write = (place["program"], place["result"] - 1), (place["result"], place["end"] - 1)
        return Memory(self.data, place["program"], place["weights"], [place["image"]],
                      [place["result"]], read, write)  # fmt: skip

    async def load(self, contents: dict[int, bytes]) -> None:
        """Into the memory."""
        await self.bench.load(contents)
        for address, data in contents.items():
            self.data[address : address + len(data)] = data

    async def changes(self) -> list[int]:
        """Places of the beats that the accelerator has written; they are right from now on."""
        got = bytearray(await self.bench.dump(0, len(self.data)))
        was, self.data = self.data, got
        if got == was:
            return []
        return [i for i in range(0, len(got), 8) if got[i : i + 8] != was[i : i + 8]]

    async def wrong(
        self, must: Certain, spans: list[Span], runs: Iterable[int] = (1,)
    ) -> tuple[str | None, int]:
        """What is wrong after a run that ended well; how many results were compared.

        ``spans``: what the program may have written where the results are not known. ``runs``: jobs
        that the run may have had.
        """
        changed = await self.changes()
        counts = await self.bench.read("LAYERS"), await self.bench.read("LOADS")
        if counts not in {(must.layers * n & 0xFFFF, must.loads * n & 0xFFFF) for n in runs}:
            return f"{counts} layers and loads, not {must.layers, must.loads} in each of {runs}", 0
        for layer, rows in must.rows.items():
            found = [
                await self.bench.layer_counter(layer, COUNTERS.index(name))
                for name in ("rows", "row_adds")
            ]
            if tuple(found) != rows:
                return f"layer {layer}: rows and row-adds {found}, not {rows}", 0
        most = max(map(self.cycles, must.results[-1] or []), default=0)
        if most > await self.bench.read("CYCLES"):
            return f"stored cycles {most}", 0
        return self.results(must.results, changed, spans)

    def cycles(self, result: Result) -> int:
        """What stands there for the cycles of a job."""
        return int.from_bytes(self.data[result.place + 4 : result.place + 8], "little")

    def results(
        self, results: list[list[Result] | None], changed: list[int], spans: list[Span]
    ) -> tuple[str | None, int]:
        """``wrong`` for the results of jobs that are done and the ``changed`` beats."""
        compared, spans = 0, [*spans]
        for job, stored in enumerate(results):
            for result in stored or []:
                if not self.cycles(result):
                    return f"job {job}: no cycles", compared
                want = result.stored(self.cycles(result))
                got = self.data[result.place : result.place + len(want)]
                spans.append((result.place, result.place + len(want) - 1))
                if got != want:
                    return f"job {job}: result {got.hex()}, not {want.hex()}", compared
            compared += stored is not None
        return next(_strays(changed, spans), None), compared


def _strays(changed: list[int], spans: list[Span]) -> Iterator[str]:
    for beat in changed:
        if not any(first <= beat <= last for first, last in spans):
            yield f"the beat at {beat:#x} has changed"
