# SPDX-License-Identifier: Apache-2.0
"""The parameters of one build of the accelerator (docs/reference/formats.md, "Parameters")."""

import math
import re
from dataclasses import asdict, dataclass, fields, replace

from golden.contract.command import numbers
from golden.contract.errors import UserError
from golden.hardware.conditions import broken
from golden.hardware.interface import packing, table

# generated: constants (python -m golden.hardware.interface)
FEATURES = 31  # bits of CAP5 from bit 16 on: all of them
WEIGHT_WIDTH = 8  # bits of a weight, signed
MASK_LINES = 64  # lines of the row mask of a group
SUM_BITS = 32  # bits of the residual stream summed up
MIN_PLANES = 25  # a head sees at least so many planes of the sums
MAX_LAYERS = 64  # layer ids, each with a set of counters
MAX_COUNT = 127  # of K^T V as a weight; a larger count becomes this one
MAX_SHIFT = 7  # largest left shift of a weight
MAX_WINDOW = 4  # timesteps of one accumulation, and those side by side, at most
# end generated
BEAT_BITS = 64  # of a beat in memory, to which loads and records are padded


def clog2(value: int) -> int:
    """Bits that number ``value`` things."""
    return max(value - 1, 0).bit_length()


@dataclass(frozen=True)
class Hardware:
    """One build of the accelerator. Ranges and presets: golden.hardware.interface.table."""

    # generated: parameters (python -m golden.hardware.interface)
    groups: int  # groups of lanes, G
    lanes: int  # lanes of a group, P
    banks: int  # weight banks, B
    line_words: int  # words of a spike line
    acc_depth: int  # accumulators of a lane
    patterns: int  # sets of accumulators, for the firing patterns of a window
    acc_width: int  # bits of an accumulator, a bias and a threshold
    stream_width: int  # bits of a residual value
    bank_depth: int  # weight words of a bank
    row_depth: int  # row-table entries of a bank
    param_depth: int  # parameter words
    spike_lines: int  # lines of the spike memory
    stream_depth: int  # residual words of a bank (G banks)
    patch_lines: int  # lines of a token's patch (half of the patch buffer)
    classes: int  # logit accumulators
    weight_arrays: int  # memory arrays of a weight bank, of which a read wakes one
    parity: int  # parity beside every word in a memory, or none
    bus_bytes: int  # bytes of a word of the AXI4 bus
    # end generated

    def __post_init__(self):
        for p in table.PARAMETERS:
            value = getattr(self, p.name)
            if p.power_of_two and (value < 2 or value & (value - 1)):
                raise UserError(f"hardware {p.name}={value} must be a power of two of at least 2")
        if self.lanes % self.banks:
            raise UserError(f"hardware lanes={self.lanes} must be a multiple of banks={self.banks}")
        for p in table.PARAMETERS:
            value = getattr(self, p.name)
            if p.name != "stream_width" and not p.low <= value <= p.high:
                raise UserError(f"hardware {p.name}={value} must lie between {p.low} and {p.high}")
        if not _STREAM.low <= self.stream_width <= self.acc_width - 2:
            raise UserError(
                f"hardware stream_width={self.stream_width} must lie between {_STREAM.low} and "
                f"acc_width - 2 = {self.acc_width - 2}"
            )
        for condition in broken(self):  # those that no range implies
            names = [p.name for p in table.PARAMETERS if p.sv in condition.says]
            values = ", ".join(f"{name}={getattr(self, name)}" for name in names)
            raise UserError(f"hardware {values}: {condition.says}, as the RTL asks")

    @property
    def index_width(self) -> int:
        """Bits of a slot's accumulator index."""
        return clog2(self.acc_depth)

    @property
    def entries(self) -> int:
        """Accumulators of a lane and buffer: one of every output word in every set."""
        return self.acc_depth * self.patterns

    @property
    def adders(self) -> int:
        """Of psf_head: a word of logits takes four cycles."""
        return -(-self.lanes // 4)

    @property
    def slot_width(self) -> int:
        """Bits of one {index, weight} slot."""
        return self.index_width + WEIGHT_WIDTH

    @property
    def name(self) -> str:
        """A preset or grid and what differs from it, as in ``4x16,acc_width=24``; ``named`` reads
        it. It is the one with the fewest differences, so equal configurations have equal names.
        """
        known = CONFIGURATIONS
        own = f"{self.groups}x{self.lanes}"
        if own not in known:
            known = known | {own: grid(self.groups, self.lanes)}
        _, name, changes = min(
            (len(changes), name, changes)
            for name, preset in known.items()
            for changes in [self._changes(preset)]
        )
        return ",".join([name, *changes])

    def _changes(self, preset: "Hardware") -> list[str]:
        mine, old = asdict(self), asdict(preset)
        return [f"{field}={value}" for field, value in mine.items() if value != old[field]]

    @property
    def spread_lines(self) -> int:
        """Lines of one word that a load writes at once (psf_pkg::spread_lines)."""
        return min(64 // self.lanes, self.line_words, self.groups)

    @property
    def row_entries(self) -> int:
        """Entries of a coded row table that are written at once (psf_control_pkg::row_entries)."""
        return min(self.bus_bytes // 8, self.banks)

    @property
    def pes(self) -> int:
        """Accumulating lanes in all."""
        return self.groups * self.lanes

    def words(self, channels: int) -> int:
        """P-bit words that ``channels`` spikes need."""
        return -(-channels // self.lanes)

    def lines(self, words: int) -> int:
        """Spike lines that ``words`` words need."""
        return -(-words // self.line_words)

    def sv_parameters(self) -> dict[str, int]:
        """The same under their SystemVerilog names: parameters of ``psf_accel``."""
        return {p.sv: getattr(self, p.name) for p in table.PARAMETERS}

    def sv_literal(self) -> str:
        """The packed ``psf_pkg::config_t`` as a sized number, its first field on top."""
        return packing.literal("config_t", self.sv_parameters())

    @classmethod
    def named(cls, text: str) -> "Hardware":
        """A preset, or a grid of GROUPSxLANES, with changes after commas: ``4x32,bank_depth=4096``,
        ``8x16``."""
        name, *changes = text.split(",")
        known = [f.name for f in fields(cls)]
        if name in CONFIGURATIONS:
            preset = CONFIGURATIONS[name]
        elif size := re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", name):
            preset = grid(int(size[1]), int(size[2]))
        else:
            raise UserError(
                f"hardware configuration '{name}' is not known; choose one of "
                f"{', '.join(CONFIGURATIONS)}, or groups x lanes, both powers of two, such as 8x16"
            )
        return replace(preset, **numbers(changes, known, "hardware change"))


_STREAM = next(p for p in table.PARAMETERS if p.name == "stream_width")

CONFIGURATIONS = {
    name: Hardware(**{p.name: p.presets[name] for p in table.PARAMETERS}) for name in table.PRESETS
}


def grid(groups: int, lanes: int) -> Hardware:
    """So many groups and lanes with what the preset of the nearest lanes, then groups, has of all
    else: the same memory on the chip, in two banks for each group as far as the lanes allow.

    Raises:
        UserError: not powers of two, or out of the range of the parameters.
    """
    near = min(
        CONFIGURATIONS.values(),
        key=lambda h: (_steps(h.lanes, lanes), _steps(h.groups, groups)),
    )
    banks = min(max(near.banks, 2 * groups), lanes)
    return replace(
        near,
        groups=groups,
        lanes=lanes,
        banks=banks,
        bank_depth=near.bank_depth * near.banks // banks,
        row_depth=max(near.row_depth * near.banks // banks, lanes // banks),
        spike_lines=max(near.spike_lines, 2 * groups),
        stream_depth=max(near.stream_depth * near.groups // groups, 2),
        classes=max(near.classes, 2 * lanes),
    )


def _steps(one: int, other: int) -> float:
    """How many doublings lie between two sizes."""
    return abs(math.log2(one / other))
