# SPDX-License-Identifier: Apache-2.0
"""A quantised Spikingformer: its sizes, its integer tensors and the file that holds them.

The file (golden.contract.checkpoint) has under its key ``config`` a JSON object with the fields of
:class:`NetworkConfig` and ``provenance`` (the command, seed and data that made it).
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from golden.contract import checkpoint
from golden.contract.errors import UserError
from golden.contract.narrow import narrow
from golden.contract.settings import Settings, shown
from golden.contract.sizes import (
    Channels,
    Classes,
    ConstantBit,
    FracBits,
    Head,
    Heads,
    Height,
    InputBits,
    InputTimesteps,
    Mean,
    MlpRatio,
    Pooled,
    Std,
    Timesteps,
    Width,
    check_sizes,
)  # fmt: skip

TOKENIZER_STAGES = 5
CHARGE_MAX = (1 << 16) - 1  # of an encoder's membranes
_RANGES = {"shift": (0, 31), "charge": (0, CHARGE_MAX)}  # of tensors, where their type has more


@dataclass(frozen=True)
class NetworkConfig(Settings, table="network"):
    """Sizes of a Spikingformer-``depth``-``dim``.

    ``encoder_channels``: of the learned encoder in front of the tokenizer, 0 without one (direct
    encoding). ``head``: the mean commutes with the linear layer, so both heads with a LIF (``sn``)
    are the same integers, the sum over spikes, as are both without one, the sum over the stream.
    ``input_timesteps``: 1 for an image, which every timestep sees; else ``timesteps``, one frame of
    an event camera for each. ``input_bits``: values of the input lie in 0..2**input_bits - 1: 8 for
    pixels, 1 for events that are there or not.
    ``mean``, ``std``: of the normalisation that the network was trained with, per channel of a
    pixel / 255; the weights contain it. ``constant_bit``: where that needs one, the last input of
    the first convolution is 2**constant_bit on every pixel (golden.contract.normalisation).
    """

    depth: Annotated[int, Meta(ge=0, le=256, description="blocks")] = 2
    dim: Annotated[int, Meta(ge=8, le=8192, multiple_of=8, description="width of a token")] = 64
    heads: Heads = 4
    timesteps: Timesteps = 4
    in_channels: Channels = 1
    height: Height = 28
    width: Width = 28
    classes: Classes = 10
    mlp_ratio: MlpRatio = 4
    residual_frac_bits: FracBits = 6
    pooled_stages: Pooled = (3, 4)
    encoder_channels: Annotated[int, Meta(ge=0, le=1024, description="of the encoder")] = 0
    head: Head = "sn_fc_avgpool"
    input_timesteps: InputTimesteps = 1
    input_bits: InputBits = 8
    mean: Mean = ()
    std: Std = ()
    constant_bit: ConstantBit | None = None

    def __post_init__(self):
        super().__post_init__()
        check_sizes(self)
        if self.input_timesteps > 1 and self.encoder_channels:
            raise UserError(
                "network.encoder_channels: a learned encoder takes one image, not a frame for each "
                "timestep; set encoder_channels = 0"
            )

    @property
    def inputs(self) -> int:
        """Channels that the first layer sees: those of the image, and the constant if any."""
        return self.in_channels + (self.constant_bit is not None)

    @property
    def channels(self) -> tuple[int, ...]:
        """Output channels of the five tokenizer convolutions."""
        return (self.dim // 8, self.dim // 4, self.dim // 2, self.dim, self.dim)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one input: (C, H, W), or (T, C, H, W) for frames."""
        frames = (self.input_timesteps,) if self.input_timesteps > 1 else ()
        return (*frames, self.in_channels, self.height, self.width)

    @property
    def input_max(self) -> int:
        """The largest value of the input."""
        return (1 << self.input_bits) - 1

    def size_into(self, stage: int) -> tuple[int, int]:
        """(height, width) of the input of tokenizer stage ``stage``, after its pool if any."""
        height, width = self.height, self.width
        for i in range(stage + 1):
            if i in self.pooled_stages:  # k3 s2 p1
                height, width = (height + 1) // 2, (width + 1) // 2
        return height, width

    @property
    def tokens(self) -> int:
        height, width = self.size_into(TOKENIZER_STAGES - 1)
        return height * width

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def head_fires(self) -> bool:
        """Whether the head sums the spikes of a LIF; else it sums the residual stream itself."""
        return self.head.startswith("sn_")

    @property
    def residual_theta2(self) -> int:
        """Twice the threshold 1.0 on the residual grid 2**-residual_frac_bits."""
        return 2 << self.residual_frac_bits


@dataclass
class SpikeLayer:
    """A layer whose output feeds one LIF: weight int8 (O, I[, 3, 3]), bias and theta2 (O,)."""

    weight: np.ndarray
    bias: np.ndarray
    theta2: np.ndarray


@dataclass
class ResidualLayer:
    """A layer that adds ``(w.x + bias) << shift`` to the residual stream."""

    weight: np.ndarray
    bias: np.ndarray
    shift: int


@dataclass
class Block:
    """One Spikingformer block; q, k, v (D, D), mlp1 (rD, D), proj (D, D), mlp2 (D, rD)."""

    q: SpikeLayer
    k: SpikeLayer
    v: SpikeLayer
    proj: ResidualLayer
    mlp1: SpikeLayer
    mlp2: ResidualLayer


def _kind_of(tensor: str) -> type[np.signedinteger]:
    """The type in a file of the tensor of that name."""
    return np.int8 if tensor.endswith("weight") else np.int32


def _narrowed(tensor: str, values: Any) -> np.ndarray:
    return narrow(values, _kind_of(tensor), tensor, *_RANGES.get(tensor.split(".")[-1], ()))


@dataclass
class QuantNetwork:
    """Integer Spikingformer; its head is a linear layer of the sum over tokens and timesteps of
    the last spikes, or of the residual stream (:attr:`NetworkConfig.head_fires`):

        logits = W . (sum over t, n of x[t, n] >> head_shift) + b

    ``head_shift``: of the stream only; as many low bits as it takes for logits of 32 bits."""

    config: NetworkConfig
    tokenizer: list[SpikeLayer]  # stages 0..3
    patch: ResidualLayer  # stage 4, the start of the residual stream
    blocks: list[Block]
    head_weight: np.ndarray  # int8 (classes, D)
    head_bias: np.ndarray  # int32 (classes,), on the grid of the summed logits
    provenance: dict = field(default_factory=dict)
    encoder: SpikeLayer | None = None  # per pixel: weight (E, C) or (E, C, 1, 1), input 0..255
    head_shift: int = 0
    encoder_charge: int = 0  # of the encoder's membranes, 0..65535: golden.contract.neuron.start

    def __post_init__(self):
        if self.encoder is not None and self.encoder.weight.shape[2:] == (1, 1):
            self.encoder.weight = self.encoder.weight[:, :, 0, 0]

    @property
    def stages(self) -> list[tuple[str, SpikeLayer | ResidualLayer]]:
        """(name, layer) from the image to the stream; the first one sees pixels."""
        tokenizer = enumerate([*self.tokenizer, self.patch])
        first = [("encoder", self.encoder)] if self.encoder else []
        return first + [(f"tokenizer.{i}", layer) for i, layer in tokenizer]

    def tensors(self) -> dict[str, np.ndarray]:
        """All tensors by their names in the file; UserError for a value that their types or ranges
        do not hold."""
        out = {}

        def put_one(name, values):
            out[name] = _narrowed(name, values)

        def put(name, layer):
            put_one(f"{name}.weight", layer.weight)
            put_one(f"{name}.bias", layer.bias)
            if isinstance(layer, SpikeLayer):
                put_one(f"{name}.theta2", layer.theta2)
            else:
                put_one(f"{name}.shift", [layer.shift])

        for name, layer in self.stages:
            put(name, layer)
        for i, block in enumerate(self.blocks):
            for part in fields(Block):
                put(f"blocks.{i}.{part.name}", getattr(block, part.name))
        put_one("head.weight", self.head_weight)
        put_one("head.bias", self.head_bias)
        if not self.config.head_fires:
            put_one("head.shift", [self.head_shift])
        if self.encoder:
            put_one("encoder.charge", [self.encoder_charge])
        return out

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        config = asdict(self.config) | {"provenance": self.provenance}
        checkpoint.write(path, "quantised", self.tensors(), {"config": json.dumps(config)})

    @classmethod
    def load(cls, path: str | Path) -> "QuantNetwork":
        """Read and check a file; raises UserError that names what is wrong with it."""
        contents = checkpoint.read(path, "quantised")
        config = dict(contents.config)
        provenance = config.pop("provenance", {})
        if not isinstance(provenance, dict):
            raise UserError(
                f"{path}: provenance is {shown(provenance)}, it must be a table; export it again"
            )
        try:
            return cls._build(NetworkConfig(**config), contents.tensors, provenance)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{path} does not hold the tensors of its own configuration ({error}); "
                "export it again"
            ) from None

    @classmethod
    def _build(cls, config, tensors, provenance):
        def shaped(name, shape):
            tensor, kind = tensors[name], _kind_of(name)
            if tensor.shape != shape:
                raise UserError(f"tensor {name} has shape {tensor.shape}, expected {shape}")
            if tensor.dtype != kind:
                raise UserError(
                    f"tensor {name} has values of type {tensor.dtype}, expected {np.dtype(kind)}"
                )
            return _narrowed(name, tensor)

        def spike(name, shape):
            return SpikeLayer(
                shaped(f"{name}.weight", shape),
                shaped(f"{name}.bias", shape[:1]).astype(np.int64),
                shaped(f"{name}.theta2", shape[:1]).astype(np.int64),
            )

        def residual(name, shape):
            return ResidualLayer(
                shaped(f"{name}.weight", shape),
                shaped(f"{name}.bias", shape[:1]).astype(np.int64),
                int(shaped(f"{name}.shift", (1,))[0]),
            )

        encoded = config.encoder_channels
        if encoded and tensors["encoder.weight"].shape[2:] == (1, 1):
            tensors["encoder.weight"] = tensors["encoder.weight"][:, :, 0, 0]
        channels = (encoded or config.inputs, *config.channels)
        convs = [(channels[i + 1], channels[i], 3, 3) for i in range(TOKENIZER_STAGES)]
        dim, hidden = config.dim, config.dim * config.mlp_ratio
        blocks = [
            Block(
                q=spike(f"blocks.{i}.q", (dim, dim)),
                k=spike(f"blocks.{i}.k", (dim, dim)),
                v=spike(f"blocks.{i}.v", (dim, dim)),
                proj=residual(f"blocks.{i}.proj", (dim, dim)),
                mlp1=spike(f"blocks.{i}.mlp1", (hidden, dim)),
                mlp2=residual(f"blocks.{i}.mlp2", (dim, hidden)),
            )
            for i in range(config.depth)
        ]
        return cls(
            config,
            [spike(f"tokenizer.{i}", shape) for i, shape in enumerate(convs[:-1])],
            residual(f"tokenizer.{TOKENIZER_STAGES - 1}", convs[-1]),
            blocks,
            shaped("head.weight", (config.classes, dim)),
            shaped("head.bias", (config.classes,)).astype(np.int64),
            provenance,
            spike("encoder", (encoded, config.inputs)) if encoded else None,
            0 if config.head_fires else int(shaped("head.shift", (1,))[0]),
            int(shaped("encoder.charge", (1,))[0]) if encoded else 0,
        )
