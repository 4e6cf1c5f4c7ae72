# SPDX-License-Identifier: Apache-2.0
"""PNG and JPEG files as arrays, and the rules by which an image is brought to a size.

* 1 channel from colour: luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); 3 from grey: three times.
* A transparent pixel lies on black.  A camera's note of rotation (EXIF) is followed.
* To another size: the whole image, bilinear; shrinking weighs all pixels that a new one covers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from golden.contract.errors import UserError
from golden.contract.unpacking import TooLarge, first_line

MOST_PIXELS = 1 << 25  # a few copies of them are made
SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_STRETCH = 2
_GREY = ("1", "L", "LA")
_COLOUR = ("RGB", "RGBA", "P", "CMYK", "YCbCr", "PA")


def read_image(path: Path) -> np.ndarray:
    """uint8 (1, H, W) or (3, H, W), as the file is; UserError if it is damaged."""
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise TooLarge(f"it has {picture.width}x{picture.height} pixels")
            picture.load()
            picture = ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise UserError(f"the image {path} does not exist") from None
    except Exception as error:  # Pillow's decoders raise what they meet
        raise UserError(
            f"{path} cannot be read as PNG or JPEG ({first_line(error)}); convert it, or remove it"
        ) from None
    return _array(picture, path)


def shape_of(path: Path) -> tuple[int, int, int]:
    """(C, H, W) of a file."""
    return read_image(path).shape


def _array(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode not in _GREY + _COLOUR:
        raise UserError(
            f"{path} has pixels of kind '{picture.mode}', which are not 8 bits wide; save it as "
            "8-bit grey or colour"
        )
    target = "L" if picture.mode in _GREY else "RGB"
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", seen.size, (0, 0, 0, 255)), seen)
    array = np.asarray(picture.convert(target))
    return array[None] if target == "L" else np.ascontiguousarray(array.transpose(2, 0, 1))


def fitted(image: np.ndarray, channels: int, size: tuple[int, ...]) -> np.ndarray:
    """uint8 (C, H, W) as (channels, *size) by the rules above; channels 0, size (): as it is."""
    channels, (height, width) = channels or len(image), tuple(size) or image.shape[1:]
    if image.shape == (channels, height, width):
        return image
    picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    array = np.asarray(picture)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def as_input(path: Path, image: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, str]:
    """An image as a network's input uint8 (C, H, W), and in words what was done to it, '' nothing.

    UserError if its sides had to be stretched against each other by more than MOST_STRETCH.
    """
    if image.shape == shape:
        return image, ""
    stretch = (image.shape[1] * shape[2]) / (image.shape[2] * shape[1])
    if max(stretch, 1 / stretch) > MOST_STRETCH:
        raise UserError(
            f"{path} is {described(image.shape)}, the network takes {described(shape)}: that is "
            "another shape, cut the image to it first"
        )
    return fitted(image, shape[0], shape[1:]), f"{described(image.shape)} -> {described(shape)}"


def described(shape: tuple[int, ...]) -> str:
    """'28x28 grey' of (1, 28, 28)."""
    return f"{shape[1]}x{shape[2]} {'grey' if shape[0] == 1 else 'colour'}"
