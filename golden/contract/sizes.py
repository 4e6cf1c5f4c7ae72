# SPDX-License-Identifier: Apache-2.0
"""The ranges of sizes: of integer and of float networks, and of options of commands."""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from golden.contract.errors import UserError
from golden.contract.normalisation import CONSTANT_BITS, check_pair

PIXEL_BITS = 8

Heads = Annotated[int, Meta(ge=1, le=1024, description="attention heads, of width `dim / heads`")]
Timesteps = Annotated[int, Meta(ge=1, le=64, description="timesteps, T")]
Channels = Annotated[int, Meta(ge=1, le=64, description="channels of the input")]
Height = Annotated[int, Meta(ge=1, le=1024, description="pixels of the input, top to bottom")]
Width = Annotated[int, Meta(ge=1, le=1024, description="pixels of the input, left to right")]
Classes = Annotated[int, Meta(ge=1, le=65536, description="classes")]
MlpRatio = Annotated[int, Meta(ge=1, le=16, description="hidden width of an MLP over `dim`")]
FracBits = Annotated[int, Meta(ge=0, le=14, description="f of the residual grid 2^-f")]
InputBits = Annotated[
    int, Meta(ge=1, le=PIXEL_BITS, description="bits of an input value: 8 for pixels, 1 for events")
]
InputTimesteps = Annotated[
    int, Meta(ge=1, le=64, description="1 for images, `timesteps` for a frame at every timestep")
]
Mean = Annotated[
    tuple[Annotated[float, Meta(ge=-1000, le=1000)], ...],
    Meta(description="of every channel of pixel / 255, for the normalisation; nothing for none"),
]
Std = Annotated[
    tuple[Annotated[float, Meta(gt=0, le=1000)], ...],
    Meta(description="standard deviation beside `mean`"),
]
ConstantBit = Annotated[int, Meta(ge=CONSTANT_BITS[0], le=CONSTANT_BITS[-1])]
Pooled = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=4)], ...],
    Meta(description="tokenizer stages, 0 to 4, with a pool in front"),
]
Head = Literal["sn_fc_avgpool", "sn_avgpool_fc", "avgpool_fc", "fc_avgpool"]
HEADS = get_args(Head)


def check_sizes(config: Any) -> None:
    """UserError for sizes that do not go together, of this class or that of golden.lab."""
    if config.dim % config.heads:
        raise UserError(
            f"network.dim is {config.dim}, it must be a multiple of network.heads = {config.heads}"
        )
    stages = config.pooled_stages
    if len(set(stages)) < len(stages):
        raise UserError(f"network.pooled_stages is {list(stages)}, it must name each stage once")
    check_pair(config.mean, config.std, config.in_channels)
    if config.input_timesteps not in (1, config.timesteps):
        raise UserError(
            f"network.input_timesteps is {config.input_timesteps}, give 1 for images or "
            f"{config.timesteps} for a frame at every timestep"
        )
