"""The film viewer alone on a page: its scripts, films and heatmaps from a small server with the app's own headers."""

from __future__ import annotations

import contextlib
import json
import mimetypes
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from xraykit.films.dicom.message import pieces
from xraykit.films.dicom.softcopy import Orientation, Softcopy, Spacing, Window
from xraykit.ui.server.headers import content_security

SCRIPTS = Path(__file__).parents[2] / "xraykit" / "ui" / "review" / "viewer" / "js"
PAGE = "<!doctype html><html lang='en'><title>Viewer</title><body style='margin:0'><div id='root'></div></body></html>"
# Films and heatmaps by their address; a viewer with them in `window.viewer`
OPEN = """async ({ panes, options, width, height }) => {
  const [{ createViewer }, { parseFilm, parseHeat }] = await Promise.all([import("/viewer.js"), import("/film.js")]);
  const read = async (parse, name) => parse(await (await fetch("/" + name)).arrayBuffer());
  const root = document.getElementById("root");
  Object.assign(root.style, { width: width + "px", height: height + "px" });
  window.viewer?.destroy();
  delete root.dataset.ready;
  window.viewer = createViewer(root, options);
  window.films = {};
  window.contents = async (panes) => Promise.all(panes.map(async ({ film, heats = [], ...rest }) => ({
    ...rest,
    film: film ? (window.films[film] ??= await read(parseFilm, film)) : null,
    heats: await Promise.all(heats.map((name) => read(parseHeat, name))),
  })));
  window.show = async (panes) => { window.viewer.show(await window.contents(panes)); window.viewer.readPixels(0); };
  window.pixels = (pane = 0) => {
    const { data, width, height } = window.viewer.readPixels(pane);
    let text = "";
    for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
    return { width, height, data: btoa(text) };
  };
  await window.show(panes);
}"""


def film_message(id: str, values: np.ndarray, **fields: Any) -> bytes:
    """A film as the viewer reads it: `values` uint8 or uint16 (H, W) or (H, W, 3), `fields` of a Softcopy besides."""
    bits = values.dtype.itemsize * 8
    named = {"spacing": Spacing, "orientation": Orientation}
    fields |= {name: named[name](**fields[name]) for name in named.keys() & fields.keys() if fields[name]}
    whole = (Window("Full range", 0, 2**bits - 1),)
    softcopy = Softcopy(values, **{"windows": whole, "bits": bits, **fields})
    return b"".join(pieces(softcopy, id=id, name=f"{id}.dcm"))


def heat_message(id: str, grid: np.ndarray, box: tuple[int, int, int, int], **header: Any) -> bytes:
    """A heatmap as the viewer reads it: `grid` float32 (rows, columns) in 0..1 over a box of film pixels."""
    rows, columns = grid.shape
    named = {"model": "a", "method": "Grad-CAM", "label": "Pneumonia", "layer": "top", "maximum": 1.0, "words": None}
    shape = {"id": id, "rows": rows, "columns": columns, "box": list(box)}
    return message({**named, **shape, **header}, np.asarray(grid, "<f4").tobytes())


def message(header: dict[str, Any], data: bytes) -> bytes:
    """A header and data in one: 4 bytes of length, JSON padded to a multiple of 4, the data."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + data


@contextlib.contextmanager
def serve(films: dict[str, bytes]) -> Iterator[str]:
    """The address of a server with the viewer's scripts and these films."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.lstrip("/")
            path = (SCRIPTS / name).resolve()
            if name == "":
                self.answer("text/html", PAGE.encode())
            elif name in films:
                self.answer("application/octet-stream", films[name])
            elif path.is_relative_to(SCRIPTS) and path.is_file():
                self.answer(mimetypes.guess_type(name)[0] or "", path.read_bytes())
            else:
                self.send_error(404)

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-security-policy", content_security(PAGE))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        thread = threading.Thread(target=site.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_port}"
        finally:
            site.shutdown()
            thread.join()


def open_viewer(
    page: Any, url: str, panes: list[dict[str, Any]], *, width: int = 800, height: int = 600, **options: Any
) -> None:
    """Show films on a page; `viewer`, `show(panes)` and `pixels(pane)` are there for its scripts afterwards."""
    if page.url.rstrip("/") != url:
        page.goto(url)
    page.evaluate(OPEN, {"panes": panes, "options": options, "width": width, "height": height})


def pixels(page: Any, pane: int = 0) -> np.ndarray:
    """What a pane shows now, uint8 (height, width, 3)."""
    import base64

    read = page.evaluate("pane => pixels(pane)", pane)
    data = np.frombuffer(base64.b64decode(read["data"]), np.uint8)
    return data.reshape(read["height"], read["width"], 4)[..., :3]
