# SPDX-License-Identifier: Apache-2.0
"""What the RTL asks of its parameters when it is elaborated, each condition with its words.

A condition is the twin of a ``$fatal`` of a module that sees the whole configuration; those of the
small modules below them (rtl/common) speak of what follows from it. ``tb/run/test_elaboration.py``
holds both sides against each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from golden.hardware.configuration import Hardware


@dataclass(frozen=True)
class Condition:
    """``says``: the words of the RTL behind the names of the modules that ask for it."""

    modules: tuple[str, ...]
    says: str
    holds: Callable[["Hardware"], bool]

    @property
    def messages(self) -> tuple[str, ...]:
        """What the elaborator prints, one line per module."""
        return tuple(f"{module}: {self.says}" for module in self.modules)


def _power_of_two(value: int, least: int = 2) -> bool:
    return value >= least and not value & (value - 1)


def _beats(bits: int) -> int:
    """AXI beats of 64 bits that a record needs."""
    return -(-bits // 64)


CONDITIONS = (
    Condition(
        ("psf_weight_bank", "psf_issue_arbiter", "psf_spike_memory", "psf_stream_memory"),
        "Groups must be a power of two and at least 2",
        lambda h: _power_of_two(h.groups),
    ),
    Condition(
        ("psf_dispatcher",),
        "Groups must be a power of two of at least 2",
        lambda h: _power_of_two(h.groups),
    ),
    Condition(
        ("psf_head",),
        "Lanes must be a power of two and at least 2",
        lambda h: _power_of_two(h.lanes),
    ),
    Condition(
        ("psf_loader", "psf_load_issue"),
        "Lanes must divide the 64 bits of a beat",
        lambda h: 1 <= h.lanes <= 64 and 64 % h.lanes == 0,
    ),
    Condition(
        (
            "psf_loader", "psf_weight_decoder", "psf_descriptor_check", "psf_issue_arbiter",
            "psf_weight_system",
        ),
        "Banks must be a power of two and at least 2",
        lambda h: _power_of_two(h.banks),
    ),
    Condition(("psf_row_decoder",), "Banks must be at least 2", lambda h: h.banks >= 2),
    Condition(
        ("psf_scanner",),
        "Banks must be at least 2 and divide Lanes",
        lambda h: h.banks >= 2 and h.lanes % h.banks == 0,
    ),
    Condition(
        ("psf_loader",),
        "LineWords must be a power of two",
        lambda h: _power_of_two(h.line_words, 1),
    ),
    Condition(
        ("psf_weight_decoder",),
        "IndexWidth must lie between 1 and 8",
        lambda h: 1 <= h.index_width <= 8,
    ),
    Condition(
        ("psf_drain_stages",),
        "AccDepth must be at most 256, Lanes at most 64",
        lambda h: h.acc_depth <= 256 and h.lanes <= 64,
    ),
    Condition(("psf_lane",), "AccWidth must be at least 16", lambda h: h.acc_width >= 16),
    Condition(("psf_head",), "AccWidth must be at most 32", lambda h: h.acc_width <= 32),
    Condition(
        ("psf_datapath",),
        "Classes must be 2 to 256 times Lanes, at most 1024",
        lambda h: h.classes in range(2 * h.lanes, min(256 * h.lanes, 1024) + 1, h.lanes or 1),
    ),
    Condition(
        ("psf_drain_stages",),
        "StreamWidth must be smaller than AccWidth",
        lambda h: h.stream_width < h.acc_width,
    ),
    Condition(
        ("psf_stream_planes",),
        "StreamWidth must be smaller than 32",
        lambda h: h.stream_width < 32,
    ),
    Condition(
        ("psf_row_decoder",), "BankDepth must be at most 65535", lambda h: h.bank_depth <= 65535
    ),
    Condition(
        ("psf_weight_system",),
        "BankDepth and RowDepth must be at most 65536",
        lambda h: max(h.bank_depth, h.row_depth) <= 65536,
    ),
    Condition(
        ("psf_scanner",),
        "RowDepth must lie between Lanes / Banks and 65536",
        lambda h: not h.banks or h.lanes // h.banks <= h.row_depth <= 65536,
    ),
    Condition(
        ("psf_spike_memory",),
        "SpikeLines must be a multiple of Groups, at most 65536",
        lambda h: not h.groups or (h.spike_lines <= 65536 and h.spike_lines % h.groups == 0),
    ),
    Condition(
        ("psf_spike_memory",),
        "SpikeLines must be at least 2 * Groups",
        lambda h: h.spike_lines >= 2 * h.groups,
    ),
    Condition(
        ("psf_patch_fetch",),
        "PatchLines must be a power of two",
        lambda h: _power_of_two(h.patch_lines, 1),
    ),
    Condition(
        ("psf_load_issue",),
        "a record must have 1 to 255 beats",
        lambda h: all(
            1 <= _beats(bits) <= 255
            for bits in (h.lanes * h.slot_width, 2 * h.lanes * h.acc_width, h.line_words * h.lanes)
        ),
    ),
    Condition(
        ("psf_capabilities",),
        "Groups, Lanes, Banks, LineWords and the widths must be below 256",
        lambda h: max(
            h.groups, h.lanes, h.banks, h.line_words, h.acc_width, h.stream_width
        ) < 256,
    ),
    Condition(
        ("psf_capabilities",),
        "every depth must be below 65536 to fit its capability field",
        lambda h: max(
            h.acc_depth, h.bank_depth, h.row_depth, h.param_depth, h.spike_lines, h.stream_depth,
            h.patch_lines,
        ) < 65536,
    ),
    Condition(
        ("psf_capabilities",),
        "Patterns must be 2, 4, 8 or 16",
        lambda h: h.patterns in (2, 4, 8, 16),
    ),
    Condition(
        ("psf_capabilities",),
        "Parity must be 0 or 1",
        lambda h: h.parity in (0, 1),
    ),
    Condition(
        ("psf_read_dma",),
        "BusBytes must be 8, 16 or 32",
        lambda h: h.bus_bytes in (8, 16, 32),
    ),
    Condition(
        ("psf_weight_bank",),
        "WeightArrays must be 1 or 2",
        lambda h: h.weight_arrays in (1, 2),
    ),
    Condition(
        ("psf_weight_bank",),
        "with WeightArrays = 2 BankDepth must be at least 4",
        lambda h: h.weight_arrays == 1 or h.bank_depth >= 4,
    ),
)  # fmt: skip


def broken(hardware: "Hardware") -> list[Condition]:
    """The conditions that a configuration, checked or not, does not fulfil."""
    return [condition for condition in CONDITIONS if not condition.holds(hardware)]
