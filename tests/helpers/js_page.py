"""Serves the modules of the reading room's components as the app does, under the app's content security policy.

No Streamlit: a page of a few lines, `/xraykit.viewer/viewer.js` and the like beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.helpers import ROOT
from xraykit.ui.server.headers import content_security

COMPONENTS = {
    "xraykit.viewer": ROOT / "xraykit/ui/review/viewer/js",
    "xraykit.room": ROOT / "xraykit/ui/review/room/js",
    "pages": ROOT / "tests/browser/pages",
}
BLANK = "<!doctype html><html lang=en><title>Viewer</title><body style='margin:0;background:#0B0E11'><main></main></body>"
TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".html": "text/html"}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, pages: dict[str, str], *rest) -> None:
        self.pages = pages
        super().__init__(*rest)

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        component, _, name = path.partition("/")
        if path in self.pages:
            return self.answer(self.pages[path].encode(), "text/html")
        if component not in COMPONENTS or ".." in name:
            return self.send_error(404)
        file = COMPONENTS[component] / name
        if not file.is_file():
            return self.send_error(404)
        return self.answer(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", content_security(""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@contextmanager
def serving(**pages: str) -> Iterator[str]:
    """The address of a server of the components and of these pages (HTML by name); a blank page lies at its root."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, {"": BLANK, **pages}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
