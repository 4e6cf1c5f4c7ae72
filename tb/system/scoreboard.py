# SPDX-License-Identifier: Apache-2.0
"""Compares the trace of the accelerator with the expected one, word by word, in bulk."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden.hardware import isa
from golden.hardware.compile.compiled import CompiledLayer, Program
from golden.hardware.execute.expected import ImageExpectation, LayerExpectation

MESSAGES = 10  # kept per image; all mismatches are counted


@dataclass
class Verdict:
    """Mismatches per layer (a wrong lane, or a missing or repeated record), and the first few."""

    mismatches: dict[str, int] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.mismatches.values())

    def add(self, layer: str, count: int, messages) -> None:
        """Count ``count`` mismatches of ``layer``; takes messages while there is room."""
        self.mismatches[layer] = self.mismatches.get(layer, 0) + int(count)
        room = MESSAGES - len(self.messages)
        self.messages += [m for _, m in zip(range(room), messages, strict=False)]


@dataclass
class Records:
    """The records of trace.bin (format: tb/harness/psf_trace.sv), sorted by layer."""

    layer: np.ndarray
    token: np.ndarray
    step: np.ndarray
    word: np.ndarray
    spikes: np.ndarray  # (R, P) uint8
    value: np.ndarray  # (R, P) int32
    unknown: np.ndarray  # bit 0: spikes, bit 1: anything else had unknown bits

    @classmethod
    def read(cls, path: Path, lanes: int) -> "Records":
        spike_words = lanes // 32 + 1
        data = np.fromfile(path, "<i4").reshape(-1, 2 + spike_words + lanes)
        data = data[np.argsort(data[:, 0] & 0xFF, kind="stable")]
        bits = np.ascontiguousarray(data[:, 2 : 2 + spike_words]).view(np.uint8)
        return cls(
            layer=data[:, 0] & 0xFF,
            token=data[:, 1],
            step=data[:, 0] >> 8 & 0xFF,
            word=data[:, 0] >> 16 & 0xFF,
            spikes=np.unpackbits(bits, axis=1, bitorder="little")[:, :lanes],
            value=data[:, 2 + spike_words :],
            unknown=data[:, 0] >> 24,
        )


class Scoreboard:
    """Checks one image after the other against the expectations of the compiler."""

    def __init__(self, program: Program):
        self.program = program

    def check(self, expected: ImageExpectation, path: Path) -> Verdict:
        """Every record once, every spike and every value equal."""
        verdict, records = Verdict(), Records.read(path, self.program.hardware.lanes)
        known = self.program.layers[-1].id + 1
        strange = np.flatnonzero(records.layer >= known)
        verdict.add(
            "unknown layer",
            len(strange),
            (f"a record of layer {records.layer[i]}, there are {known}" for i in strange),
        )
        first = np.searchsorted(records.layer, np.arange(known + 1))
        for number, (compiled, want) in enumerate(
            zip(self.program.layers, expected.layers, strict=True), 1
        ):
            end = first[compiled.id + 1]
            others = self.program.layers[number : number + 1]
            if others and others[0].id == compiled.id:  # layers run one after the other
                end = min(end, first[compiled.id] + np.prod(compiled.shape))
            self._layer(verdict, compiled, want, records, slice(first[compiled.id], end))
            first[compiled.id] = end
        return verdict

    def _layer(
        self, verdict: Verdict, c: CompiledLayer, want: LayerExpectation, records: Records, mine
    ) -> None:
        units, steps, words = c.shape
        token, step, word = records.token[mine], records.step[mine], records.word[mine]
        inside = (token < units) & (step < steps) & (word < words)
        outside = np.flatnonzero(~inside)
        verdict.add(
            c.name,
            len(outside),
            (
                f"{c.name}: a record of step {step[i]}, token {token[i]}, word {word[i]} outside "
                f"{steps} x {units} x {words}"
                for i in outside
            ),
        )
        flat = ((token * steps + step) * words + word)[inside]
        seen = np.bincount(flat, minlength=units * steps * words)
        wrong = np.flatnonzero(seen != 1)
        verdict.add(
            c.name,
            len(wrong),
            (f"{place(c, i, None)}: seen {seen[i]} times instead of once" for i in wrong),
        )
        matters = 2 if want.spikes is None else 3
        unknown = np.flatnonzero(records.unknown[mine][inside] & matters)
        verdict.add(
            c.name, len(unknown), (f"{place(c, flat[i], None)}: unknown bits" for i in unknown)
        )
        checks = [("value", records.value[mine][inside], want.value)]
        if want.spikes is not None:
            checks.append(("spike", records.spikes[mine][inside], want.spikes))
        for what, got, expected in checks:
            expected = expected.reshape(len(seen), -1)[flat]
            differ = np.argwhere(got != expected)
            verdict.add(
                c.name,
                len(differ),
                (
                    f"{place(c, flat[i], lane)}: {what} expected {expected[i, lane]}, "
                    f"got {got[i, lane]}"
                    for i, lane in differ
                ),
            )


def place(c: CompiledLayer, flat: int, lane: int | None) -> str:
    """Where a word (or one lane of it) belongs, in the terms of the network."""
    _, steps, words = c.shape
    unit, step, word = flat // (steps * words), flat // words % steps, flat % words
    at = "" if lane is None else f" lane {lane}"
    layer = c.layer
    if layer.mode == isa.MODE_KEY_VALUE:
        block, step = divmod(int(unit), layer.source.steps)
        return f"{c.name} timestep {step} block {block} entry {word}{at}"
    if layer.mode == isa.MODE_HEAD:
        plane = f"plane {layer.source.steps - 1 - step}" if layer.averaged else f"token {unit}"
        return f"{c.name} {plane} word {word}{at}"
    if lane is not None:
        lanes = layer.columns.size // layer.words
        channel = int(layer.columns[word * lanes + lane])
        unit = 2 * unit + lane // (lanes // 2) if layer.pair else unit
        part = ""
        if len(layer.parts) > 1 and channel >= 0:  # q, k, v in one layer
            part, channel = divmod(channel, layer.columns.max() // len(layer.parts) + 1)
            part = f" {layer.parts[part].rpartition('.')[2]}"
        at = f"{part} channel {channel if channel >= 0 else 'none (padding)'}"
    return f"{c.name} timestep {step} token {unit} word {word}{at}"
