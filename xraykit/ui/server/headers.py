"""The headers of every response: nothing from elsewhere, no framing, no referrers, no script but Streamlit's own."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from streamlit import file_util

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security(page: str) -> str:
    """The policy for this HTML page: its inline scripts are named by their hashes, so that no other runs."""
    digests = [hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(page)]
    scripts = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return "; ".join(
        [
            "default-src 'self'",
            " ".join(["script-src 'self' 'wasm-unsafe-eval'", *scripts]),  # its protobuf counts 64 bits in WebAssembly
            "style-src 'self' 'unsafe-inline'",  # Streamlit's components write their styles into the page
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self' data:",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
        ]
    )


class SecureHeaders:
    """ASGI middleware: puts the headers on every response, and keeps films out of the browser's cache on disk."""

    def __init__(self, app: Any) -> None:
        self.app = app
        policy = content_security((Path(file_util.get_static_dir()) / "index.html").read_text("utf-8"))
        self.headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                private = [(b"cache-control", b"no-store")] if "/media/" in scope["path"] else []
                message["headers"] = [*message.get("headers", []), *self.headers, *private]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
