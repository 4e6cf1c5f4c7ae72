# SPDX-License-Identifier: Apache-2.0
"""Lowering: a network as the list of layers that the hardware executes, in order.

Everything is padded to whole words here: weights are (taps, input channels, output columns) and
column o is bit ``o mod P`` of output word ``o div P``. ``columns[o]`` says which channel that is,
-1 for padding, whose weight and bias are 0 and whose threshold is never reached.
"""

from dataclasses import dataclass

import numpy as np

from golden.contract.errors import UserError
from golden.contract.model import ATTENTION_THETA2, rows_of
from golden.contract.network import QuantNetwork, SpikeLayer
from golden.contract.order import fused_qkv, plain
from golden.hardware import isa
from golden.hardware.compile import average
from golden.hardware.compile.planes import Planes
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import MIN_PLANES, SUM_BITS, Hardware


@dataclass(frozen=True)
class Stripe:
    """Rows ``first`` to ``first + rows - 1`` of a map of ``height`` rows, computed on their own.

    ``read``, ``written``: the rows of the layer's tensors for row ``first``; ``clear``: rows of the
    target, from ``written`` on, into which nothing has been pooled before.
    """

    first: int
    rows: int
    height: int
    read: int
    written: int
    clear: int

    @property
    def above(self) -> bool:
        """There is a row above."""
        return self.first > 0

    @property
    def below(self) -> bool:
        """There is a row below."""
        return self.first + self.rows < self.height


@dataclass
class Layer:
    """One hardware layer; the fields are those of the descriptor (docs/reference/formats.md)."""

    name: str
    mode: int
    source: Tensor
    target: Tensor | None  # None: the weight banks (key-value) or the logits (head)
    words: int  # J, accumulators per lane
    weight: np.ndarray | None = None  # (taps, source channels, J*P); None: counts of K^T V
    bias: np.ndarray | None = None  # (J*P,)
    theta2: np.ndarray | None = None
    columns: np.ndarray | None = None
    rows: int = 0  # source channels of the network
    parts: tuple[str, ...] = ()  # names in the golden trace whose channels ``columns`` counts
    planes: Planes | None = None  # of a multi-bit input
    shift: int = 0
    charge: int = 0  # of the membranes at the first timestep: golden.contract.neuron.start
    pair: bool = False  # a token is two pixels: golden.hardware.compile.pairs
    first: bool = False
    window: int = 1  # timesteps of one accumulation: golden.hardware.compile.windows
    in_first: int = 0
    in_words: int = 0
    out_first: int = 0
    tile: int = 0  # of the layers that share one target, which one
    repeat: int = 0  # layers right in front of it that have the same weights, loaded once
    joined: bool = False  # its counters go on from those of the layer before
    stripe: Stripe | None = None  # None: the whole map
    image: int = 0  # of a batch, the first one; golden.hardware.compile.batch
    images: int = 1  # whose maps lie one behind the other in the tensors
    inverted: bool = False  # the inputs that do not fire are added
    head_words: int = 0  # attention: m
    head_dim: int = 0
    heads: int = 0
    averaged: Tensor | None = None  # head: sums this one's stream, ``source`` are the planes

    @property
    def merge(self) -> bool:
        """All timesteps go into one accumulation."""
        return self.mode == isa.MODE_HEAD and self.averaged is None

    @property
    def drains(self) -> int:
        """Times that a unit is drained."""
        if self.merge or self.mode == isa.MODE_KEY_VALUE:
            return 1
        return (self.target or self.source).steps

    @property
    def taps(self) -> int:
        return 1 if self.weight is None else len(self.weight)

    @property
    def repeats(self) -> bool:
        """One current for all timesteps: the input is an image."""
        return self.planes is not None and self.source.steps == 1

    @property
    def pool(self) -> bool:
        return self.target is not None and self.target.pooled

    @property
    def units(self) -> int:
        """Units of work that the dispatcher hands out: tokens, or (block, step) pairs."""
        if self.mode == isa.MODE_KEY_VALUE:
            return self.blocks * self.source.steps
        return self.images * self.height * self.source.width

    @property
    def continues(self) -> bool:
        """Its counters go on from those of the layer before."""
        return self.joined or self.repeat > 0

    @property
    def height(self) -> int:
        """Rows of an image that are computed."""
        return self.stripe.rows if self.stripe else self.map_height

    @property
    def map_height(self) -> int:
        """Rows of the map that is read, of one image."""
        return self.stripe.height if self.stripe else self.source.height // self.images

    @property
    def pixels(self) -> slice:
        """The pixels of that map that are computed."""
        first = self.stripe.first if self.stripe else 0
        return slice(first * self.source.width, (first + self.height) * self.source.width)

    @property
    def origin(self) -> str:
        """Its name without the number of an image."""
        return self.name.partition("@")[0]

    @property
    def blocks(self) -> int:
        """Attention: head blocks of m words."""
        return self.in_words // (2 * self.head_words) if self.head_words else 0


def lower(network: QuantNetwork, hardware: Hardware) -> list[Layer]:
    """All layers in program order."""
    return _Lowering(network, hardware).layers()


def never(hardware: Hardware) -> int:
    """A threshold that no membrane potential reaches."""
    return (1 << hardware.acc_width - 1) - 1


def padded(rows, bias, theta2, columns, hardware: Hardware) -> dict[str, np.ndarray]:
    """Weights (taps, C, O), bias and theta2 (O,) with their columns in hardware order."""
    real = columns >= 0
    weight = np.where(real, rows[:, :, columns], 0).astype(np.int64)
    return dict(
        weight=weight,
        bias=np.where(real, bias[columns], 0).astype(np.int64),
        theta2=np.where(real, theta2[columns], never(hardware)).astype(np.int64),
        columns=columns,
    )


def dense(
    layer, theta2, source: Tensor, target: Tensor, hardware: Hardware, planes: Planes | None = None
) -> Layer:
    """A convolution or linear layer that fires, named like its target.

    ``layer`` has weight (O, I[, 3, 3]) and bias (O,). With ``planes`` the input is the bits of
    multi-bit channels.
    """
    outputs, inputs = layer.weight.shape[:2]
    taps = layer.weight[0, 0].size
    words = hardware.words(outputs)
    columns = plain(outputs, hardware.lanes)
    rows = rows_of(layer.weight).reshape(taps, inputs, outputs)
    if planes:
        rows = rows[:, planes.channel]
    return Layer(
        target.name,
        isa.MODE_SPIKE,
        source,
        target,
        words,
        **padded(rows, layer.bias, theta2, columns, hardware),
        rows=rows.shape[1],
        parts=(target.name,),
        planes=planes,
        in_words=hardware.words(rows.shape[1]),
    )


class _Lowering:
    def __init__(self, network: QuantNetwork, hardware: Hardware):
        self.network, self.hardware, self.config = network, hardware, network.config
        config, lanes = self.config, hardware.lanes
        self.planes = Planes.of(config)
        d = config.head_dim
        if lanes % d and d % lanes:
            raise UserError(
                f"attention: head width {d} neither divides the {lanes} lanes nor is a multiple of "
                "them; use another number of heads or lanes"
            )
        self.dim_words = hardware.words(config.dim)
        self.block = max(1, d // lanes)  # m
        if hardware.line_words % (2 * self.block):
            raise UserError(
                f"attention: the {2 * self.block} key and value words of a head do not divide "
                f"a spike line of {hardware.line_words} words; use narrower heads or longer lines"
            )

    def layers(self) -> list[Layer]:
        network, config = self.network, self.config
        x = self.image()
        out = []
        if network.encoder:
            out.append(self.dense("encoder", network.encoder, x))
            out[-1].charge = network.encoder_charge
            x = out[-1].target
        for i, stage in enumerate([*network.tokenizer, network.patch]):
            layer = self.dense(f"tokenizer.{i}", stage, x, pool=i + 1 in config.pooled_stages)
            layer.first = i == len(network.tokenizer)
            out.append(layer)
            x = layer.target
        for i, block in enumerate(network.blocks):
            fused = self.qkv(f"blocks.{i}", block, x)
            out += [fused, *self.attention(f"blocks.{i}.attention", fused.target)]
            for part in ("proj", "mlp1", "mlp2"):
                out.append(self.dense(f"blocks.{i}.{part}", getattr(block, part), out[-1].target))
            x = out[-1].target
        return [*out, self.head(x)]

    def head(self, x: Tensor) -> Layer:
        """The linear layer of the spikes ``x``, or of the sums of the stream that fired them."""
        network, config, zeros = self.network, self.config, np.zeros(self.config.classes)
        weight, averaged, lanes = network.head_weight, None, self.hardware.lanes
        if not config.head_fires:
            shift = network.head_shift
            if not 0 <= shift <= SUM_BITS - MIN_PLANES:
                raise UserError(
                    f"head: the sum of the stream is shifted by {shift}, the largest is "
                    f"{SUM_BITS - MIN_PLANES}; use fewer fraction bits in the residual stream"
                )
            if lanes < average.DIGITS:
                raise UserError(
                    f"head '{config.head}': {lanes} lanes are less than the {average.DIGITS} that "
                    "its bias takes; use hardware with more lanes"
                )
            weight = average.weight(weight, network.head_bias, shift, lanes)
            averaged, x = x, Tensor("average", 1, 1, x.step + 1, average.planes(shift))
        out = self.dense("head", SpikeLayer(weight, zeros, zeros), x)
        out.mode, out.target, out.averaged = isa.MODE_HEAD, None, averaged
        out.rows = config.dim
        return out

    def image(self) -> Tensor:
        words, config = self.hardware.words(len(self.planes)), self.config
        return Tensor("image", config.height, config.width, words, config.input_timesteps)

    def tensor(self, name: str, source: Tensor, step: int, pool: bool = False) -> Tensor:
        height, width = source.height, source.width
        if pool:
            height, width = (height + 1) // 2, (width + 1) // 2
        return Tensor(name, height, width, step, self.config.timesteps, pool)

    def padded(self, rows, bias, theta2, columns):
        return padded(rows, bias, theta2, columns, self.hardware)

    def dense(self, name: str, layer, source: Tensor, pool: bool = False) -> Layer:
        """A convolution or linear layer on its own."""
        target = self.tensor(name, source, self.hardware.words(len(layer.weight)), pool)
        spike = isinstance(layer, SpikeLayer)
        theta2 = layer.theta2 if spike else np.full(len(layer.weight), self.config.residual_theta2)
        planes = self.planes if source.name == "image" else None
        out = dense(layer, theta2, source, target, self.hardware, planes)
        if not spike:
            out.mode, out.shift = isa.MODE_RESIDUAL, layer.shift
        return out

    def qkv(self, name: str, block, source: Tensor) -> Layer:
        """q, k and v as one layer, words in the order that the attention layers read."""
        dim, lanes, m = self.config.dim, self.hardware.lanes, self.block
        columns = fused_qkv(dim, self.config.heads, lanes)
        words = columns.size // lanes
        step = -(-words // (2 * m)) * 2 * m
        parts = [block.q, block.k, block.v]
        return Layer(
            f"{name}.qkv",
            isa.MODE_SPIKE,
            source,
            self.tensor(f"{name}.qkv", source, step),
            words,
            **self.padded(
                np.concatenate([rows_of(p.weight)[None] for p in parts], axis=2),
                np.concatenate([p.bias for p in parts]),
                np.concatenate([p.theta2 for p in parts]),
                columns,
            ),
            rows=dim,
            parts=tuple(f"{name}.{part}" for part in "qkv"),
            in_words=self.hardware.words(dim),
        )

    def attention(self, name: str, source: Tensor) -> list[Layer]:
        """K^T V into the weight banks, then Q on those rows."""
        dim, lanes, m = self.config.dim, self.hardware.lanes, self.block
        first = -(-self.dim_words // (2 * m)) * 2 * m
        common = dict(head_words=m, head_dim=self.config.head_dim, heads=self.config.heads)
        columns = np.arange(self.dim_words * lanes)
        real = columns < dim
        return [
            Layer(
                f"{name}.key_value",
                isa.MODE_KEY_VALUE,
                source,
                None,
                lanes * m * m,
                in_first=first,
                in_words=2 * self.dim_words,
                **common,
            ),
            Layer(
                name,
                isa.MODE_SPIKE,
                source,
                self.tensor(name, source, self.dim_words),
                self.dim_words,
                bias=np.zeros(columns.size, np.int64),
                theta2=np.where(real, ATTENTION_THETA2, never(self.hardware)),
                columns=np.where(real, columns, -1),
                rows=dim,
                parts=(name,),
                in_words=self.dim_words,
                **common,
            ),
        ]
