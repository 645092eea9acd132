"""What happens to pictures on their way to a reader: blurred, cropped, fogged, in coarse pixels, seen in a window.

Each of `CHANGES` takes a picture, uint8 (H, W), and a random generator, and gives another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

DOTS = np.array(  # a dot that grows from its middle, by the order in which its parts turn white, 0..15
    [[12, 5, 6, 13], [4, 0, 1, 7], [11, 3, 2, 8], [15, 10, 9, 14]]
)
Noise = np.random.Generator
How = Callable[[np.ndarray, Noise], np.ndarray]


class Change(NamedTuple):
    """A change, and whether a chest film can be read after it; where it cannot, to refuse the film is right too."""

    make: How
    readable: bool = True


def as_it_is(grey: np.ndarray, noise: Noise) -> np.ndarray:
    """The picture itself."""
    return grey


def blurred(share: float) -> How:
    """By a Gaussian whose spread is that share of the shorter side."""

    def make(grey: np.ndarray, noise: Noise) -> np.ndarray:
        return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(share * min(grey.shape))))

    return make


def moved(share: float) -> How:
    """Along a line of any direction, as long as that share of the shorter side."""

    def make(grey: np.ndarray, noise: Noise) -> np.ndarray:
        angle, length = noise.uniform(0, np.pi), share * min(grey.shape)
        steps = np.linspace(-length / 2, length / 2, max(3, int(2 * length)))
        picture = Image.fromarray(np.pad(grey, edge := int(length) + 1, "edge")).convert("F")
        shifted = [
            picture.transform(
                picture.size,
                Image.Transform.AFFINE,
                (1, 0, step * np.cos(angle), 0, 1, step * np.sin(angle)),
                Image.Resampling.BILINEAR,
            )
            for step in steps
        ]
        return _levels(np.mean([np.asarray(each) for each in shifted], axis=0)[edge:-edge, edge:-edge])

    return make


def cropped(share: float) -> How:
    """To that share of both sides, about the middle."""

    def make(grey: np.ndarray, noise: Noise) -> np.ndarray:
        height, width = grey.shape
        top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
        return grey[top : height - top, left : width - left]

    return make


def faint(share: float) -> How:
    """With that share of its contrast, about middle grey."""
    return lambda grey, noise: _levels(128 + (grey.astype(float) - 128) * share)


def posterised(levels: int) -> How:
    """In so many grey levels."""
    return lambda grey, noise: _levels(np.floor(grey / 256 * levels) * 255 / (levels - 1))


def pixelated(count: int) -> How:
    """In so many coarse pixels a side."""

    def make(grey: np.ndarray, noise: Noise) -> np.ndarray:
        picture = Image.fromarray(grey)
        coarse = picture.resize((count, count), Image.Resampling.BOX)
        return np.asarray(coarse.resize(picture.size, Image.Resampling.NEAREST))

    return make


def fogged(grey: np.ndarray, noise: Noise) -> np.ndarray:
    """Under a light veil, denser to one side, that leaves a third to two thirds of the contrast."""
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = noise.uniform(0, 2 * np.pi)
    veil = noise.uniform(0.4, 0.6) + 0.1 * (np.cos(angle) * x + np.sin(angle) * y)
    return _levels(grey * (1 - veil) + noise.uniform(170, 240) * veil)


def halftone(grey: np.ndarray, noise: Noise) -> np.ndarray:
    """Printed in black dots on white, of four pixels each."""
    height, width = grey.shape
    limits = np.tile((DOTS + 0.5) * 16, (height // 4 + 1, width // 4 + 1))[:height, :width]
    return (255 * (grey > limits)).astype(np.uint8)


def letterboxed(grey: np.ndarray, noise: Noise) -> np.ndarray:
    """Between two black bars, as wide together as the picture itself."""
    height, width = grey.shape
    return np.pad(grey, ((0, 0), (width // 2, width // 2)) if noise.random() < 0.5 else ((height // 2,) * 2, (0, 0)))


def in_a_window(grey: np.ndarray, noise: Noise) -> np.ndarray:
    """On a screen, in the window of a program: a bar with its title above, another with tools beside it."""
    height, width = grey.shape
    bar, side = int(noise.uniform(0.06, 0.14) * height), int(noise.uniform(0.05, 0.25) * width)
    shade, light = (int(level) for level in noise.choice([20, 45, 90, 225, 245], 2))
    screen = Image.new("L", (width + side, height + bar), shade)
    pen = ImageDraw.Draw(screen)
    pen.rectangle((0, 0, width + side, bar), light)
    pen.text((3, 1), "chest_pa.png - Viewer", 255 - light)
    for row in range(bar + 6, height, 14):
        pen.rectangle((3, row, max(4, side - 4), row + 8), light)
    screen.paste(Image.fromarray(grey), (side, bar))
    return np.asarray(screen)


def _levels(light: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(light, 0, 255) + 0.5).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "as it is": Change(as_it_is),
    "blurred by 1 % of the side": Change(blurred(0.01)),
    "blurred by 2 %": Change(blurred(0.02)),
    "blurred by 3 %": Change(blurred(0.03)),
    "blurred by 4.5 %": Change(blurred(0.045), readable=False),
    "blurred by 6 %": Change(blurred(0.06), readable=False),
    "blurred by 8 %": Change(blurred(0.08), readable=False),
    "moved by 4 % of the side": Change(moved(0.04)),
    "moved by 10 %": Change(moved(0.10), readable=False),
    "cropped to 80 %": Change(cropped(0.8)),
    "cropped to 70 %": Change(cropped(0.7)),
    "cropped to 60 %": Change(cropped(0.6)),
    "a quarter of the contrast": Change(faint(0.25)),
    "a tenth of the contrast": Change(faint(0.1)),
    "posterised to 8 levels": Change(posterised(8)),
    "posterised to 4 levels": Change(posterised(4)),
    "pixelated to 24 px": Change(pixelated(24), readable=False),
    "pixelated to 16 px": Change(pixelated(16), readable=False),
    "pixelated to 12 px": Change(pixelated(12), readable=False),
    "fogged": Change(fogged),
    "halftone": Change(halftone),
    "letterboxed": Change(letterboxed),
    "in a window": Change(in_a_window),
}
