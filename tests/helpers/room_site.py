"""The reading room in a browser page without Streamlit, service, models or server: the test answers every request."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from tests.helpers import ROOT, fakes
from xraykit.reports.film.heatmap import colormaps
from xraykit.ui.review.room import component
from xraykit.ui.server.headers import content_security

ADDRESS = "http://127.0.0.1:1"  # nobody listens there; what is asked is answered by `Room.handle`
COMPONENTS = "/_stcore/bidi-components/xraykit."
PAGE = "<!doctype html><html lang=en><title>Room</title><body style='margin:0;background:#0B0E11'><main></main></body>"
FOLDER = ROOT / "xraykit/ui/review/room"
CLASSES = ["COVID-19", "Normal", "Viral Pneumonia"]
SIDE = 64  # px of a made-up film
WORDS = "notes.txt is no film: a text file was found. Open the film itself."
SEEN = {
    "model": "alpha",
    "size": 32,
    "channels": 1,
    "steps": [
        {"kind": "file", "name": "File", "words": "DICOM, 64 × 64, 12 bits, grey."},
        {"kind": "crop", "name": "Crop", "words": "None: the film is square. Nothing padded, nothing squeezed."},
    ],
    "remembered": {"train": 2250, "validation": 300, "test": 450},
    "known": {"split": "train", "exact": False, "bits": 3, "words": "Near twin in the model's training set"},
    "near": {
        "labels": ["Normal"] * 8 + ["COVID-19"] * 2,
        "distances": [0.2 + 0.01 * place for place in range(10)],
        "counts": {"Normal": 8, "COVID-19": 2},
        "usual": [0.05, 0.1, 0.15],
        "further": {"value": 0.99, "low": 0.97, "high": 1.0, "n": 450},
        "far": True,
        "words": ["8 of the 10 nearest training films are Normal.", "Further from all training films than 99 %."],
    },
    "words": "",
    "command": "",
}
NOT_REMEMBERED = {
    "model": "beta",
    "remembered": None,
    "known": None,
    "near": None,
    "words": "The films this model learned from are not remembered.",
    "command": "python -m xraykit models remember beta --data radiography",
}
PLACES = [
    {"name": "home", "n": 450, "covered": [0.92, 0.9, 0.95], "verdict": "kept"},
    {"name": "kermany", "n": 1176, "covered": [0.24, 0.21, 0.27], "verdict": "broken"},
]
SETS: dict[str, Any] = {
    "alpha": {"level": 0.9, "least": dict(zip(CLASSES, (0.05, 0.05, 0.5), strict=True)), "places": PLACES},
    "beta": {"level": 0.9, "least": dict.fromkeys(CLASSES, 0.95), "places": PLACES[:1]},
}
KINDS = [{"kind": "pdf", "name": "PDF, A4"}, {"kind": "json", "name": "JSON, every number"}]
WORK: dict[str, Any] = {"what": "films", "state": "running", "stopping": False, "total": 0, "done": 1, "refused": 0}
WORK |= {"eta_seconds": 40.0, "words": "", "name": ""}
MOUNT = """async ([skeleton, style, data]) => {
  const host = document.createElement("div");
  document.querySelector("main").append(host);
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${style}</style>${skeleton}`;
  const { default: mount } = await import("/_stcore/bidi-components/xraykit.room/room.js");
  window.xkMount = changed => mount({ data: { ...data, ...changed }, parentElement: root });
  window.xkMount({});
}"""


def message(header: dict[str, Any], data: bytes) -> bytes:
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 4)
    return struct.pack("<I", len(head)) + head + data


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A film that two models have read: "alpha" predicts the number's class, "beta" so too where it is even."""
    top = {"alpha": number % 3, "beta": number % 3 if number % 2 == 0 else (number + 1) % 3}
    models = {}
    for name, place in top.items():
        shares = [0.1, 0.1, 0.1]
        shares[place] = 0.8
        models[name] = {"top": CLASSES[place], "probabilities": dict(zip(CLASSES, shares, strict=True))}
    return {
        "id": f"f{number}",
        "name": f"film-{number:05d}.dcm",
        "state": "ready",
        "refused": None,
        "format": "DICOM",
        "width": SIDE,
        "height": SIDE,
        "bits": 12,
        "view": "PA",
        "laterality": None,
        "colour": False,
        "warnings": [],
        "notes": [],
        "sha": f"{number:012x}",
        "thumb": False,
        "same_as": None,
        "patient": None,
        "taken": None,
        "gate": None,
        "models": models,
        "disagree": number % 2 == 1,
        "compared": {"alpha|beta": {"correlation": 0.7, "overlap": 0.4}},
        "impression": None,
        "flagged": False,
    } | changes


def refused(number: int, name: str = "notes.txt", words: str = WORDS) -> dict[str, Any]:
    return row(number, name=name, state="refused", refused={"code": "not-a-film", "words": words}, models={})


class Room:
    """What the server would know; every request that the page makes is kept in `asked`."""

    def __init__(self, rows: list[dict[str, Any]], **state: Any) -> None:
        self.rows = {one["id"]: one for one in rows}
        self.version = 1
        self.page: Any = None
        self._asked: list[tuple[str, str]] = []
        self._bodies: list[Any] = []
        self.answers: dict[str, tuple[int, Any]] = {}  # in place of what a path answers
        self.seen: dict[str, Any] = {"alpha": SEEN, "beta": SEEN | NOT_REMEMBERED}  # by model
        self.work: dict[str, Any] | None = None  # on many films
        self.held: list[Any] = []  # questions for changes that are held open
        title = {"alpha": "Model alpha", "beta": "Model beta"}
        point = {"threshold": 0.4, "sensitivity": [0.93, 0.88, 0.96], "specificity": [0.97, 0.95, 0.99], "n": 450}
        models = [
            {
                "name": name,
                "title": title[name],
                "classes": CLASSES,
                "size": 224,
                "heatmaps": True,
                "on": True,
                "trust": {label: point | {"source": "home"} for label in CLASSES},
                "elsewhere": [],
                "sets": SETS[name],
            }
            for name in title
        ]
        self.state = {
            "models": models,
            "broken": [],
            "methods": ["Grad-CAM", "LayerCAM"],
            "colormaps": {name: colormaps.table(name).tolist() for name in colormaps.NAMES},
            "reading": {"keep": False, "title": "", "name": None, "blind": False, "classes": CLASSES},
            "restarted": 0,
        } | state

    def change(self, *rows: dict[str, Any]) -> None:
        """Rows are new or have changed; whoever waits for that is told."""
        self.version += 1
        self.rows |= {one["id"]: one for one in rows}
        self.tell(list(rows))

    def tell(self, rows: list[dict[str, Any]]) -> None:
        held, self.held = self.held, []
        for route in held:
            route.fulfill(json={"version": self.version, "order": list(self.rows), "rows": rows, "removed": []})

    def handle(self, route: Any) -> None:
        """Answer a request of the page: a script, the page itself, or a route of the room."""
        address = urlsplit(route.request.url)
        if address.path.startswith("/reading-room/"):
            self.answer(route, address)
        elif address.path.startswith(COMPONENTS):
            component, _, name = address.path[len(COMPONENTS) :].partition("/")
            script = FOLDER.parent / component / "js" / name
            route.fulfill(body=script.read_bytes(), content_type="text/javascript")
        else:
            policy = {"content-security-policy": content_security("")}
            route.fulfill(body=PAGE, content_type="text/html", headers=policy)

    def answer(self, route: Any, address: Any) -> None:
        request = route.request
        path = address.path.split("/", 3)[3]
        self._asked.append((request.method, path))
        kind, _, name = path.partition("/")
        if path in self.answers:
            status, body = self.answers[path]
            route.fulfill(status=status, json=body)
        elif kind == "report":
            self.report(route, request, name)
        elif request.method != "GET":
            self.write(route, kind, name)
        elif kind == "state":
            route.fulfill(json=self.whole_state())
        elif kind == "rows" and int(parse_qs(address.query)["since"][0]) >= self.version:
            self.held.append(route)
        elif kind == "rows":
            answer = {
                "version": self.version,
                "order": list(self.rows),
                "rows": list(self.rows.values()),
                "removed": [],
            }
            route.fulfill(json=answer)
        elif kind == "film":
            route.fulfill(body=self.film(name), content_type="application/octet-stream")
        elif kind == "input":
            route.fulfill(body=fakes.film_png(height=32, width=32), content_type="image/png")
        elif kind == "seen":
            route.fulfill(json=self.seen[parse_qs(address.query)["model"][0]])
        elif kind == "heat":
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            route.fulfill(body=heat(name, **query), content_type="application/octet-stream")
        else:
            route.fulfill(json={"session": self.state["reading"], "kept": []})

    def report(self, route: Any, request: Any, name: str) -> None:
        """Two pages, two formats; the work goes as far as `work` says."""
        body: dict[str, Any] = request.post_data_json if request.method == "POST" else {}
        if body:
            self._bodies.append(("report", name, body))
        if name == "file":
            named = {"content-disposition": f'attachment; filename="film-abc.{body["kind"]}"'}
            route.fulfill(body=b"a report", headers=named)
        elif name == "work":
            if body:
                self.work = WORK | {
                    "what": "sheet" if body["what"] == "sheet" else "films",
                    "total": len(body["films"]),
                }
            elif request.method == "DELETE" and self.work:
                self.work |= {"state": "stopped", "eta_seconds": None, "name": "film-reports.zip"}
            route.fulfill(json=self.work)
        else:
            page = base64.b64encode(fakes.film_png(height=64, width=45)).decode()
            route.fulfill(json={"title": "Film abc", "pages": [page] * 2, "kinds": KINDS, "appendix": True})

    def write(self, route: Any, kind: str, name: str) -> None:
        body = route.request.post_data_json if kind not in ("films",) and route.request.post_data else None
        self._bodies.append((kind, name, body))
        if kind == "impression":
            impression = body | {"session": self.state["reading"].get("session")}
            self.rows[name] = self.rows[name] | {"impression": impression, "flagged": body["flagged"]}
            self.version += 1
            route.fulfill(json={"impression": body})
            self.tell([self.rows[name]])
            return
        if kind == "reading":
            self.state["reading"] = self.state["reading"] | (body or {})
        route.fulfill(json=self.state["reading"] if kind == "reading" else {})

    def whole_state(self) -> dict[str, Any]:
        states = [one["state"] for one in self.rows.values()]
        waiting = states.count("waiting")
        films = {"total": len(states), "done": len(states) - waiting, "refused": states.count("refused")}
        films |= {"waiting": waiting, "eta_seconds": 40.0 if waiting else None, "listing": False, "more": False}
        return self.state | {"version": self.version, "films": films}

    def film(self, name: str) -> bytes:
        """A ramp, brighter with the film's number."""
        known = self.rows[name]
        values = np.tile(np.arange(SIDE, dtype="<u2") * 32 + int(name[1:]) % 64, (SIDE, 1))
        window = {"name": "Lung", "low": 0, "high": 2047, "function": "linear", "table": None}
        header = {"id": name, "name": known["name"], "width": SIDE, "height": SIDE, "channels": 1, "bits": 12}
        header |= {"dtype": "uint16", "slope": 1, "intercept": 0, "units": None, "inverted": False, "view": "PA"}
        header |= {"windows": [window], "spacing": None, "orientation": None, "laterality": None}
        return message(header, values.tobytes())

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Method and path of every request until now."""
        return self._until_now(self._asked)

    @property
    def bodies(self) -> list[Any]:
        """Kind, film and body of every request that had one."""
        return self._until_now(self._bodies)

    def _until_now(self, kept: list[Any]) -> list[Any]:
        if self.page is not None:
            self.page.evaluate("1")  # routes are answered only while Playwright is asked something
        return list(kept)

    def open(self, page: Any, key: str = "k" * 32) -> None:
        """Mount the room on a page; returns once it stands with all its films: before, no key finds one."""
        self.page = page
        page.route(f"{ADDRESS}/**", self.handle)
        page.goto(ADDRESS)
        texts = [(FOLDER / "skeleton.html").read_text("utf-8"), component.style()]
        page.evaluate(MOUNT, [*texts, {"key": key, "model": None}])
        page.locator(f".room[data-state=open][data-films='{len(self.rows)}']").wait_for()


def heat(name: str, model: str, method: str, label: str) -> bytes:
    grid = np.zeros((7, 7), "<f4")
    grid[2 if model == "alpha" else 4, 3] = 1
    header = {"id": name, "model": model, "method": method, "label": label, "layer": "out_relu", "rows": 7}
    header |= {"columns": 7, "maximum": 1.0, "box": [0, 0, SIDE, SIDE], "words": None}
    return message(header, grid.tobytes())
