# SPDX-License-Identifier: Apache-2.0
"""The accelerator as a functional model: executes program and memory images byte by byte.

It knows docs/reference/formats.md and nothing of the network: so it checks the compiler without
RTL. Memories start with garbage, and loads may run as early or as late as the hardware allows,
those of the next job among the layers of the one before.
"""

from dataclasses import dataclass, field

import numpy as np

from golden.contract.neuron import lif, start
from golden.hardware import isa
from golden.hardware.check import HardwareStop, first_fault, load_data
from golden.hardware.compile import bits
from golden.hardware.configuration import (
    MASK_LINES,
    MAX_COUNT,
    MAX_SHIFT,
    SUM_BITS,
    WEIGHT_WIDTH,
    Hardware,
)
from golden.hardware.execute.decode import row_entries, weight_words
from golden.hardware.sequence import job_order


@dataclass
class Drained:
    """What the groups drain in one layer: (units, steps, words, lanes), as in ``expected``."""

    spikes: np.ndarray | None
    value: np.ndarray
    rows: int
    row_adds: int
    reads: int


@dataclass
class Answer:
    """What comes out of a job; ``drained`` by layer, in their order, ``stored`` by image the label
    and the logits."""

    drained: list[Drained] = field(default_factory=list)
    stored: list[tuple[int, np.ndarray]] = field(default_factory=list)

    @property
    def label(self) -> int | None:
        """Of the last image."""
        return self.stored[-1][0] if self.stored else None

    @property
    def logits(self) -> np.ndarray | None:
        """Of the last image."""
        return self.stored[-1][1] if self.stored else None


def word_place(f: dict[str, int], side: str, step: int, word: int) -> int:
    """Where word ``word`` of timestep ``step`` of a pixel lies; ``side`` is "in" or "out"."""
    log = f[f"{side}_block"]
    first = (step >> log) * f[f"{side}_step"] + f[f"{side}_first"] + word
    return (first << log) + step % (1 << log)


class Emulator:
    """One accelerator with its memories; ``run`` executes a program for one image."""

    def __init__(self, hardware: Hardware, seed: int = 0):
        self.hw = h = hardware
        rng = np.random.default_rng(seed)
        self.spike = rng.integers(0, 2, (h.spike_lines, h.line_words, h.lanes), np.uint8)
        self.weight = rng.integers(0, 1 << h.slot_width, (h.bank_depth, h.banks, h.lanes))
        self.row = rng.integers(0, 1 << 28, (h.row_depth, h.banks))
        self.param = rng.integers(0, 1 << h.acc_width, (h.param_depth, 2 * h.lanes))
        self.stream = rng.integers(-9, 9, (h.groups, h.stream_depth, h.lanes))
        self.logit = rng.integers(-9, 9, h.classes)
        self.label = int(rng.integers(h.classes))
        self.mask = rng.integers(0, 2, (MASK_LINES, h.line_words * h.lanes), np.uint8)
        self.drained: list[Drained] = []  # of the job at hand
        self.answers: list[Answer] = []  # so far

    def run(self, program: bytes, weights: bytes, image: bytes, policy: str = "ring") -> Answer:
        """Execute ``program`` for one image."""
        return self.run_jobs(program, weights, [image], policy)[0]

    def run_jobs(
        self, program: bytes, weights: bytes, images: list[bytes], policy: str = "ring"
    ) -> list[Answer]:
        """Execute ``program`` for a ring of jobs, one per image of ``images``.

        Raises HardwareStop where the accelerator stops with an error.
        """
        fault = first_fault(self.hw, program, len(program) // isa.DESCRIPTOR_BYTES)
        if fault:
            raise HardwareStop(fault)
        answers = self.answers = [Answer() for _ in images]
        for job, kind, index, fields in job_order(program, len(images), policy):
            if kind == "load":
                self._load(index, fields, images[job] if fields["from_image"] else weights)
                continue
            self.drained = answers[job].drained
            if kind == "layer":
                self._layer(fields)
            else:
                logits = self.logit[: fields["logits"]].copy()
                answers[job].stored.append((self.label, logits))
        return answers

    # -- loads --------------------------------------------------------------------------------

    def _load(self, index: int, f: dict[str, int], image: bytes) -> None:
        h, count, dest, target = self.hw, f["records"], f["dest"], f["target"]
        data = load_data(h, index, f, image)
        if target in (isa.TARGET_WEIGHT, isa.TARGET_ROW):
            width = (h.lanes, h.slot_width, 64) if target == isa.TARGET_WEIGHT else (1, 32, 32)
            memory = self.weight if target == isa.TARGET_WEIGHT else self.row[:, :, None]
            if f["coded"] and target == isa.TARGET_WEIGHT:
                records = weight_words(data, f, h)
            elif f["coded"]:
                records = row_entries(data, f, h)[:, None]
            else:
                records = bits.unpack(data, count, *width)
            record = np.arange(count)
            memory[dest + record // h.banks, record % h.banks] = records
        elif target == isa.TARGET_PARAM:
            self.param[dest : dest + count] = bits.unpack(data, count, 2 * h.lanes, h.acc_width)
        elif target == isa.TARGET_MASK:
            self.mask[dest : dest + count] = bits.unpack(data, count, h.line_words * h.lanes, 1)
        elif target == isa.TARGET_SPIKE:
            words = bits.unpack(data, count, f["unit_words"] * h.lanes, 1, 1)
            self.spike[dest : dest + count, : f["unit_words"]] = words.reshape(count, -1, h.lanes)
        else:
            self.logit[dest : dest + count] = bits.signed(
                bits.unpack(data, count, 1, 32, 32)[:, 0], 32
            )

    # -- layers -------------------------------------------------------------------------------

    def _layer(self, f: dict[str, int]) -> None:
        if f["mode"] == isa.MODE_KEY_VALUE:
            self._key_value(f)
            return
        averages = f["mode"] == isa.MODE_HEAD and not f["merge"]
        if averages and not f["out_first"]:
            self._average(f)
        acc, *counts = self._accumulate(f)  # (N, steps, J, P)
        if f["mode"] == isa.MODE_HEAD:
            self._head(f, acc, averages)
            self.drained.append(Drained(None, acc, *counts))
            return
        pairs = self.param[f["param_base"] : f["param_base"] + f["out_words"]]
        bias, theta2 = bits.signed(
            pairs.reshape(f["out_words"], self.hw.lanes, 2), self.hw.acc_width
        ).transpose(2, 0, 1)
        value = acc + bias
        charge = start(f["height"], f["width"], f["charge"])
        value[:, 0] += np.tile(charge, f["images"] + 1)[:, None, None]
        if f["mode"] == isa.MODE_RESIDUAL:
            value = self._residual(f, value)
        assert np.abs(value).max() < 1 << self.hw.acc_width - 2
        spikes = lif(value.swapaxes(0, 1), theta2).swapaxes(0, 1)
        self._write(f, spikes)
        self.drained.append(Drained(spikes, value, *counts))

    def _words(self, f: dict[str, int], line: int) -> np.ndarray:
        """The words of one token, starting at ``line``."""
        return self.spike[line : line + f["in_lines"]].reshape(-1, self.hw.lanes)

    def _masked(self, f: dict[str, int], words: np.ndarray, tap: int) -> np.ndarray:
        """The words (lines*LineWords, P) of a pixel without the spikes that have no row."""
        if not f["mask_lines"]:
            return words
        line = f["mask_base"] + tap * f["mask_lines"] + np.arange(f["in_lines"]) % f["mask_lines"]
        return words & self.mask[line].reshape(words.shape)

    def _rows(self, f: dict[str, int], step: int, tap: int) -> tuple[np.ndarray, np.ndarray]:
        """(dense rows (C, J, P), lengths (C,)) as table and banks hold them."""
        h = self.hw
        channels = f["in_words"] * h.lanes
        dense = np.zeros((channels, 1 << h.index_width, h.lanes), np.int64)
        lengths = np.zeros(channels, np.int64)
        base = f["row_base"] + step * f["step_rows"] + tap * f["tap_rows"]
        more = f["shift"] if f["mode"] == isa.MODE_RESIDUAL else 0
        lane = np.arange(h.lanes)
        for c in range(channels):
            bank = (c + tap) % h.banks
            row = int(self.row[base + c // h.banks, bank])
            address, lengths[c], shift = row & 0xFFFF, row >> 16 & 0xFF, row >> 24 & 0xF
            for slots in self.weight[address : address + lengths[c], bank]:
                weight = bits.signed(slots & (1 << WEIGHT_WIDTH) - 1, WEIGHT_WIDTH)
                dense[c, slots >> WEIGHT_WIDTH, lane] += weight << (shift + more & MAX_SHIFT)
        return dense, lengths

    def _accumulate(self, f: dict[str, int]):
        """(sums (N, steps, J, P), rows, row adds, reads of the drain). A row is issued once per
        window of timesteps and added to the accumulators of its pattern, bit t of which says that
        it fires in timestep t.
        """
        h, w = self.hw, f["width"]
        scanned = 1 if f["repeat_drain"] else f["steps"]
        windows = np.split(np.arange(scanned), range(1 << f["window"], scanned, 1 << f["window"]))
        word = [[word_place(f, "in", t, j) for j in range(f["in_words"])] for t in range(scanned)]
        word = np.array(word)
        taps = range(9) if f["kernel3"] else range(1)
        tables = {
            (t, tap): self._rows(f, t, tap)
            for t in (range(scanned) if f["step_rows"] else [0])
            for tap in taps
        }
        tall = (f["images"] + 1) * f["height"]  # rows of all images
        acc = np.zeros((tall * w, scanned, 1 << h.index_width, h.lanes), np.int64)
        rows = row_adds = drained = 0
        for row in range(tall):
            y = row % f["height"]
            for x in range(w):
                touched = np.zeros((len(windows), 1 << (1 << f["window"])), bool)
                sets = np.zeros((len(windows), 1 << (1 << f["window"]), *acc.shape[2:]), np.int64)
                for tap in taps:
                    dy, dx = (tap // 3 - 1, tap % 3 - 1) if f["kernel3"] else (0, 0)
                    above, below = -f["above"], f["height"] + f["below"]
                    if above <= y + dy < below and 0 <= x + dx < w:
                        line = (row * w + x + dx) * f["in_lines"] + dy * f["in_row_lines"]
                        words = self._words(f, f["in_base"] + line) ^ f["invert"]
                    elif f["invert"]:
                        words = np.ones((f["in_lines"] * h.line_words, h.lanes), np.uint8)
                    else:
                        continue
                    words = self._masked(f, words, tap)
                    for k, window in enumerate(windows):
                        dense, lengths = tables[k if f["step_rows"] else 0, tap]
                        spikes = words[word[window]].reshape(len(window), -1).astype(np.int64)
                        pattern = (1 << np.arange(len(window))) @ spikes
                        for p in np.unique(pattern[pattern > 0]):
                            sets[k, p] += dense[pattern == p].sum(0)
                            touched[k, p] = True
                        rows += int((pattern > 0).sum())
                        row_adds += int(lengths[pattern > 0].sum())
                drained += 1 if f["merge"] else int(np.maximum(touched.sum(1), 1).sum())
                for window, patterns in zip(windows, sets, strict=True):
                    for bit, t in enumerate(window):
                        fires = np.arange(len(patterns)) >> bit & 1 == 1
                        acc[row * w + x, t] = patterns[fires].sum(0)
        if f["repeat_drain"]:
            acc = acc.repeat(f["steps"], axis=1)
        elif f["merge"]:
            acc = acc.sum(1, keepdims=True)
        assert not acc[:, :, f["out_words"] :].any()
        return acc[:, :, : f["out_words"]], rows, row_adds, drained * f["out_words"]

    def _head(self, f: dict[str, int], acc: np.ndarray, twice: bool) -> None:
        """Add ``acc`` (N, steps, J, P) to the logits, ``twice`` those before."""
        lanes = self.hw.lanes
        for token in acc:
            for step, total in enumerate(token):
                first = (step * f["out_step"] + f["out_first"]) * lanes
                place = self.logit[first : first + total.size]
                added = total.ravel()[: place.size]
                place[:] = bits.signed((place << twice) + added & 0xFFFFFFFF, 32)
        if (f["out_first"] + f["out_words"]) * lanes >= f["tokens"]:  # with the last class
            self.label = int(self.logit[: f["tokens"]].argmax())

    def _average(self, f: dict[str, int]) -> None:
        """Sum the stream, write the sums bit by bit and the constants behind them."""
        h, words = self.hw, f["in_words"] - 1
        line = self.spike[f["in_base"] :].reshape(-1, h.lanes)
        for j in range(f["in_words"]):
            total = np.zeros(h.lanes, np.int64)
            offsets = np.arange(j, max(j + 1, f["stream_stride"]), words)  # of the timesteps
            first = f["dump_step"] % h.groups
            for n in range(first, first + f["stream_tokens"] if j < words else 0):
                at = f["dump_base"] + n // h.groups * f["stream_stride"] + offsets
                assert at.max() < h.stream_depth
                total += self.stream[n % h.groups, at].sum(0)
            for t in range(f["steps"]):
                left = f["steps"] - 1 - t
                plane = total >> SUM_BITS - 1 - t & 1 ^ (t == 0)
                constant = (np.arange(h.lanes) < 4) & (8 * np.arange(h.lanes) == left)
                line[word_place(f, "in", t, j)] = plane if j < words else constant

    def _residual(self, f: dict[str, int], value: np.ndarray) -> np.ndarray:
        tokens, steps, words, _ = value.shape
        word = f["out_first"] + np.arange(words) + np.arange(steps)[:, None] * f["out_step"]
        for n in range(tokens):
            at = n // self.hw.groups * f["stream_stride"] + word
            assert at.max() < self.hw.stream_depth
            value[n] += 0 if f["first"] else self.stream[n % self.hw.groups, at]
            self.stream[n % self.hw.groups, at] = value[n]
        assert np.abs(value).max() < 1 << self.hw.stream_width - 1
        return value

    def _write(self, f: dict[str, int], spikes: np.ndarray) -> None:
        if f["pool"]:
            self.spike[f["out_base"] : f["out_base"] + f["out_clear"]] = 0
        width, height = f["width"], f["height"]
        for n, steps in enumerate(spikes):
            row, x = divmod(n, width)
            image, y = divmod(row, height)
            if not f["pool"]:
                targets = [f["out_base"] + ((n << f["pair"]) + i) * f["out_lines"]
                           for i in range(1 + f["pair"])]  # fmt: skip
            else:
                ys = {y // 2, (y + 1) // 2} if y + 1 < height + f["below"] else {y // 2}
                xs = {x // 2, (x + 1) // 2} if x + 1 < width else {x // 2}
                targets = [
                    f["out_base"]
                    + (image * ((height + 1) // 2) + py) * f["out_row_lines"]
                    + px * f["out_lines"]
                    for py in ys
                    for px in xs
                ]
            for i, line in enumerate(targets):
                words = self.spike[line:].reshape(-1, self.hw.lanes)
                for t, written in enumerate(steps):
                    if f["pair"]:
                        half = self.hw.lanes // 2
                        written = np.pad(written[:, i * half :][:, :half], ((0, 0), (0, half)))
                    at = [word_place(f, "out", t, j) for j in range(f["out_words"])]
                    words[at] = words[at] | written if f["pool"] else written

    def _key_value(self, f: dict[str, int]) -> None:
        h, m = self.hw, f["head_words"]
        units = f["height"] * f["width"]
        counts = np.zeros((units, 1, f["out_words"], h.lanes), np.int64)
        rows = 0
        lane = np.arange(h.lanes) >> f["head_lanes"]
        for u in range(f["height"]):
            for t in range(f["width"]):
                unit = counts[u * f["width"] + t, 0]
                at = [word_place(f, "in", t, u * 2 * m + j) for j in range(2 * m)]
                assert at[0] // h.line_words == at[-1] // h.line_words
                for n in range(f["tokens"]):
                    words = self._words(f, f["in_base"] + n * f["in_lines"])[at]
                    k, v = words[:m].ravel(), words[m:]
                    for i in np.flatnonzero(k):
                        unit[i * m : (i + 1) * m] += v * (lane == i % h.lanes >> f["head_lanes"])
                        rows += 1
                for i in range(m * h.lanes):
                    c = u * m * h.lanes + i
                    for b in range(m):
                        address = f["dump_base"] + t * f["dump_step"] + u * f["dump_block"]
                        address += i // h.banks * m + b
                        index = u * m + b
                        weight = np.minimum(unit[i * m + b], MAX_COUNT)
                        self.weight[address, c % h.banks] = index << WEIGHT_WIDTH | weight
        self.drained.append(Drained(None, counts, rows * m, rows * m, units * f["out_words"]))
