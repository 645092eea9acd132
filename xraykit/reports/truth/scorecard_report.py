"""Scorecards of heatmaps as a section: whether they are better than random maps, and the model's own.

Computes no figure; a model that was not checked is named with the command that does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xraykit.evaluation.stats import Figure
from xraykit.models.cards.card import Card, titles_of
from xraykit.reports.charts.style import Style
from xraykit.reports.report.page import Section
from xraykit.reports.report.picture import Picture
from xraykit.reports.report.table import Column, Table
from xraykit.truth.scorecard import score
from xraykit.truth.scorecard.score import Scorecard

TITLE = "Heatmaps: are they better than chance?"
NOT_CHECKED = "{title}: not checked yet. `python -m xraykit audit --model {name} --data DIR` does it."
NO_HEATMAP = "{title} has no Grad-CAM heatmap, so there is nothing to check."
NOTE = (
    "Area under the insertion curve less that under the deletion curve, of the model probability of the predicted "
    "class, -1 to 1 (Petsiuk et al. 2018). Random maps have the same values and the same smoothness as the heatmap. "
    "95% bootstrap intervals over groups of films."
)
LIKENESS_NOTE = (
    "Rank correlation (Spearman), and intersection over union of the hottest fifths. Shuffled weights and shuffled "
    f"labels: sanity checks of Adebayo et al. 2018; from {score.ALIKE:g} on, the map is not the model's own. Moved and "
    "brightened films: the nearer to 1, the steadier."
)
COMPARED = {
    "random-map": "random maps (chance)",
    "shuffled-network": "the map of the network with shuffled weights",
    "shuffled-labels": "the map of a head that learned shuffled labels",
    "shifted": "the map of the film moved by 2%",
    "brightness": "the map of the film 10% brighter or darker",
}


def sections(cards: Sequence[Card]) -> list[Section]:
    """The models side by side; a model that was not checked, or has no heatmap, in words."""
    titles = titles_of(cards)
    checked = {titles[card.name]: scorecard for card in cards if (scorecard := score.read(card)) is not None}
    words = [
        (NOT_CHECKED if card.feature_layer else NO_HEATMAP).format(name=card.name, title=titles[card.name])
        for card in cards
        if titles[card.name] not in checked
    ]
    for name, scorecard in checked.items():
        words += sentences(name, scorecard)
    parts: list[Picture | Table] = []
    if checked:
        keys = {title: name for name, title in titles.items()}
        parts += [_picture(keys[name], name, scorecard) for name, scorecard in checked.items() if scorecard.curves]
        parts += [_scores(checked), _likeness(checked)]
    return [Section("scorecard", TITLE, tuple(words), tuple(parts), listed=True, wide=True)]


def sentences(name: str, scorecard: Scorecard) -> Iterator[str]:
    """What the figures mean, each by its verdict alone."""
    yield f"{scorecard.method} of {name}: {verdict(scorecard)}."
    network, labels = (scorecard.likeness.get(key) for key in ("shuffled-network", "shuffled-labels"))
    if network is not None and labels is not None:
        figures = f"rank correlation {_text(network.rank)} and {_text(labels.rank)}"
        match scorecard.sanity:
            case "passed":
                yield f"Shuffled weights and shuffled labels give other maps: {figures}."
            case "failed":
                yield (
                    f"Shuffled weights or shuffled labels give much the same map ({figures}): it shows the film rather "
                    "than what the model learned."
                )
            case _:
                yield f"Whether shuffled weights and shuffled labels give other maps cannot be said: {figures}."
    if scorecard.left_out:
        yield f"{scorecard.left_out} films have no positive evidence at this layer, so no heatmap."


def verdict(scorecard: Scorecard) -> str:
    """The badge in words, without a full stop."""
    gain = f"{_text(scorecard.advantage)}, {scorecard.n} films"
    match scorecard.verdict:
        case "better":
            return f"better than a random map by {gain}"
        case "no-better":
            return f"no better than a random map for this model: {gain}"
        case "worse":
            return f"worse than a random map for this model: {gain}"
        case _:
            return f"too few films to say whether it is better than a random map: {scorecard.n}"


def _text(figure: Figure) -> str:
    if figure.value is None:
        return "n/a"
    interval = "" if figure.ends is None else f" [{figure.ends[0]:.2f}, {figure.ends[1]:.2f}]"
    return f"{figure.value:.2f}{interval}"


def _picture(folder: str, name: str, scorecard: Scorecard) -> Picture:
    rows = []
    for key, values in scorecard.curves.items():
        curve, _, rest = key.partition(" of ")
        shares = (step / (len(values) - 1) for step in range(len(values)))
        rows += [
            {"curve": curve, "map": rest or "heatmap", "share": share, "value": value}
            for share, value in zip(shares, values, strict=True)
        ]

    def draw(style: Style) -> object:
        from xraykit.reports.truth import pictures

        return pictures.deletion_and_insertion(rows, name, style=style)

    note = f"Mean of {scorecard.n} films."
    return Picture(f"curves-{folder}", f"Insertion and deletion, {name}", draw, rows, note)


def _scores(checked: dict[str, Scorecard]) -> Table:
    columns = (
        Column("Model"),
        Column("Films", "count"),
        Column("Heatmap", "number", interval=True),
        Column("Random maps", "number", interval=True),
        Column("Heatmap less random maps", "number", interval=True),
        Column("Heatmap less a blob in the middle", "number", interval=True),
        Column("Verdict"),
    )
    rows = tuple(
        (
            name,
            each.n,
            each.score,
            each.random_score,
            each.advantage,
            each.over_middle,
            each.verdict,
        )
        for name, each in checked.items()
    )
    return Table("scorecard", "Insertion less deletion", columns, rows, NOTE)


def _likeness(checked: dict[str, Scorecard]) -> Table:
    columns = [Column("The heatmap and ...")]
    for name in checked:
        columns += [
            Column(f"{name}: rank correlation", "number", interval=True),
            Column(f"{name}: overlap", "number", interval=True),
        ]
    rows = []
    for key, words in COMPARED.items():
        alike = [each.likeness.get(key) for each in checked.values()]
        rows.append(
            (words, *(cell for pair in alike for cell in ((pair.rank, pair.overlap) if pair else (None, None))))
        )
    title = "How alike two heatmaps of a film are"
    return Table("likeness", title, tuple(columns), tuple(rows), LIKENESS_NOTE, rank="appendix")
