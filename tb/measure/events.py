# SPDX-License-Identifier: Apache-2.0
"""Reads what psf_events.sv counted in a run: adds, memory accesses, bytes on the bus, per layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

NO_LAYER = 255
# In the order of a record of events.bin. A *word* of lanes is P values, one per lane of a group.
EVENTS = (
    "cycles",
    "row_adds",  # weight words (key-value: V words) that a group adds
    "adds",  # lanes in which the added weight is not zero
    "acc_reads",  # words of lanes: adds and drains
    "acc_writes",  # words of lanes: adds and clears
    "weight_reads",  # words of a bank
    "weight_writes",  # words of a bank that groups write (K^T V counts)
    "row_reads",  # entries of the row table
    "spike_reads",  # lines: patch fetch and OR-pool
    "spike_writes",  # lines, whole or in part
    "spike_words",  # words in these lines
    "patch_reads",  # lines
    "patch_writes",  # lines
    "stream_reads",  # words of lanes
    "stream_writes",  # words of lanes
    "param_reads",  # words: bias and theta2 of P lanes
    "membrane_reads",  # words of lanes: at the first step of a later window
    "membrane_writes",  # words of lanes: at the last step of a window that another one follows
    "drained",  # words of lanes that left the drain
    "logit_adds",  # words of lanes added to the logits
    "load_weights",  # words of a bank
    "load_rows",  # entries of the row table
    "load_params",  # words, one per group and parameter word: every group has a copy
    "load_spikes",  # words
    "load_logits",  # logits
    "read_bursts",
    "read_bytes",
    "write_bursts",
    "write_bytes",
    "neuron_steps",  # words of lanes
)
# Loads run ahead of the layers that need them: they belong to the program, not to a layer.
LOADS = tuple(e for e in EVENTS if e.startswith(("load_", "read_", "write_")))


def read(path: Path, layers: Sequence[str]) -> dict[str, dict[str, int]]:
    """Counts of events.bin, for layers named in the order of their ids.

    Returns a dict per layer with all of EVENTS but LOADS, ``loads`` with LOADS of the whole run,
    and ``between`` with what else happened while no layer ran.
    """
    data = np.fromfile(path, "<u4").reshape(-1, 1 + len(EVENTS)).astype(np.int64)
    tags, counts = data[:, 0], data[:, 1:]

    def sums(rows, names):
        total = counts[rows].sum(0)
        return {e: int(n) for e, n in zip(EVENTS, total, strict=True) if e in names}

    per_layer = [e for e in EVENTS if e not in LOADS]
    out = {name: sums(tags == i, per_layer) for i, name in enumerate(layers)}
    out["loads"] = sums(slice(None), LOADS)
    out["between"] = sums(tags == NO_LAYER, per_layer)
    strange = set(tags.tolist()) - {*range(len(layers)), NO_LAYER}
    if strange:
        raise ValueError(f"{path}: events of layers {sorted(strange)}, there are {len(layers)}")
    return out


def total(events: dict[str, dict[str, int]]) -> dict[str, int]:
    """Sums over everything that ``read`` returns."""
    return {e: sum(part.get(e, 0) for part in events.values()) for e in EVENTS}
