"""A tab of the reading room without a browser: its key, and the list as its page would hold it."""

from __future__ import annotations

from typing import Any

from tests.helpers import asgi
from xraykit.ui.review.server import rooms


class Tab:
    """A tab's side: its key, and the list as its page would hold it."""

    def __init__(self, browser: asgi.Browser, session: str = "session") -> None:
        self.browser = browser
        self.key = rooms.create_room(session)
        self.version, self.order, self.rows = 0, [], {}

    def address(self, rest: str) -> str:
        return f"/reading-room/{self.key}/{rest}"

    def get(self, rest: str) -> asgi.Answer:
        return self.browser.get(self.address(rest))

    def post(self, rest: str, data: Any = b"") -> asgi.Answer:
        return self.browser.post(self.address(rest), data)

    def delete(self, rest: str) -> asgi.Answer:
        return self.browser.ask("DELETE", self.address(rest))

    def follow(self) -> None:
        changes = self.get(f"rows?since={self.version}&wait=1").json()
        self.version, self.order = changes["version"], self.order if changes["order"] is None else changes["order"]
        self.rows |= {row["id"]: row for row in changes["rows"]}
        for name in changes["removed"]:
            self.rows.pop(name, None)

    def until_read(self) -> list[dict]:
        """The rows once none is waiting."""
        self.follow()
        while self.get("state").json()["films"]["listing"] or any(r["state"] == "waiting" for r in self.rows.values()):
            self.follow()
        changed = self.get(f"rows?since={self.version}").json()
        if changed["version"] != self.version:
            self.follow()
        return [self.rows[name] for name in self.order]
