# SPDX-License-Identifier: Apache-2.0
"""Several images in one program: weights are loaded once, and groups find tokens of all images.

The maps of the images lie one behind the other in tensors that are as high as all of them, so that
one hardware layer works through all their pixels. The first layers, whose maps are the largest, may
run for one image after the other instead; attention and head always do, since their counts and
logits are those of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from golden.contract.limits import refuse
from golden.hardware import isa
from golden.hardware.compile.lowering import Layer, Stripe
from golden.hardware.compile.proofs import residual_depth
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware

MOST = 16  # images that are tried
MAX_IMAGES = 1 << isa.LAYER_FIELDS["images"][2]


def most_apart(layers: Sequence[Layer]) -> int:
    """How many of the first ``layers`` may run for each image on its own."""
    count = 0
    for layer in layers:
        if layer.mode != isa.MODE_SPIKE or layer.weight is None:
            break
        count += 1
    return count


def batched(
    layers: Sequence[Layer], images: int, apart: int, hardware: Hardware
) -> tuple[list[Layer], list[Tensor]]:
    """``layers`` of a network for ``images`` images, the first ``apart`` for each on its own, and
    what they read from memory; LimitError if the residual stream has no room for all of them."""
    first = layers[0].source
    inputs = [_own(first, b) for b in range(images)] if apart else [_tall(first, images)]
    out = [_apart(layers[:apart], i, b, images) for b in range(images) for i in range(apart)]
    for layer in layers[apart:]:
        if layer.weight is None or layer.mode == isa.MODE_HEAD:
            out += [_alone(layer, b, images) for b in range(images)]
        else:
            out.append(_together(layer, images))
    refuse([excess for layer in out if layer.mode == isa.MODE_RESIDUAL
            for excess in residual_depth(layer, hardware)])  # fmt: skip
    return out, inputs


def _tall(tensor: Tensor, images: int) -> Tensor:
    return replace(tensor, height=images * tensor.height)


def _own(tensor: Tensor, image: int) -> Tensor:
    return replace(tensor, name=f"{tensor.name}@{image}")


def _together(layer: Layer, images: int) -> Layer:
    """All images at once."""
    source, target = _tall(layer.source, images), layer.target and _tall(layer.target, images)
    return replace(layer, source=source, target=target, images=images)


def _alone(layer: Layer, image: int, images: int) -> Layer:
    """One image out of the tensors of all of them; a head that sums the stream makes its input
    itself."""
    if layer.averaged:
        source = _part(layer.source, image)
        return replace(layer, name=f"{layer.name}@{image}", source=source, image=image)
    rows = layer.source.height
    place = Stripe(0, rows, rows, read=image * rows, written=image * rows, clear=0)
    return replace(_together(layer, images), name=f"{layer.name}@{image}", stripe=place,
                   image=image, images=1)  # fmt: skip


def _apart(front: Sequence[Layer], index: int, image: int, images: int) -> Layer:
    """Layer ``index`` of the ``front`` for one image: the last one writes into the tensor of all,
    the others have tensors of their own."""
    layer = front[index]
    source = _own(layer.source, image) if index == 0 else _part(layer.source, image)
    name = f"{layer.name}@{image}"
    if index < len(front) - 1:
        target = _part(layer.target, image)
        return replace(layer, name=name, source=source, target=target, image=image)
    rows, height = source.height, layer.target.height
    place = Stripe(0, rows, rows, read=0, written=image * height, clear=height)
    target = _tall(layer.target, images)
    return replace(layer, name=name, source=source, target=target, stripe=place, image=image)


def _part(tensor: Tensor, image: int) -> Tensor:
    return replace(tensor, name=f"{tensor.name}@{image}", part_of=tensor.name)
