"""What the gate costs a film, against the two milliseconds it may: `python -m benchmarks gate`.

Of the films that come with xraykit (0.9 megapixels, 8 and 12 bits) and of a drawn one of 3000 x 2500 pixels, the small
picture and the verdict together, in processor time; no TensorFlow, no Keras. Each is judged many times, and the median
is taken.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
from PIL import Image

from benchmarks import claims
from xraykit.films import radiograph
from xraykit.films.samples import draw
from xraykit.gate import verdict as gate

MOST = 2e-3  # seconds a film
TIMES = 300


def main() -> None:
    films = [radiograph.read(path.read_bytes(), path.name) for path in draw.FILMS]
    large = np.asarray(Image.fromarray(films[0].pixels).resize((2500, 3000)))
    films.append(radiograph.Radiograph(large, "large.png", "PNG", "0" * 64))
    for film in films:
        gate.judge(film)  # the network is loaded at the first
        spent = statistics.median(_seconds(film) for _ in range(TIMES))
        claims.report(f"gate-{film.source}-milliseconds-of-two", 1000 * spent, 1000 * MOST)
    heavy = sorted({"tensorflow", "keras"} & set(sys.modules))
    claims.report("gate-heavy-modules", len(heavy), 0)


def _seconds(film: radiograph.Radiograph) -> float:
    began = time.process_time()
    gate.judge(film)
    return time.process_time() - began


if __name__ == "__main__":
    main()
