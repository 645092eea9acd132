"""Card page: what a kept model's card says, in sections a person can read (`cardprint` draws them).

Opens no file, no network and no page. What the card does not say is "not reported".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from xraykit.models.card import Card
from xraykit.training.recipe import sentences as recipewords

UNKNOWN = "not reported"
INTENDED = (
    "To show, teach and study how such a network reads chest films, and where it looks.",
    "To be compared with other models on the same films.",
)
NOT_FOR = (
    "Any decision about a person: no examination, screening, triage, treatment or second reading.",
    "Findings other than its classes, other body parts, lateral films: it gives each of them one of its classes.",
    "Films of another hospital, machine or age group without a test on such films first.",
)
HASHED = "xraykit hashes them again before it loads the model, and refuses it where one differs."
NEVER_SAID = ("Age and sex", "View (PA, AP)", "Hospital and machine", "Who made the reference standard", "Licence")


class Share(NamedTuple):
    """A figure with its 95 % interval, in [0, 1]; `value` None where no film could tell. Areas are no percentages."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    percent: bool = True

    @property
    def words(self) -> str:
        return UNKNOWN if self.value is None else f"{self.value:.1%}" if self.percent else f"{self.value:.4f}"

    @property
    def interval(self) -> str:
        if self.low is None or self.high is None:
            return "" if self.value is None else "no interval"
        return f"{self.low:.1%} to {self.high:.1%}" if self.percent else f"{self.low:.4f} to {self.high:.4f}"


class Facts(NamedTuple):
    rows: tuple[tuple[str, str], ...]


class Words(NamedTuple):
    sentences: tuple[str, ...]


class Table(NamedTuple):
    """Rows of text, numbers or shares; the first column heads the row. `shade` colours counts by their row's share."""

    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    shade: bool = False


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `wide` ones hold tables and stand together."""

    title: str
    blocks: tuple[Facts | Words | Table, ...]
    wide: bool = False


def describe(card: Card) -> tuple[Section, ...]:
    """The card as sections, in reading order."""
    test, validation = (card.metrics.get(part) or {} for part in ("test", "validation"))
    return (
        Section("Intended use", (Words(INTENDED),)),
        Section("Not for", (Words(NOT_FOR),)),
        Section("Known failures and limits", (Words((*_failures(card, test), *card.limits)),)),
        Section("Data", tuple(_data(card.data))),
        Section("Recipe", (Words(tuple(recipewords.sentences(card.recipe))),)),
        Section("Figures with 95 % intervals", tuple(_figures(test, validation)), wide=True),
        *_published(card.metrics.get("published") or (), test),
        Section("Each class against the rest, test split", tuple(_classes(test)), wide=True),
        *_operating(card.metrics.get("operating_points") or ()),
        Section("Where test films went", tuple(_confusion(card, test)), wide=True),
        Section("Calibration", tuple(_calibration(card, test, validation)), wide=True),
        Section("Checked against its network", (Words((_agreement(card.metrics),)),), wide=True),
        Section("Network and software", (Facts(tuple(_network(card))),), wide=True),
        Section("Files and their SHA-256", (Facts(tuple(card.files.items())), Words((HASHED,))), wide=True),
    )


def headline(card: Card) -> tuple[tuple[str, str, str], ...]:
    """The few figures above all others: (name, value, what it rests on)."""
    test = card.metrics.get("test") or {}
    accuracy = _share(test.get("accuracy"))
    error = ((test.get("calibration") or {}).get("after") or {}).get("ece")
    n = f"{test['n']} test films" if "n" in test else UNKNOWN
    return (
        ("Test accuracy", accuracy.words, f"{accuracy.interval}, {n}" if accuracy.interval else n),
        ("Macro AUROC", _number(test.get("macro_auroc")), "mean over the classes, each against the rest"),
        ("Cohen's kappa", _number(test.get("kappa")), "agreement beyond chance"),
        ("Calibration error", _number(error), "expected, after temperature"),
        ("Parameters", f"{card.parameters:,}" if card.parameters else UNKNOWN, recipewords.backbone(card.recipe)),
    )


def byline(card: Card) -> str:
    """What the model is, in a line."""
    classes = f"{', '.join(card.classes[:-1])} or {card.classes[-1]}"
    return f"{card.name}: gives a chest film to {classes}. Kept {card.created[:16].replace('T', ' ')} UTC."


def _failures(card: Card, test: Mapping[str, Any]) -> Iterator[str]:
    matrix = test.get("confusion")
    if not matrix:
        yield f"What it mistakes on test films: {UNKNOWN}."
        return
    wrong = [
        (count, reference, taken)
        for reference, row in enumerate(matrix)
        for taken, count in enumerate(row)
        if count and reference != taken
    ]
    for count, reference, taken in sorted(wrong, reverse=True):
        films = sum(matrix[reference])
        yield (
            f"On its test split it took {count} of {films} films of {card.classes[reference]} for "
            f"{card.classes[taken]} ({count / films:.1%})."
        )
    if not wrong:
        yield "On its test split it mistook no film; with so few films that is no promise."


def _data(data: Mapping[str, Any]) -> Iterator[Facts | Table]:
    counts: Mapping[str, Mapping[str, int]] = data.get("counts") or {}
    if counts:
        yield _counts(counts, data.get("train_used"))
    known = (
        "name",
        "digest",
        "group_rule",
        "groups",
        "counts",
        "split_digests",
        "refused",
        "train_used",
        "shrink",
        "balance",
    )
    yield Facts(
        (
            ("Collection", str(data.get("name", UNKNOWN))),
            ("Kept together in one split", str(data.get("group_rule", UNKNOWN))),
            ("Groups", str(data.get("groups", UNKNOWN))),
            ("Refused files", str(data.get("refused", UNKNOWN))),
            ("Training films used", _used(data)),
            *((name, UNKNOWN) for name in NEVER_SAID),
            *((name, str(value)) for name, value in data.items() if name not in known),
            ("SHA-256 of films and labels", str(data.get("digest", UNKNOWN))),
        )
    )


def _counts(counts: Mapping[str, Mapping[str, int]], used: Mapping[str, int] | None) -> Table:
    """Films a class and part; where a recipe left training films out, a last column says how many it learned from."""
    classes = list(dict.fromkeys(name for part in counts.values() for name in part))
    rows = [(name, *(part.get(name, 0) for part in counts.values())) for name in classes]
    rows.append(("All", *(sum(part.values()) for part in counts.values())))
    totals = [(*row, sum(row[1:])) for row in rows]
    if used is None or dict(used) == dict(counts.get("train", {})):
        return Table(("Films", *counts, "all"), tuple(totals))
    learned = [*(used.get(name, 0) for name in classes), sum(used.values())]
    told = tuple((*row, count) for row, count in zip(totals, learned, strict=True))
    return Table(("Films", *counts, "all", "learned from"), told)


def _used(data: Mapping[str, Any]) -> str:
    shrink, balance = data.get("shrink", 1.0), data.get("balance", "none")
    words = "all" if shrink == 1 else f"a part, {shrink:.3g}, whole groups at a time"
    return words + {
        "undersample": ", then as many of each class as of the smallest",
        "weights": ", rare classes weighted more",
    }.get(str(balance), "")


def _figures(test: Mapping[str, Any], validation: Mapping[str, Any]) -> Iterator[Table | Words]:
    if not test:
        yield Words((f"Figures on a test split: {UNKNOWN}.",))
        return
    names = {
        "balanced_accuracy": "Balanced accuracy",
        "macro_f1": "Macro F1",
        "kappa": "Cohen's kappa",
        "macro_auroc": "Macro AUROC",
    }
    rows: list[tuple[Any, ...]] = [("Accuracy", _share(test.get("accuracy")), _share(validation.get("accuracy")))]
    rows += [(name, _number(test.get(key)), _number(validation.get(key))) for key, name in names.items()]
    yield Table(("", f"test, n {test.get('n', UNKNOWN)}", f"validation, n {validation.get('n', UNKNOWN)}"), tuple(rows))
    yield Words(
        ("Intervals are Wilson's; of areas DeLong's. No test film trained it, chose its epoch or calibrated it.",)
    )


def _published(figures: Sequence[Mapping[str, Any]], test: Mapping[str, Any]) -> Iterator[Section]:
    """Our test accuracy with its interval above what others published on these films; nothing where nobody did."""
    if not figures:
        return
    ours = _share(test.get("accuracy"))
    rows = [("This model", "accuracy", ours, f"{ours.n} test films, its own split")]
    rows += [
        (str(of.get("study")), str(of.get("measure")), f"{of.get('value', 0):.2%}", str(of.get("source")))
        for of in figures
    ]
    words = [f"{of.get('study')}: {of.get('words')}{_verdict(ours, of)}" for of in figures]
    words.append("Other films and another split than theirs: side by side, not a test.")
    table = Table(("On this collection", "Figure", "Value", "Source"), tuple(rows))
    yield Section("Beside published figures", (table, Words(tuple(words))), wide=True)


def _verdict(ours: Share, of: Mapping[str, Any]) -> str:
    theirs = of.get("value")
    if of.get("measure") != "accuracy" or theirs is None or ours.low is None or ours.high is None:
        return ""
    side = "lies above" if ours.low > theirs else "lies below" if ours.high < theirs else "holds"
    return f" This model's interval, {ours.interval}, {side} that {theirs:.2%}."


def _classes(test: Mapping[str, Any]) -> Iterator[Table | Words]:
    classes: Mapping[str, Mapping[str, Any]] = test.get("classes") or {}
    if not classes:
        yield Words((f"Figures by class: {UNKNOWN}.",))
        return
    shares = ("sensitivity", "specificity", "ppv", "npv")
    rows = (
        (
            name,
            found.get("support", UNKNOWN),
            *(_share(found.get(key)) for key in shares),
            _number(found.get("f1")),
            _area(found),
        )
        for name, found in classes.items()
    )
    yield Table(("Class", "n", "Sensitivity", "Specificity", "PPV", "NPV", "F1", "AUROC"), tuple(rows))
    yield Words(
        ("PPV and NPV hold for the shares of the classes in this test split; where a class is rarer, PPV is lower.",)
    )


def _operating(points: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    """Thresholds chosen on validation beside what they give on test; nothing on cards from before there were any."""
    if not points:
        return
    rows = []
    for point in points:
        test, threshold = point.get("test") or {}, point.get("threshold")
        shares = (_share(test.get(key)) for key in ("sensitivity", "specificity", "ppv"))
        rows.append((str(point.get("label")), UNKNOWN if threshold is None else f"{threshold:.3f}", *shares))
    words = [str(point["words"]) for point in points if point.get("words")]
    words.append(
        "Chosen on the validation films for a sensitivity of 95 %, applied once to the test films. A film is "
        "given the class from that probability on; the page Compare chooses others."
    )
    table = Table(("Class", "From probability", "Sensitivity, test", "Specificity, test", "PPV, test"), tuple(rows))
    yield Section("Operating points", (table, Words(tuple(words))), wide=True)


def _confusion(card: Card, test: Mapping[str, Any]) -> Iterator[Table | Words]:
    matrix = test.get("confusion")
    if not matrix:
        yield Words((f"Confusion matrix: {UNKNOWN}.",))
        return
    rows = ((name, *row) for name, row in zip(card.classes, matrix, strict=False))
    yield Table(("Reference standard \\ predicted", *card.classes), tuple(rows), shade=True)


def _calibration(card: Card, test: Mapping[str, Any], validation: Mapping[str, Any]) -> Iterator[Table | Words]:
    parts = {name: found.get("calibration") or {} for name, found in (("test", test), ("validation", validation))}
    if any(parts.values()):
        names = {"ece": "Expected calibration error", "brier": "Brier score", "log_loss": "Log loss"}
        columns = [(part, when) for part in parts for when in ("before", "after")]
        rows = (
            (name, *(_number((parts[part].get(when) or {}).get(key)) for part, when in columns))
            for key, name in names.items()
        )
        yield Table(("Lower is better", *(f"{part}, {when}" for part, when in columns)), tuple(rows))
    else:
        yield Words((f"Calibration: {UNKNOWN}.",))
    side = "too bold" if card.temperature > 1 else "too cautious" if card.temperature < 1 else "left as they were"
    yield Words(
        (
            f"Temperature {card.temperature:.3f}, fitted on validation films alone: before it, model probabilities "
            f"were {side}. It changes no predicted class.",
        )
    )


def _agreement(metrics: Mapping[str, Any]) -> str:
    found = metrics.get("agreement_with_keras") or {}
    if "largest_difference" not in found:
        return f"Agreement of the reading files with the Keras network: {UNKNOWN}."
    return (
        f"Pages read films with features.tflite and head.npz, converted from model.keras. On {found.get('films', '?')} "
        f"validation and test films the largest difference of any model probability from the network's own was "
        f"{found['largest_difference']:.1e}; up to 1e-4 was allowed."
    )


def _network(card: Card) -> Iterator[tuple[str, str]]:
    yield "Input", f"{card.image_size} x {card.image_size} pixels, {'grey' if card.channels == 1 else 'colour'}"
    yield "Heatmap layer", card.feature_layer
    speed = card.metrics.get("milliseconds_a_film")
    yield "Milliseconds a film", UNKNOWN if speed is None else f"{speed:.1f}, on the machine that kept it"
    yield from ((name, str(value)) for name, value in card.software.items())
    if not card.software:
        yield "Software", UNKNOWN


def _share(found: Mapping[str, Any] | None, percent: bool = True) -> Share:
    found = found or {}
    return Share(found.get("value"), found.get("low"), found.get("high"), found.get("n", 0), percent)


def _area(found: Mapping[str, Any]) -> Share | str:
    area = found.get("auroc_delong")
    return _share(area, percent=False) if area else _number(found.get("auroc"))


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"
