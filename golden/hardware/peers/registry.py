# SPDX-License-Identifier: Apache-2.0
"""All models by name, and what they cost on a list of products."""

from collections.abc import Callable, Iterable
from functools import wraps

import numpy as np

from golden.contract.errors import UserError
from golden.hardware.peers.eyeriss import eyeriss
from golden.hardware.peers.loas import loas
from golden.hardware.peers.mint import mint
from golden.hardware.peers.product import Product
from golden.hardware.peers.prosperity import prosperity
from golden.hardware.peers.ptb import ptb, ptb_stsap
from golden.hardware.peers.sato import sato

Model = Callable[[Product, int], int]


def bit_serial(product: Product, pes: int) -> int:
    """ceil(active bits of the image * outputs / pes): the first convolution, ideal, for all.

    The papers leave that layer out; the same cost for every model favours none.
    """
    active = int(product.spikes.sum(dtype=np.int64))
    return -(-active * product.outputs // pes)


def _with_image(model: Model) -> Model:
    @wraps(model)
    def cycles(product: Product, pes: int = 128) -> int:
        return (bit_serial if product.bit_planes else model)(product, pes)

    return cycles


PEERS: dict[str, Model] = {
    model.__name__: _with_image(model)
    for model in (eyeriss, ptb, ptb_stsap, sato, mint, loas, prosperity)
}


def cycles_of(products: Iterable[Product], pes: int = 128) -> dict[str, int]:
    """Cycles of each model for all ``products`` one after the other on ``pes`` adders.

    Raises UserError unless ``pes`` is a positive multiple of 8 (PTB's columns).
    """
    if pes <= 0 or pes % 8:
        raise UserError(f"{pes} adders: the peer models take a positive multiple of 8")
    products = list(products)
    return {name: sum(model(p, pes) for p in products) for name, model in PEERS.items()}
