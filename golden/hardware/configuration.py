# SPDX-License-Identifier: Apache-2.0
"""The parameters of one build of the accelerator (docs/architecture.md, section Parameters)."""

from dataclasses import asdict, dataclass, fields, replace

from golden.contract.command import numbers
from golden.contract.errors import UserError

WEIGHT_WIDTH = 8
BEAT_BITS = 64
MAX_CLASSES = 128
MASK_LINES = 64  # of the row mask of a group
SUM_BITS = 32  # of the residual stream summed up
MIN_PLANES = SUM_BITS - 7  # of these sums that a head sees


def clog2(value: int) -> int:
    """Bits that number ``value`` things."""
    return max(value - 1, 0).bit_length()


@dataclass(frozen=True)
class Hardware:
    """G groups of P lanes, B weight banks and the sizes of the memories."""

    groups: int
    lanes: int
    banks: int
    line_words: int
    acc_depth: int
    acc_width: int
    stream_width: int
    bank_depth: int
    row_depth: int
    param_depth: int
    spike_lines: int
    stream_depth: int
    patch_lines: int

    def __post_init__(self):
        for name in ("groups", "lanes", "banks", "line_words", "patch_lines"):
            value = getattr(self, name)
            if value < 2 or value & (value - 1):
                raise UserError(f"hardware {name}={value} must be a power of two of at least 2")
        if self.lanes % self.banks:
            raise UserError(f"hardware lanes={self.lanes} must be a multiple of banks={self.banks}")
        limits = dict(lanes=(2, 64), acc_depth=(2, 256), acc_width=(12, 32), patch_lines=(9, 256))
        limits |= {name: (2, 65535) for name in _DEPTHS}  # the capability registers have 16 bits
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(
                    f"hardware {name}={getattr(self, name)} must lie between {low} and {high}"
                )
        if not 8 <= self.stream_width <= self.acc_width - 2:
            raise UserError(
                f"hardware stream_width={self.stream_width} must lie between 8 and acc_width - 2 ="
                f" {self.acc_width - 2}"
            )

    @property
    def index_width(self) -> int:
        """Bits of a slot's accumulator index."""
        return clog2(self.acc_depth)

    @property
    def slot_width(self) -> int:
        """Bits of one {index, weight} slot."""
        return self.index_width + WEIGHT_WIDTH

    @property
    def name(self) -> str:
        """Groups x lanes, as in ``4x16``."""
        return f"{self.groups}x{self.lanes}"

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
        """Parameters of the module ``psf_accel``."""
        camel = {f.name: "".join(p.capitalize() for p in f.name.split("_")) for f in fields(self)}
        return {camel[name]: value for name, value in asdict(self).items()}

    @classmethod
    def named(cls, text: str) -> "Hardware":
        """A configuration by name, with changes after commas: ``4x32,bank_depth=4096``."""
        name, *changes = text.split(",")
        if name not in CONFIGURATIONS:
            raise UserError(
                f"hardware configuration '{name}' is not known; choose one of "
                + ", ".join(CONFIGURATIONS)
            )
        known = [f.name for f in fields(cls)]
        return replace(CONFIGURATIONS[name], **numbers(changes, known, "hardware change"))


def sv_literal(parameters: dict[str, int]) -> str:
    """A `psf_pkg::config_t` (its fields in their order, 32 bits each) as a sized literal."""
    return f"{32 * len(parameters)}'h" + "".join(f"{value:08x}" for value in parameters.values())


_DEPTHS = ("bank_depth", "row_depth", "param_depth", "spike_lines", "stream_depth")

CONFIGURATIONS = {
    "2x8": Hardware(2, 8, 4, 8, 32, 20, 16, 2048, 2048, 256, 4096, 1024, 64),
    "4x16": Hardware(4, 16, 8, 8, 16, 20, 16, 1024, 1024, 128, 2048, 512, 64),
    "4x32": Hardware(4, 32, 8, 4, 32, 20, 16, 2048, 2048, 256, 8192, 1024, 128),
}
