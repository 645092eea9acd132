"""The first picture of the readme, drawn from the shipped models' cards: `python -m tests.helpers.story_picture`."""

from __future__ import annotations

from typing import Any

from tests.helpers import ROOT
from xraykit import RESEARCH_ONLY
from xraykit.models import classifier
from xraykit.models.cards import card as cards
from xraykit.models.cards.card import Card
from xraykit.reports.report.picture import Picture
from xraykit.reports.truth import home_and_elsewhere, pictures
from xraykit.truth import places

PICTURE = ROOT / "docs" / "pictures" / "home-and-elsewhere.svg"
MODELS = {  # by name: what the legend calls it
    "mobilenetv2-imagenet": "one collection, pretrained",
    "mobilenetv2-scratch": "one collection, from scratch",
    "mobilenetv2-pooled": "three collections, against their cues",
}
QUESTIONS = {  # what is asked: place, class there; None is accuracy
    "Right on films like those it learned from": (places.HOME, None),
    "Healthy children called healthy": ("kermany", "Normal"),
    "Adults with pneumonia called so": ("darkcovid", "Pneumonia"),
}


def picture() -> Picture:
    """Three models, three questions, each with its 95 % interval."""
    known = {name: cards.read(classifier.find(name)) for name in MODELS}
    rows = [row for name, card in known.items() for row in _rows(MODELS[name], card)]
    title = "Nearly perfect at home, useless elsewhere: one network, trained three ways"
    note = "MobileNetV2; shares with 95% intervals; no film that a model learned from."

    def draw(style: Any) -> Any:
        return pictures.places(rows, list(QUESTIONS), list(MODELS.values()), style=style, alt_text=title)

    return Picture("home-and-elsewhere", title, draw, rows, note)


def _rows(title: str, card: Card) -> list[dict[str, Any]]:
    by_name = {place.name: place for place in (places.home(card), *places.elsewhere(card)) if place is not None}
    rows = []
    for question, (name, label) in QUESTIONS.items():
        place = by_name[name]
        own = next((mine for mine in card.classes if label in (mine, *place.theirs.get(mine, ()))), None)
        rows.append(home_and_elsewhere.row(question, title, place.accuracy if own is None else place.classes[own]))
    return rows


def main() -> None:
    """Draw it where the readme shows it."""
    PICTURE.write_text(picture().svg(RESEARCH_ONLY), "utf-8")


if __name__ == "__main__":
    main()
