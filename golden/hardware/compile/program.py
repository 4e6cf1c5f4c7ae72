# SPDX-License-Identifier: Apache-2.0
"""From lowered layers to a program image and a weight image."""

import numpy as np

from golden.contract.errors import UserError
from golden.contract.limits import Excess, LimitError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.hardware.check import MAX_LAYERS
from golden.hardware.compile import windows
from golden.hardware.compile.assembler import Assembler
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.growth import whole
from golden.hardware.compile.lowering import Layer, lower
from golden.hardware.compile.packing import Packing
from golden.hardware.compile.placement import Placement
from golden.hardware.compile.proofs import prove
from golden.hardware.compile.schedule import layer_cycles, waits
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware


def compile_network(
    network: QuantNetwork,
    hardware: Hardware,
    *,
    coded: bool = True,
    window: int | None = windows.DEFAULT,
    example: np.ndarray | None = None,
    explain: bool = True,
) -> Program:
    """Compile ``network``; raises UserError that names the layers and the limits that they exceed.

    ``coded``: code the loads of weights and row tables wherever that can be done, else none.
    ``window``: the most timesteps that one accumulation may take, all layers taking as many as
    they can; None: as many as cost least. ``example``: an image or frames, as in
    ``Program.pack_image``, whose spikes are counted for that; without one they are assumed.
    ``explain``: look for all limits that are exceeded, else the first ones will do.
    """

    def attempt(changed: Hardware) -> Program:
        return _compiled(network, changed, coded=coded, window=window, example=example)

    try:
        return attempt(hardware)
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
) -> Program:
    network.tensors()  # refuses what no file would hold: a fraction, a weight beyond int8
    layers = lower(network, hardware)
    prove(layers, hardware, network.head_bias)
    return assemble(
        layers,
        hardware,
        [layers[0].source],
        network.config,
        network.head_bias,
        coded=coded,
        window=window,
        activity={} if example is None else _activity(network, example),
    )


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
) -> Program:
    """The program of lowered and proven ``layers``; ``coded`` and ``window`` as in
    :func:`compile_network`, which is chosen for ``activity``.

    ``inputs`` are loaded from memory, the other tensors are what layers write. A list that ends
    with a head needs the ``config`` and ``head_bias`` of its network and stores the logits.
    """
    tiled = windows.tiled(layers, hardware, window, activity)
    count = sum(not layer.repeat for layer in tiled)
    if count > MAX_LAYERS:
        field = "bank_depth"
        if any(layer.words > hardware.acc_depth for layer in layers):
            field = "acc_depth"
        now = getattr(hardware, field)
        raise LimitError(
            f"the network has {count} hardware layers, the limit is {MAX_LAYERS}; "
            f"use fewer blocks, or {field} beyond {now}, so that layers have fewer tiles",
            [Excess("network", "hardware layers", count, MAX_LAYERS, field, now, now + 1)],
        )
    tiled, inputs = windows.with_windows(tiled, inputs, hardware, window, activity)
    cycles = [layer_cycles(layer, hardware, activity) for layer in tiled]
    best, least, refusal = None, 0.0, None
    what = hardware, tiled, inputs, config, head_bias, Packing(hardware, coded)
    for placement in Placement:
        try:
            program = Assembler(*what, placement).program()
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
    return best
