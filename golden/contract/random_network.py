# SPDX-License-Identifier: Apache-2.0
"""Random quantised networks for tests: any size and sparsity, firing rates like trained ones."""

from dataclasses import dataclass

import numpy as np

from golden.contract.errors import UserError
from golden.contract.model import ATTENTION_THETA2, apply, attention, fire, frames, or_pool
from golden.contract.network import (
    CHARGE_MAX,
    Block,
    NetworkConfig,
    QuantNetwork,
    ResidualLayer,
    SpikeLayer,
)
from golden.contract.neuron import start
from golden.contract.order import fused_qkv, plain
from golden.contract.ranges import head_shift

SPARSITIES = ("dense", "balanced", "block", "rows", "unstructured")


@dataclass(frozen=True)
class Calibration:
    """What the thresholds of a random network are set for, layer by layer.

    images: uint8 (B, C, H, W), random ones by default.  dynamic: for all timesteps, which takes
    longer, instead of as if every timestep were the first.  hidden: scale of the firing rate of the
    hidden layer of the MLP.  counts: about the mean of Q (K^T V), which fires at 8.
    """

    images: np.ndarray | None = None
    dynamic: bool = False
    hidden: float = 1.0
    counts: float = 7.0


@dataclass(frozen=True)
class _Weights:
    """Which weights are kept, and their values: the arguments of `random_network`."""

    sparsity: str
    density: float
    lanes: int
    codebook: int


def random_network(
    config: NetworkConfig,
    seed: int = 0,
    sparsity: str = "balanced",
    density: float = 0.25,
    lanes: int = 16,
    codebook: int = 0,
    calibration: Calibration | None = None,
) -> QuantNetwork:
    """A network with random int8 weights whose thresholds give firing rates of 5 to 20 %.

    ``balanced``: in every row, each of ``lanes`` lanes (output channels modulo ``lanes``) has the
    same number of non-zero weights, about ``density`` of them; ``rows``: that number is another
    one from row to row, and may be 0. ``block``: one of every 1/density consecutive accumulators of
    a lane (the last may be shorter). ``unstructured``: each weight is kept with that probability.
    ``codebook``: the number of different non-zero weights of a layer (q, k and v count as one), 0
    for any.
    """
    if sparsity not in SPARSITIES:
        raise UserError(f"sparsity '{sparsity}' is not one of {', '.join(SPARSITIES)}")
    rng = np.random.default_rng(seed)
    wanted = calibration or Calibration()
    images = random_images(config, 4, seed) if wanted.images is None else wanted.images
    kind = _DynamicCalibrator if wanted.dynamic else _Calibrator
    calibrator = kind(config, rng, _Weights(sparsity, density, lanes, codebook), wanted)
    return calibrator.network(seed, images)


def with_full_counts(network: QuantNetwork) -> QuantNetwork:
    """``network`` whose keys and values of the first head always fire: its counts of K^T V are the
    number of tokens."""
    for block in network.blocks:
        for layer in (block.k, block.v):
            layer.theta2[: network.config.head_dim] = -(1 << 30)
    return network


def reason(sparsity: str, lanes: int, density: float) -> str:
    """Why a random network can have another sparsity than 1 - ``density``."""
    return {
        "dense": "every weight is kept",
        "balanced": f"each of {lanes} lanes keeps the same whole number of weights in every row, "
        "at least one",
        "block": f"each of {lanes} lanes keeps one of every {max(1, round(1 / density))} "
        "accumulators, also where the last block is shorter",
    }.get(sparsity, "weights are drawn at random")


def random_images(config: NetworkConfig, count: int, seed: int = 0) -> np.ndarray:
    """Random images uint8 (count, C, H, W), or frames (count, T, C, H, W), with dark parts, grey
    noise and saturated pixels."""
    rng = np.random.default_rng([seed, 1])
    shape = (count, *config.input_shape)
    noise = rng.integers(0, config.input_max + 1, shape)
    part = rng.integers(0, 4, (*shape[:-3], 1, *shape[-2:]))
    return np.select([part == 0, part == 1], [0, config.input_max], noise).astype(np.uint8)


class _Calibrator:
    def __init__(self, config, rng, weights: _Weights, calibration: Calibration):
        self.config, self.rng = config, rng
        self.sparsity, self.density, self.lanes = weights.sparsity, weights.density, weights.lanes
        self.codebook = weights.codebook
        self.hidden, self.counts = calibration.hidden, calibration.counts

    def network(self, seed: int, images: np.ndarray) -> QuantNetwork:
        config = self.config
        x = frames(config, images)
        tokenizer, inputs, encoder, charge = [], config.inputs, None, 0
        if config.encoder_channels:
            encoder, current = self.pixels(self.weight(config.encoder_channels, inputs), x)
            charge = min(int(np.median(encoder.theta2)) // 2, CHARGE_MAX)
            current[:, 0] += start(config.height, config.width, charge)[:, None]
            x, inputs = fire(current, encoder.theta2), config.encoder_channels
        for i, outputs in enumerate(config.channels):
            size = config.size_into(i)
            if i in config.pooled_stages:
                x = or_pool(x, *config.size_into(i - 1))
            weight = self.weight(outputs, inputs, 3)
            if i < 4:
                sees_pixels = i == 0 and encoder is None
                layer, current = (self.pixels if sees_pixels else self.spike)(weight, x, size)
                x = fire(current, layer.theta2)
                tokenizer.append(layer)
            else:
                patch, residual = self.residual(weight // 4, x, 0, size)
                x = fire(residual, config.residual_theta2)
            inputs = outputs
        blocks = []
        for _ in range(config.depth):
            block, x, residual = self.block(x, residual)
            blocks.append(block)
        head = self.weight(config.classes, config.dim)
        bias = self.rng.integers(-1000, 1000, config.classes)
        provenance = {"random_network": [self.sparsity, self.density, seed]}
        network = QuantNetwork(config, tokenizer, patch, blocks, head, bias, provenance, encoder)
        network.encoder_charge = charge
        if not config.head_fires:
            network.head_shift = max(head_shift(network), seed % 3)
        return network

    def pixels(self, weight, x, size=None):
        """(layer, current at all timesteps) of the layer that sees the pixels."""
        weight //= min(self.config.inputs, 4)  # keep sums of 8-bit pixels within 20 bits
        layer, current = self.spike(weight, x, size)
        return layer, np.repeat(current, self.config.timesteps // current.shape[1], axis=1)

    def block(self, x, residual):
        dim, hidden = self.config.dim, self.config.dim * self.config.mlp_ratio
        layers, spikes, scale, book = {}, {}, self.attention_scale(), self.book()
        fused = None
        if self.sparsity == "block":  # across the three
            order = fused_qkv(dim, self.config.heads, self.lanes)
            fused = self.weight(3 * dim, dim, book=book, columns=order)
        for i, part in enumerate("qkv"):
            if fused is None:
                weight = self.weight(dim, dim, book=book)
            else:
                weight = fused[i * dim : (i + 1) * dim]
            layers[part], current = self.spike(weight, x, scale=scale)
            spikes[part] = fire(current, layers[part].theta2)
        counts, _ = attention(**spikes, heads=self.config.heads)
        x = fire(counts, ATTENTION_THETA2)
        layers["proj"], residual = self.residual(self.weight(dim, dim) // 8, x, residual, shift=1)
        x = fire(residual, self.config.residual_theta2)
        layers["mlp1"], current = self.spike(self.weight(hidden, dim), x, scale=self.hidden)
        x = fire(current, layers["mlp1"].theta2)
        layers["mlp2"], residual = self.residual(self.weight(dim, hidden) // 8, x, residual)
        return Block(**layers), fire(residual, self.config.residual_theta2), residual

    def book(self) -> np.ndarray | None:
        """The weights that a layer may have, None for any; none is 0 after a division by 8."""
        if not self.codebook:
            return None
        return self.rng.permutation(np.r_[-127:-15, 16:128])[: self.codebook]

    def weight(
        self, outputs: int, inputs: int, kernel: int = 0, book=None, columns=None
    ) -> np.ndarray:
        """int8 weights (O, I) or (O, I, 3, 3), never 0 where they are kept.

        ``book``: the values to choose from; ``columns``: the outputs in the order of accumulators.
        """
        taps = kernel * kernel or 1
        if self.codebook:
            book = self.book() if book is None else book
            values = self.rng.choice(book, (outputs, inputs * taps))
        else:
            values = self.rng.integers(1, 128, (outputs, inputs * taps))
            values *= self.rng.choice([-1, 1], values.shape)
        if self.sparsity == "unstructured":
            values[self.rng.random(values.shape) >= self.density] = 0
        elif self.sparsity in ("balanced", "rows"):
            keep = max(1, round(-(-outputs // self.lanes) * self.density))
            if self.sparsity == "rows":
                keep = self.rng.binomial(-(-outputs // self.lanes), self.density, inputs * taps)
            for lane in range(min(self.lanes, outputs)):
                mine = values[lane :: self.lanes]
                rank = self.rng.random(mine.shape).argsort(0).argsort(0)
                mine[rank >= keep] = 0
        elif self.sparsity == "block":
            columns = plain(outputs, self.lanes) if columns is None else columns
            self.keep_one_per_block(values, columns)
        shape = (outputs, inputs, kernel, kernel) if kernel else (outputs, inputs)
        return values.reshape(shape).astype(np.int8)

    def keep_one_per_block(self, values: np.ndarray, columns: np.ndarray) -> None:
        """Prune ``values`` (O, rows) in place; ``columns``: its output channels in the order of
        the accumulators, -1 for padding.
        """
        size = max(1, round(1 / self.density))
        for lane in range(self.lanes):
            mine = columns[lane :: self.lanes]
            for first in range(0, len(mine), size):
                block = mine[first : first + size]
                block = block[block >= 0]
                if len(block):
                    kept = self.rng.integers(len(block), size=values.shape[1])
                    values[block] *= np.arange(len(block))[:, None] == kept

    def rates(self, channels: int, scale: float = 1.0) -> np.ndarray:
        return self.rng.uniform(0.05, 0.2, channels) * scale

    def attention_scale(self) -> float:
        """Few and narrow tokens need more spikes to reach the fixed threshold of the attention.

        Its counts are about tokens * width * rate**3.
        """
        rate = (self.counts / (self.config.tokens * self.config.head_dim)) ** (1 / 3)
        return min(max(rate, 0.1), 0.7) / 0.125

    def quantile(self, current, rates) -> np.ndarray:
        """Per channel the value that the share ``rates`` of currents reaches."""
        flat = current.reshape(-1, current.shape[-1])
        return np.array([np.quantile(flat[:, c], max(1 - r, 0.0)) for c, r in enumerate(rates)])

    def spike(self, weight, x, size=None, scale: float = 1.0):
        """(layer, currents) of a layer that feeds a LIF."""
        bias = self.rng.integers(-200, 200, len(weight))
        layer = SpikeLayer(weight, bias, np.zeros(len(weight)))
        current = apply(layer, x, size)
        theta2 = np.floor(self.quantile(current, self.rates(len(weight), scale))) + 1
        layer.theta2 = np.maximum(theta2, 1).astype(np.int64)
        return layer, current

    def residual(self, weight, x, residual, size=None, shift: int = 0):
        """(layer, stream) of a layer that adds to the residual stream.

        Its bias moves the stream so far that the wanted share of it reaches the threshold.
        """
        layer = ResidualLayer(weight, np.zeros(len(weight), np.int64), shift)
        added = residual + (apply(layer, x, size) << shift)
        wanted = self.config.residual_theta2 - self.quantile(added, self.rates(len(weight)))
        layer.bias = np.floor(wanted).astype(np.int64) >> shift
        return layer, added + (layer.bias << shift)


class _DynamicCalibrator(_Calibrator):
    """Thresholds with which the neurons, with their memory, fire at the wanted rates.

    Biases centre the currents, so that there is such a threshold for every channel.
    """

    def spike(self, weight, x, size=None, scale: float = 1.0):
        layer, current = super().spike(weight, x, size)
        centre = np.rint(current.mean((0, 1, 2))).astype(np.int64)
        layer.bias, current = layer.bias - centre, current - centre
        rates = self.rates(len(weight), scale)
        steps = max(self.config.timesteps, current.shape[1])
        inputs = np.repeat(current, steps // current.shape[1], axis=1)
        high = np.maximum(2 * current.max((0, 1, 2)), 1) + 1  # nothing fires
        layer.theta2 = _least(
            np.ones_like(high), high, lambda theta2: self.rate(inputs, theta2) <= rates
        )
        return layer, current

    def residual(self, weight, x, residual, size=None, shift: int = 0):
        layer, added = super().residual(weight, x, residual, size, shift)
        added = added - (layer.bias << shift)
        rates, theta2 = self.rates(len(weight)), self.config.residual_theta2
        reach = (np.abs(added).max((0, 1, 2)) + theta2 >> shift) + 1
        less = _least(
            -reach, reach, lambda less: self.rate(added - (less << shift), theta2) <= rates
        )
        layer.bias = -less
        return layer, added + (layer.bias << shift)

    @staticmethod
    def rate(current, theta2) -> np.ndarray:
        """Share of 1 in the spikes of every channel."""
        return fire(current, theta2).mean((0, 1, 2))


def _least(low: np.ndarray, high: np.ndarray, enough) -> np.ndarray:
    """Per element the least value in [low, high] for which ``enough`` is true; it is for high."""
    while (low < high).any():
        middle = (low + high) // 2
        found = enough(middle)
        low, high = np.where(found, low, middle + 1), np.where(found, middle, high)
    return low
