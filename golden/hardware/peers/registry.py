# SPDX-License-Identifier: Apache-2.0
"""All models by name, those of the user among them, and what they cost on a list of products.

A model of one's own is ``FILE.py:NAME``, or an entry point in the group ``prunespikformer.peers``
(golden.contract.plugin): a function, or a class without arguments whose objects are called, of

    def model(product, pes) -> cycles

with ``product`` a golden.hardware.peers.product.Product, ``pes`` the number of adders and
``cycles`` a whole number. It is not asked about the layer that sees the image: `bit_serial` is the
same for all.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import numpy as np

from golden.contract import plugin
from golden.contract.errors import UserError
from golden.hardware.peers.exspike import exspike, exspike_apec
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
    for model in (eyeriss, ptb, ptb_stsap, sato, mint, exspike, exspike_apec, loas, prosperity)
}


def models(own: Sequence[str] = ()) -> dict[str, Model]:
    """The models of the project, those of installed packages, and `own` ones by FILE.py:NAME.

    Raises UserError for a file that cannot be read and for a name that is taken.
    """
    found = dict(PEERS)
    for text in (*plugin.installed(plugin.PEERS), *own):
        name = text.rpartition(":")[2]
        if name in found:
            raise UserError(f"--model '{text}': there is a model {name} already, choose a new name")
        found[name] = _with_image(_checked(text, plugin.load("--model", text, plugin.PEERS)))
    return found


def _checked(text: str, made: Callable) -> Model:
    """A plug-in as a model whose answers are looked at."""
    if isinstance(made, type):
        try:
            made = made()
        except TypeError as error:
            raise UserError(f"--model '{text}': the class takes no arguments ({error})") from None
        if not callable(made):
            raise UserError(f"--model '{text}': give the class a method __call__(product, pes)")

    def cycles(product: Product, pes: int) -> int:
        try:
            found = made(product, pes)
        except Exception as error:
            raise UserError(
                f"--model '{text}' failed on layer {product.layer}: {error!r}"
            ) from error
        if isinstance(found, bool) or not isinstance(found, int | np.integer) or found < 0:
            raise UserError(
                f"--model '{text}' returned {found!r} for layer {product.layer}, not a whole number"
                " of cycles"
            )
        return int(found)

    return cycles


def cycles_of(
    products: Iterable[Product], pes: int = 128, own: Sequence[str] = ()
) -> dict[str, int]:
    """Cycles of each of `models(own)` for all ``products`` one after the other on ``pes`` adders.

    Raises UserError unless ``pes`` is a positive multiple of 8 (PTB's columns).
    """
    if pes <= 0 or pes % 8:
        raise UserError(f"{pes} adders: the peer models take a positive multiple of 8")
    products = list(products)
    return {name: sum(model(p, pes) for p in products) for name, model in models(own).items()}
