# SPDX-License-Identifier: Apache-2.0
"""Networks of the size of the Spikingformer paper (arXiv 2304.11954): Spikingformer-4-384 for
colour images of 32x32 pixels, Spikingformer-8-512 for those of 224x224 (ImageNet).

Untrained. Weights are PE-balanced for 32 lanes at a density of 1/4, one of every four neighbouring
accumulators of a lane, out of 15 values per layer. Thresholds let 5 to 20 % fire in most layers
and under 2 % in front of the second MLP layer, as in the published runs.
"""

import numpy as np

from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import Calibration, random_network

CONFIG = NetworkConfig(
    depth=4, dim=384, heads=12, timesteps=4, in_channels=3, height=32, width=32, classes=10
)
IMAGENET = NetworkConfig(
    depth=8, dim=512, heads=8, timesteps=4, in_channels=3, height=224, width=224, classes=1000,
    pooled_stages=(1, 2, 3, 4),
)  # fmt: skip
LANES = 32
HIDDEN = 0.1  # firing rate of the hidden layer of the MLP over that of the others
COUNTS = 3.0  # mean of Q (K^T V), which fires at 8


def paper_network(seed: int = 1, config: NetworkConfig = CONFIG) -> QuantNetwork:
    """The network; the same for the same ``seed``. ``config``: another size."""
    return random_network(
        config,
        seed,
        "block",
        density=0.25,
        lanes=LANES,
        codebook=15,
        calibration=Calibration(
            images=natural_images(4, seed, config), dynamic=True, hidden=HIDDEN, counts=COUNTS
        ),
    )


def natural_images(count: int, seed: int = 0, config: NetworkConfig = CONFIG) -> np.ndarray:
    """Random images uint8 (count, C, H, W) with the statistics of natural ones.

    Amplitudes fall as 1/f (Field, J. Opt. Soc. Am. A 4, 2379, 1987), the colours share most of
    their structure; mean 128 and standard deviation 50 in every image.
    """
    rng = np.random.default_rng([seed, 384])
    height, width = config.height, config.width
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = 1 / np.maximum(np.hypot(fy, fx), 1 / max(height, width))
    shape = (count, config.in_channels + 1, height, width)
    fields = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * falloff, (height, width))
    images = fields[:, :1] + 0.3 * fields[:, 1:]  # grey and a little colour
    axes = (1, 2, 3)
    images = (images - images.mean(axes, keepdims=True)) / images.std(axes, keepdims=True)
    return np.rint(np.clip(128 + 50 * images, 0, 255)).astype(np.uint8)
