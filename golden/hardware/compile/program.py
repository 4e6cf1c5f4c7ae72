# SPDX-License-Identifier: Apache-2.0
"""From lowered layers to a program image and a weight image."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from golden.contract.errors import UserError
from golden.contract.limits import Excess, LimitError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.hardware.check import MAX_LAYERS
from golden.hardware.compile import batch, counters, pairs, windows
from golden.hardware.compile.assembler import Assembler
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.growth import whole
from golden.hardware.compile.inversion import with_inversion
from golden.hardware.compile.lowering import Layer, lower
from golden.hardware.compile.packing import Packing
from golden.hardware.compile.placement import Placement
from golden.hardware.compile.proofs import prove
from golden.hardware.compile.schedule import layer_cycles, loading, waits
from golden.hardware.compile.search import improved
from golden.hardware.compile.stripes import striped, with_room
from golden.hardware.compile.tensor import Tensor
from golden.hardware.compile.tiles import Plan
from golden.hardware.configuration import Hardware


def compile_network(
    network: QuantNetwork,
    hardware: Hardware,
    *,
    coded: bool = True,
    window: int | None = windows.DEFAULT,
    example: np.ndarray | None = None,
    explain: bool = True,
    effort: float = 0,
    images: int | None = 1,
) -> Program:
    """Compile ``network``; raises UserError that names the layers and the limits that they exceed.

    ``coded``: code the loads of weights and row tables wherever that can be done, else none.
    ``window``: the most timesteps that one accumulation may take, all layers taking as many as
    they can; None: as many as cost least. ``example``: an image or frames, as in
    ``Program.pack_image``, whose spikes are counted for that; without one they are assumed.
    ``explain``: look for all limits that are exceeded, else the first ones will do. ``effort``:
    seconds in which tiles are looked for that take fewer cycles than those of the plain rule.
    ``images``: that one job classifies, golden.hardware.compile.batch; None: as many as take the
    fewest cycles each by the compiler's model.
    """
    if images is not None and not 1 <= images <= batch.MAX_IMAGES:
        raise UserError(f"{images} images of a job are none of 1 to {batch.MAX_IMAGES}")

    def attempt(changed: Hardware, effort: float = 0) -> Program:
        compiled = partial(_compiled, network, changed, coded=coded, window=window, example=example)
        if images is None:
            return _fewest(compiled, effort)
        return compiled(effort=effort, images=images)

    try:
        return attempt(hardware, effort)
    except LimitError as error:
        if not explain:
            raise
        raise whole(error, attempt, hardware) from None


def _compiled(
    network: QuantNetwork,
    hardware: Hardware,
    *,
    coded: bool,
    window: int | None,
    example: np.ndarray | None,
    effort: float,
    images: int = 1,
) -> Program:
    network.tensors()  # refuses what no file would hold: a fraction, a weight beyond int8
    layers = lower(network, hardware)
    layers[0] = pairs.paired(layers[0], hardware)
    prove(layers, hardware, network.head_bias)
    found = partial(
        assemble,
        hardware=hardware,
        config=network.config,
        head_bias=network.head_bias,
        coded=coded,
        window=window,
        activity={} if example is None else _activity(network, example),
    )
    if images == 1:
        return found(layers, inputs=[layers[0].source], effort=effort)
    tried, refusal = [], None
    for apart in range(batch.most_apart(layers) + 1):
        together, inputs = batch.batched(layers, images, apart, hardware)
        try:
            tried.append((found(together, inputs=inputs).estimate, together, inputs))
        except LimitError as error:
            refusal = error  # that of the fewest lines
    if not tried:
        raise refusal
    _, together, inputs = min(tried, key=lambda one: one[0])
    return found(together, inputs=inputs, effort=effort)


def _fewest(compiled: Callable[..., Program], effort: float) -> Program:
    """The program of the batch that takes the fewest cycles for an image."""
    best = compiled(effort=0)
    count = 2
    while count <= batch.MOST:
        with suppress(UserError):
            program = compiled(effort=0, images=count)
            if program.estimate / count < best.estimate / best.images:
                best = program
        if best.images < count // 2:
            break  # neither this one nor the one before was better
        count *= 2
    return compiled(effort=effort, images=best.images) if effort else best


def _activity(network: QuantNetwork, example: np.ndarray) -> windows.Activity:
    """The spikes of ``example`` as the layers behind the first read them."""
    trace = forward(network, example[None])
    return {name: spikes[0] for name, spikes in (trace.spike | trace.pooled).items()}


def assemble(
    layers: list[Layer],
    hardware: Hardware,
    inputs: list[Tensor],
    config: NetworkConfig | None = None,
    head_bias: np.ndarray | None = None,
    *,
    coded: bool = True,
    window: int | None = windows.DEFAULT,
    activity: windows.Activity,
    effort: float = 0,
    free: bool = False,
) -> Program:
    """The program of lowered and proven ``layers``; ``coded``, ``window`` and ``effort`` as in
    :func:`compile_network`, chosen for ``activity``. ``free``: the order does not matter.

    ``inputs`` are loaded from memory, the other tensors are what layers write. A list that ends
    with a head needs the ``config`` and ``head_bias`` of its network and stores the logits.
    """
    packing = Packing(hardware, coded)

    def assembled(plans: Sequence[Plan]) -> Program:
        tiled = [layer for plan in plans for layer in plan.layers(hardware)]
        tiled = counters.joined(tiled)
        _count(tiled, hardware)
        tiled, placed = windows.with_windows(tiled, inputs, hardware, window, activity)
        cycles = [layer_cycles(layer, hardware, activity) for layer in tiled]
        return _placed(hardware, tiled, placed, config, head_bias, packing, cycles)

    def compiled(layers: list[Layer]) -> tuple[list[Plan], Program]:
        plans = windows.planned(layers, hardware, window, activity)
        return plans, assembled(plans)

    layers = with_inversion(layers, hardware, window, activity)
    try:
        plans, plain = compiled(layers)
    except LimitError as error:
        several = any(layer.images > 1 for layer in layers)  # their maps are not cut
        if several or all(excess.field != "spike_lines" for excess in error.found):
            raise
        plans, plain = compiled(striped(layers, inputs, hardware, error))
    if free and (cut := with_room(layers, hardware)):
        with suppress(LimitError):
            other = compiled(cut)
            if other[1].estimate < plain.estimate:
                plans, plain = other
    return improved(plans, plain, assembled, effort, free) if effort else plain


def _count(tiled: Sequence[Layer], hardware: Hardware) -> None:
    """Raise LimitError if there are more layers than sets of counters."""
    count = counters.sets(tiled)
    if count <= MAX_LAYERS:
        return
    field = "bank_depth"
    if any(layer.words > hardware.acc_depth for layer in tiled):
        field = "acc_depth"
    now = getattr(hardware, field)
    raise LimitError(
        f"the network has {count} hardware layers, the limit is {MAX_LAYERS}; "
        f"use fewer blocks, or {field} beyond {now}, so that layers have fewer tiles",
        [Excess("network", "hardware layers", count, MAX_LAYERS, field, now, now + 1)],
    )


def _placed(
    hardware: Hardware,
    layers: list[Layer],
    inputs: list[Tensor],
    config: NetworkConfig | None,
    head_bias: np.ndarray | None,
    packing: Packing,
    cycles: Sequence[float],
) -> Program:
    """The program of the placement in which ``layers``, which take ``cycles``, wait least."""
    best, least, refusal = None, 0.0, None
    for placement in Placement:
        try:
            program = Assembler(
                hardware, layers, inputs, config, head_bias, packing, placement
            ).program()
        except UserError as error:  # it does not fit in this order
            refusal = refusal or error
            continue
        waiting = sum(waits(program, cycles))
        if best is None or waiting < least:
            best, least = program, waiting
        if not waiting:
            break
    if best is None:
        raise refusal
    best.estimate = loading(best) + least + sum(cycles)
    return best
