# SPDX-License-Identifier: Apache-2.0
"""Where tensors lie in the spike memory."""

from __future__ import annotations

from collections.abc import Container, Sequence

from golden.contract.errors import UserError
from golden.hardware.compile.allocate import Memory, Region
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware


def spike_places(
    layers: Sequence[Layer], inputs: Sequence[Tensor], hardware: Hardware
) -> tuple[Memory, dict[str, Region]]:
    """The spike memory and the region of every tensor that ``layers`` read or write.

    A single input lies where its lines are free again soonest, so that the next one can be
    loaded. Several inputs have places of their own if there is room, so that none of them waits
    for a layer.
    """
    sizes: dict[str, int] = {}
    for layer in layers:
        for tensor in (layer.source, layer.target):
            if tensor is not None:
                sizes.setdefault(tensor.name, tensor.tokens * tensor.lines(hardware))
    names = {tensor.name for tensor in inputs}
    loaded = dict.fromkeys(x.source.name for x in layers if x.source.map in names)
    first, *others = loaded
    tries: list[dict]
    if others:
        tries = [dict(early=True), dict(early=False), dict(early=False, apart=True)]
    else:
        size = sizes[first]
        room = hardware.spike_lines - size
        starts = {a + b for a in sizes.values() for b in (0, *sizes.values())} | {room}
        tries = [dict(starts=[s]) for s in (0, *sorted(s for s in starts if 0 < s <= room))]
    best, refusal = None, None
    for how in tries:
        try:
            memory, places = _place(layers, loaded, hardware, sizes, **how)
        except UserError as error:
            refusal = refusal or error  # of the simplest try
            continue
        place = places[first]
        last = memory.last_use(place.start, place.size)
        if best is None or (not others and last < best[0]):
            best = last, memory, places
    if best is None:
        raise refusal
    return best[1:]


def _place(
    layers: Sequence[Layer],
    loaded: Container[str],
    hardware: Hardware,
    sizes: dict[str, int],
    starts: list[int] | None = None,
    early: bool = True,
    apart: bool = False,
) -> tuple[Memory, dict[str, Region]]:
    """Place all tensors; ``loaded`` ones before all others if ``early``, at ``starts`` if given.
    ``apart``: those that stay for several layers lie at the upper end."""
    memory = Memory(
        "spike lines", "spike_lines", hardware.spike_lines, loaded=False, unit=hardware.groups
    )
    places: dict[str, Region] = {}
    used = [(i, t) for i, x in enumerate(layers) for t in (x.source, x.target)]
    tensors = [(i, t.name) for i, t in used if t is not None]
    last = {name: i for i, name in tensors}  # that reads it or, tile by tile, writes it
    long = {name for i, name in tensors if last[name] > i + 1} if apart else set()
    if early:
        tensors.sort(key=lambda t: t[1] not in loaded)
    for index, name in tensors:
        if name not in places:
            places[name] = memory.take(
                name,
                sizes[name],
                index,
                last[name],
                starts if name in loaded else None,
                loaded=name in loaded,
                high=name in long,
            )
    return memory, places
