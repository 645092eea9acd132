"""What a picture is, before any model speaks: a frontal chest film, upright or not, or no such film.

Judges the small picture of a film (`Radiograph.small`). Knows no model; whoever asks one asks here first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xraykit.films.dicom.facts import LATERAL
from xraykit.films.radiograph import Radiograph
from xraykit.films.refusal import Refusal, refuse
from xraykit.gate import network

Kind = Literal["chest", "turned", "inverted", "lateral", "other"]
State = Literal["passed", "refused", "overridden", "off"]
Switch = Literal["on", "overridden", "off"]
NOT_A_CHEST_FILM, TURNED, INVERTED = "not-a-chest-film", "film-turned", "film-inverted"
CODES = (NOT_A_CHEST_FILM, TURNED, INVERTED)  # of its refusals


@dataclass(frozen=True)
class Verdict:
    """What a picture was taken for.

    Attributes
    ----------
    kind : str
        "chest": a frontal chest film, upright; "turned": one that lies on its side or upside down, perhaps inverted
        too; "inverted": upright, but with black for white; "lateral": its file says so, and it was not judged;
        "other": no chest film.
    turn : int
        0, 90, 180 or 270: by how many degrees clockwise it must be turned to be upright.
    inverted : bool
        Whether black and white are to be changed round.
    score : float
        How far the network takes it for a chest film, however it lies: 0..1. Not a probability of anything.
    """

    kind: Kind
    turn: int = 0
    inverted: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class Asked:
    """How a film is to be taken: as it is, unless a user says otherwise.

    Attributes
    ----------
    gate : str
        "on"; "overridden": read it whatever it is; "off": do not even look.
    turn : int
        Turn it first, by 0, 90, 180 or 270 degrees clockwise.
    inverted : bool
        Change black and white round first.
    """

    gate: Switch = "on"
    turn: int = 0
    inverted: bool = False


AS_IT_IS = Asked()


@dataclass(frozen=True)
class Outcome:
    """What the gate did with a film, stamped on whatever is said of it after.

    Attributes
    ----------
    state : str
        "passed"; "refused": no model of chest films read it; "overridden": it was read although it was to be refused;
        "off": nobody looked.
    asked : Asked
        How it was taken.
    verdict : Verdict or None
        What it was taken for, laid as `asked` says; None where nobody looked.
    """

    state: State
    asked: Asked = AS_IT_IS
    verdict: Verdict | None = None

    @property
    def code(self) -> str:
        """Why it is not read, or was not to be; "" where it may be."""
        return refused.code if self.verdict and (refused := refusal("", self.verdict)) else ""

    @property
    def words(self) -> str:
        """The same for people."""
        return refused.words if self.verdict and (refused := refusal("", self.verdict)) else ""


def is_on() -> bool:
    """Whether films are judged at all: XRAYKIT_GATE=off turns the gate off for this computer, and that is stamped."""
    return os.environ.get("XRAYKIT_GATE", "on") != "off"


def decide(small: np.ndarray, view: str | None, asked: Asked) -> Outcome:
    """What becomes of a film by its small picture, laid as `asked` says."""
    if asked.gate == "off" or not is_on():
        return Outcome("off", asked)
    verdict = judge_small(small, view)
    if refusal("", verdict) is None:
        return Outcome("passed", asked, verdict)
    return Outcome("overridden" if asked.gate == "overridden" else "refused", asked, verdict)


def judge(film: Radiograph) -> Verdict:
    """What a film is taken for."""
    return judge_small(film.small(), film.view)


def judge_small(small: np.ndarray, view: str | None = None) -> Verdict:
    """As `judge`, of a small picture.

    Parameters
    ----------
    small : numpy.ndarray
        uint8 (64, 64) or (64, 64, 3), as `Radiograph.small` gives it.
    view : str, optional
        DICOM (0018,5101) View Position.
    """
    if view in LATERAL:  # `films` warns of them
        return Verdict("lateral")
    limits = network.about()["limits"]
    if small.ndim == 3 and colourfulness(small) > limits["colour"]:
        return Verdict("other", score=0.0)
    kinds, inverted = network.shares(network.luma(small))
    score = float(1 - kinds[network.KINDS.index("other")])
    if score < limits["chest"]:
        return Verdict("other", score=score)
    out = int(np.argmax(kinds[:4]))
    turned = out if kinds[out] / kinds[:4].sum() >= limits["turned"] else 0
    light = inverted >= limits["inverted"]
    kind: Kind = "turned" if turned else "inverted" if light else "chest"
    return Verdict(kind, (360 - 90 * turned) % 360, light, score)


def check(film: Radiograph) -> Refusal | None:
    """Why a film is not to be read by a model of chest films, with the code "not-a-chest-film", "film-turned" or
    "film-inverted"; None where it may be."""
    return refusal(film.source, judge(film))


def refusal(source: str, verdict: Verdict) -> Refusal | None:
    """The refusal that a verdict leads to, of a film by its name; None where it may be read."""
    if verdict.kind in ("chest", "lateral"):
        return None
    if verdict.kind == "other":
        return refuse((source, b""), NOT_A_CHEST_FILM, f"{name_of(verdict)}: the models read frontal chest films only.")
    code = TURNED if verdict.turn else INVERTED
    do = " and ".join([*_turning(verdict.turn), *["change black and white round"] * verdict.inverted])
    return refuse((source, b""), code, f"{name_of(verdict)}. {do[0].upper()}{do[1:]} before it is read.")


def name_of(verdict: Verdict) -> str:
    """What the picture is, in a few words: "Upside down", "Lies on its side (turned 90° clockwise), inverted"."""
    if verdict.kind == "other":
        return "Not a chest film"
    lies = {
        0: "",
        90: "Lies on its side (turned 90° counter-clockwise)",
        180: "Upside down",
        270: "Lies on its side (turned 90° clockwise)",
    }[verdict.turn]
    if not verdict.inverted:
        return lies or ("Lateral film" if verdict.kind == "lateral" else "Frontal chest film")
    return f"{lies}, inverted" if lies else "Inverted: black and white are changed round"


def _turning(turn: int) -> list[str]:
    way = {90: "turn it 90° clockwise", 180: "turn it by 180°", 270: "turn it 90° counter-clockwise"}
    return [way[turn]] if turn else []


def colourfulness(small: np.ndarray) -> float:
    """How much colour a picture uint8 (S, S, 3) has beyond a tint: median distance, in levels of 255, of its colour
    from what its brightness alone would give. A grey film is 0, a film in one tint nearly; a few coloured marks too."""
    pixels = small.reshape(-1, 3).astype(np.float64)
    light = pixels @ np.array([0.299, 0.587, 0.114])
    colour = np.stack([pixels[:, 2] - light, pixels[:, 0] - light], axis=1)  # as Cb and Cr, unscaled
    tint = np.stack([np.ones_like(light), light / 255, (light / 255) ** 2], axis=1)
    rest = colour - tint @ np.linalg.lstsq(tint, colour, rcond=None)[0]
    return float(np.median(np.hypot(*rest.T)))


def to_json(verdict: Verdict) -> dict[str, Any]:
    """As plain data."""
    return {"kind": verdict.kind, "turn": verdict.turn, "inverted": verdict.inverted, "score": round(verdict.score, 4)}
