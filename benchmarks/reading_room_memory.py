"""Claim: memory stays flat while a folder grows from 1,000 films to 10,000: of the web process and of the service.

The room runs in this process, as it does in the web process; the service and its decoders are processes of their own.
Films are one film whose files differ in a text that no reader looks at, so that each is decoded, classified and kept.
"""

from __future__ import annotations

import gc
import io
import struct
import sys
import tempfile
import threading
import zlib
from pathlib import Path

import psutil

from benchmarks import claims, models

SIZES = (1_000, 10_000)
GROWTH = 6.0  # KiB of the web process for each film
SERVICE = 24.0  # MB more of the service at 10,000 films than at 1,000: what it remembers of films has a limit


def main() -> None:
    from xraykit.models.service import client as service
    from xraykit.reading.worklist import sources
    from xraykit.reading.worklist.room import Room

    with tempfile.TemporaryDirectory() as work:
        weights = models.model_folder(Path(work)) if len(sys.argv) < 2 else Path(sys.argv[1])
        folders = [make_films(Path(work) / str(count), count, turn * 10**6) for turn, count in enumerate(SIZES)]
        client = service.start(weights.parent)
        cards = [card for card in client.models()[0] if card.name == weights.name]
        used = []
        for folder in folders:
            done = threading.Event()
            room = Room(lambda: client)
            room.set_models(cards, [])
            room.prepare()
            before = _megabytes(psutil.Process())
            room.open(sources.look_at(str(folder)))
            while room.listing or (counts := room.list.counts()).waiting:
                done.wait(0.5)
            gc.collect()
            status = client.status()
            inside = psutil.Process(status["pid"])
            used.append((counts.total, _megabytes(psutil.Process()) - before, _megabytes(inside)))
            children = sum(_megabytes(child) for child in inside.children(recursive=True))
            print(
                f"# {counts.total} films, {counts.refused} refused: web process +{used[-1][1]:.1f} MB, service "
                f"{used[-1][2]:.0f} MB, its decoders {children:.0f} MB",
                file=sys.stderr,
            )
            room.close()
        client.close()
    (_, _, service_before), (films, web, service_after) = used
    claims.report("reading-room-web-kib-a-film", web * 1024 / films, GROWTH)
    claims.report("reading-room-service-growth-mb", service_after - service_before, SERVICE)


def make_films(folder: Path, count: int, first: int) -> Path:
    """PNGs of the same film, each with another text in it."""
    from PIL import Image

    from xraykit.films import radiograph
    from xraykit.films.samples import draw

    film = radiograph.read(draw.PNG.read_bytes(), draw.PNG.name)
    Image.fromarray(film.square(299)[..., 0]).save(coded := io.BytesIO(), "PNG")
    head, end = coded.getvalue()[:-12], coded.getvalue()[-12:]
    folder.mkdir()
    for number in range(first, first + count):
        text = b"tEXtnumber\0" + str(number).encode()
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        (folder / f"film-{number:07d}.png").write_bytes(head + chunk + end)
    return folder


def _megabytes(process: psutil.Process) -> float:
    return process.memory_full_info().uss / 2**20


if __name__ == "__main__":
    main()
