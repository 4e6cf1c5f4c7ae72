# SPDX-License-Identifier: Apache-2.0
"""An event camera that looks at still images while it makes three micro-saccades.

As N-MNIST was recorded (Orchard et al., Frontiers in Neuroscience 9:437, 2015), but computed:
  I(t)   the image, moved by the camera's position p(t), bilinear between pixels, 0 outside
  L(t) = ln((I(t) + dark) / dark) / threshold, I in 0..1
  a pixel remembers the level r of its last event; at every step it sends n = trunc(L - r) events,
  ON for n > 0, OFF for n < 0, and r += n.  At the start r = L: the camera has settled.
Everything is integer: positions in 1/16 pixel, brightness in 1/65280, L in 1/256 through a table.
The events are therefore the same on every machine.
On a closed path every pixel sends as many ON as OFF events.
"""

from __future__ import annotations

import math

import numpy as np

from golden.contract.errors import UserError

GRID = 16  # positions per pixel
_FULL = 255 * GRID * GRID
_UNIT = 256  # L = 1, the distance of two events
_BLOCK = 256  # images at a time: what fits into the second-level cache


def saccades(steps: int, amplitude: float, turn: float = 0.0) -> np.ndarray:
    """Positions int (3 * steps + 1, 2), (down, right) in 1/16 pixel: three moves along a triangle,
    each of `steps` steps, slow at its ends.

    amplitude: base and height of the triangle, pixels.  turn: of the triangle, radians.
    """
    corners = amplitude * np.array([(0.0, 0.0), (1.0, 0.5), (0.0, 1.0), (0.0, 0.0)])
    corners -= corners[:3].mean(0)
    cos, sin = math.cos(turn), math.sin(turn)
    corners = corners @ np.array([(cos, sin), (-sin, cos)])
    progress = (1 - np.cos(np.pi * np.arange(steps) / steps))[:, None] / 2
    moves = [corners[i] + (corners[i + 1] - corners[i]) * progress for i in range(3)]
    return np.rint(GRID * np.concatenate([*moves, corners[3:]])).astype(np.int64)


def frames(
    images: np.ndarray, path: np.ndarray, timesteps: int, threshold: float, dark: float
) -> np.ndarray:
    """Event frames uint8 (n, T, 2, H, W), OFF in channel 0 and ON in channel 1, of images uint8
    (n, H, W).

    path: positions (S + 1, 2) as `saccades` makes them; S is split into T equal times.
    threshold: change of the log brightness that makes an event.  dark: brightness that the pixels
    see in the dark, as a part of 1; it keeps the logarithm of black finite.
    """
    table = _levels(threshold, dark)
    count, height, width = images.shape
    out = np.empty((count, timesteps, 2, height, width), np.uint8)
    for start in range(0, count, _BLOCK):
        block = _block(images[start : start + _BLOCK], path, timesteps, table)
        out[start : start + _BLOCK] = np.minimum(block, 255)
    return out


def _block(images: np.ndarray, path: np.ndarray, timesteps: int, table: np.ndarray) -> np.ndarray:
    count, height, width = images.shape
    reach = int(np.abs(path).max()) // GRID + 1
    padded = np.pad(images.astype(np.uint16), ((0, 0), (reach, reach), (reach, reach)))
    sums = np.zeros((count, timesteps, 2, height, width), np.uint16)
    steps = len(path) - 1
    level = table[_moved(padded, path[0], reach, height, width)]
    for step, position in enumerate(path[1:]):
        change = table[_moved(padded, position, reach, height, width)] - level
        events = (change + ((change >> 15) & (_UNIT - 1))) >> 8  # division that truncates
        level += events << 8
        frame = sums[:, step * timesteps // steps]
        frame[:, 0] += np.maximum(-events, 0).view(np.uint16)
        frame[:, 1] += np.maximum(events, 0).view(np.uint16)
    return sums


def _moved(
    padded: np.ndarray, position: np.ndarray, reach: int, height: int, width: int
) -> np.ndarray:
    """uint16 (n, H, W), brightness in 1/65280 (0xFF00), with the camera at `position`."""
    (top, below), (left, right) = (divmod(int(p) + GRID * reach, GRID) for p in position)
    part = padded[:, top : top + height + 1, left : left + width + 1]
    rows = part[:, :-1] * np.uint16(GRID - below) + part[:, 1:] * np.uint16(below)
    return rows[:, :, :-1] * np.uint16(GRID - right) + rows[:, :, 1:] * np.uint16(right)


def _levels(threshold: float, dark: float) -> np.ndarray:
    """L int16 in 1/256 for every brightness 0..65280."""
    if threshold <= 0 or dark <= 0:
        raise UserError(
            f"the event camera's threshold {threshold} and dark {dark} must be positive"
        )
    levels = _UNIT * np.log((np.arange(_FULL + 1) / _FULL + dark) / dark) / threshold
    if levels[-1] > np.iinfo(np.int16).max:
        raise UserError(
            f"the event camera's threshold {threshold} with dark {dark} makes "
            f"{levels[-1] / _UNIT:.0f} events between black and white, more than 127"
        )
    return np.rint(levels).astype(np.int16)
