"""What is said of a folder's films, and from when on: every limit with its reason, every finding with its words.

Counts nothing: takes figures and gives sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xraykit.datasets.layout import counted
from xraykit.evaluation.stats import number_text
from xraykit.films.refusal import Refusal, reasons
from xraykit.system import text
from xraykit.truth.data_audit.record import (
    NAMED,
    OTHER,
    OTHER_COLUMN,
    Across,
    Association,
    Finding,
    Known,
    Probe,
    Severity,
    Shared,
)

# Of the films of validation or of test. One in a hundred, all of them right, lifts an accuracy by less than a point:
# less than the 95 % interval of the few hundred films that a test split has
LEAKED = 0.01
# Beyond halfway between chance and perfect more of the class lies in what holds no lung than is left for the lungs;
# `Probe.halfway` for all classes together. One class against the rest has its chance at 0.5. With a few
# dozen films chance alone may reach that: the interval must begin a fifth of the way from chance to perfect, too
ONE_CLASS, SURE = 0.75, 0.2
# Cramer's V from which two things are said to go together closely (Cohen 1988 calls 0.3 medium, 0.5 large), and the
# least that the lower end of its interval must be. A bootstrap never draws a value of 0, and few films with many values
# always seem close: chance alone must give as much in fewer than one audit in a hundred
CLOSE, CLOSE_SURE, BY_CHANCE = 0.3, 0.1, 0.01
MANY = 0.01  # share of films with copies from which that is a warning
NO_LUNG = ("header", "original", "source", "border", "corners")  # probes that see none; the others see it coarsely
TELLS = {
    "header": "What the file says of itself, and not one pixel,",
    "original": "What the files and the manifest say of the original file, and not one pixel,",
    "source": "Where a film comes from, and not one pixel,",
    "border": "The outer 5% of the film, where no lung is,",
    "corners": "The four corners of the film, where markers are written,",
    "thumbnail": "The film as 8 x 8 grey squares",
    "histogram": "How many pixels have which brightness, wherever they are,",
}
MEND = {
    "header": "Save all films in one size and format, from one kind of source, before anything learns from them.",
    "original": "Take films of every class from the same sources. Saving them anew hides it from this audit, not from "
    "a network. A number in a file's name no network sees: it says that the classes were collected apart.",
    "source": "Take films of every class from the same sources, or weigh each class within each source alike.",
    "border": "Crop all films alike, or train with borders taken out.",
    "corners": "Crop or blacken the corners of all films alike.",
    "thumbnail": "Look at the brightness and the framing of each class; compare on films from elsewhere.",
    "histogram": "Look at how the films of each class were exposed and exported; compare on films from elsewhere.",
}


def copies(kind: str, pairs: Sequence[str], films: int, total: int) -> Iterator[Finding]:
    """Films that are one picture; `kind` is "identical-files" or "near-", "turned-" or "moved-duplicates"."""
    if not pairs:
        return
    share = films / total
    words = f"{_films(films)} of {total:,} ({text.percent(share)}) "
    if kind == "identical-files":
        title, words = "Identical files", words + "have a file in common with another one, byte for byte."
        advice = "Keep one of each. In a division drawn here they stay together."
    elif kind == "near-duplicates":
        title, words = "Near-duplicates", words + "are nearly the same picture as another one."
        advice = "Look at them. In a division drawn here they stay together."
    elif kind == "turned-duplicates":
        title, words = "Turned duplicates", words + "are another film mirrored, turned by a quarter or inverted."
        advice = "Keep one of each: a division does not know that they are one picture."
    else:
        title = "Cropped or moved duplicates"
        words += (
            "lie on another one once one is cropped, moved, framed or turned by a few degrees: copies, or one person's."
        )
        advice = "Look at them. Give both one patient_id: a division does not know that they belong together."
    severe: Severity = "warn" if share > MANY or kind in ("turned-duplicates", "moved-duplicates") else "info"
    yield _finding(kind, severe, title, words, advice, len(pairs), pairs)


def unread(refused: Sequence[Refusal], films: int) -> Iterator[Finding]:
    """Files that are no part of the audit: those that cannot be read, or were gone when it was their turn."""
    if refused:
        by_code = ", ".join(f"{reason.count:,} {reason.code}" for reason in reasons(refused))
        words = (
            f"{_films(len(refused))} of {films + len(refused):,} could not be read: {by_code}. Nothing here is of them."
        )
        advice = "Mend or remove them, and audit again: they may tell a class too."
        named = [f"{refusal.source} ({refusal.code}): {refusal.words}" for refusal in refused]
        yield _finding("refused-films", "info", "Films that could not be read", words, advice, len(refused), named)


def two_classes(code: str, named: Sequence[str]) -> Iterator[Finding]:
    """The same picture, or the same patient, in two classes."""
    if not named:
        return
    if code == "twins-in-two-classes":
        words = f"{counted(len(named), 'pair')} of films are one picture, or nearly, with two labels."
        advice = "Look at them. Unless a person's finding changed between two films, one of the labels is wrong."
        yield _finding(code, "warn", "One picture, two labels", words, advice, len(named), named)
        return
    words = f"{counted(len(named), 'patient')} {'has' if len(named) == 1 else 'have'} films in more than one class."
    advice = "Split by patient. Where the class changed between two films it may be right; check the labels."
    yield _finding(code, "warn", "Patients in two classes", words, advice, len(named), named)


def spellings(n: int, named: Sequence[str]) -> Iterator[Finding]:
    """Patients whose number is written in several ways."""
    if n:
        words = (
            f"{counted(n, 'patient number')} {'is' if n == 1 else 'are'} written in more than one way (capitals, "
            "marks, zeros before, a word such as patient): these films may be of one patient and are taken for several."
        )
        yield _finding(
            "patient-spelling", "warn", "Patient numbers spelt differently", words, "Write each in one way.", n, named
        )


def in_several_sources(n: int, named: Sequence[str]) -> Iterator[Finding]:
    """Patients' numbers that films of several sources have."""
    if n:
        words = (
            f"{counted(n, 'patient number')} {'stands' if n == 1 else 'stand'} beside films of several sources. Each "
            "is taken for one person, here and in a division."
        )
        advice = "If every source numbers its own patients, write the source before the number, as a pool does."
        yield _finding("patients-in-several-sources", "warn", "Patients in several sources", words, advice, n, named)


def no_patients(films: int) -> Finding:
    """Nobody can tell whether two films are of one patient."""
    words = (
        f"No patient is known of any of the {films:,} films: two films of one patient may be on both sides of a "
        "division, and nobody can tell."
    )
    return _finding("no-patients", "info", "Patients not known", words, "Add a column patient_id where it is known.")


def across(divided: Across, named: Sequence[str], used: bool) -> Iterator[Finding]:
    """Films of validation with a twin or their patient in training, films of test in training or validation.

    `used`: this division is the one that a fine-tune would take; else it is that of the folder as it lies.
    """
    which = "in the division that would be used" if used else "in the division that the folder comes with"
    for code, counts, has in (
        ("patients", divided.patients, "whose patient is also in a part before it"),
        ("twins", divided.twins, "with a twin in a part before it (the same picture, perhaps turned or cropped)"),
    ):
        if not sum(counts.values()):
            continue
        shares = {part: counts[part] / divided.films[part] for part in counts if divided.films.get(part)}
        severe = max(shares.values()) > LEAKED
        listed = " and ".join(
            f"{counts[part]:,} of {divided.films[part]:,} {part} films ({text.percent(shares[part])})"
            for part in shares
            if counts[part]
        )
        advice = "Divide by patient and picture: a division drawn here keeps what is known together. "
        advice += (
            "Correct the patients' numbers, and leave copies out." if used else "Figures on these parts are too good."
        )
        yield _finding(
            f"{code}-across-{'parts' if used else 'given-parts'}",
            "leak" if severe else "warn",
            f"{'Patients' if code == 'patients' else 'Copies'} on both sides of the division",
            f"{listed[:1].upper()}{listed[1:]} {has} (training; for test also validation), {which}.",
            advice,
            sum(counts.values()),
            named,
            stops=severe and used,
        )


def shared(other: Shared, named: Sequence[str], films: int) -> Iterator[Finding]:
    """Films that another dataset has too."""
    if n := other.identical + other.near:
        contrary = f"; {other.other_class:,} of them have another class there" if other.other_class else ""
        words = (
            f"{_films(n)} of {films:,} are the same picture as one of {other.name} "
            f"({other.identical:,} as the same file){contrary}."
        )
        advice = (
            f"Never train on one and test on the other with these films in both. Pool this folder with {other.name}: "
        )
        yield _finding(
            "shared-films", "warn", f"Films shared with {other.name}", words, advice + "they stay together.", n, named
        )


def probed(probe: Probe, beside: Sequence[Known], classes: int) -> Iterator[Finding]:
    """What a probe reached, where that is more than chance."""
    figure = probe.balanced_accuracy
    if probe.why_not or figure.value is None or figure.low is None or figure.low <= probe.chance:
        return
    telling = [
        label
        for label, share in probe.against_rest.items()
        if (share.value or 0) > ONE_CLASS and _is_sure(share.low, 0.5)
    ]
    far = figure.value > probe.halfway and _is_sure(figure.low, probe.chance) or bool(telling)
    severity: Severity = "info" if not far else "leak" if probe.key in NO_LUNG else "warn"
    words = (
        f"{TELLS[probe.key]} tells the class with a balanced accuracy of {figure.figure.text()} on {probe.n:,} films "
        f"(chance {_figure(probe.chance)}); accuracy {probe.accuracy.figure.text()} (always the largest class: "
        f"{_figure(probe.majority)})."
    )
    if telling and classes > 2:
        words += " " + " ".join(_against_rest(probe, label) for label in telling)
    if probe.used:
        words += f" It looks at {', '.join(probe.used[:3])}."
    if probe.left_out:
        words += f" Classes of too few patients or pictures are no part of it: {', '.join(probe.left_out)}."
    else:  # a network's figure is of all classes
        words += "".join(f" {sentence}" for sentence in _beside(probe, beside))
    yield _finding(
        f"{probe.key}-alone", severity, probe.title, words, MEND[probe.key] if far else "", stops=severity == "leak"
    )


def associated(association: Association, among: int = 1) -> Iterator[Finding]:
    """Class and something else that go together closely, one of `among` things that were looked at (Bonferroni)."""
    v = association.v
    if v.value is None or v.value < CLOSE or (v.low or 0) < CLOSE_SURE or association.by_chance > BY_CHANCE / among:
        return
    alone = {
        value: next(label for label, n in counts.items() if n)
        for value, counts in association.counts.items()
        if sum(map(bool, counts.values())) == 1 and value != OTHER
    }
    most = sorted(alone, key=lambda value: -sum(association.counts[value].values()))[:3]
    only = "; ".join(f"every film of “{value}” is {alone[value]}" for value in most)
    words = (
        f"{association.title} and class go together: Cramer's V {v.value:.2f} "
        f"[{v.low or 0:.2f}, {v.high or 0:.2f}] on {association.n:,} films (0 none, 1 wholly)"
        f"{f'; {only}' if only else ''}."
    )
    known = not association.key.startswith(f"{OTHER_COLUMN}-")
    advice = (
        "A network may learn this in place of the finding. Weigh every class x value alike, or report figures by it."
        if known
        else "Ask why: what parts the classes in the table may part their films too. Nothing is to be done where it "
        "only says the class in other words."
    )
    code = f"class-against-{association.key if known else OTHER_COLUMN}"
    yield _finding(code, "warn", f"Class against {association.within}", words, advice)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Leaks first, then warnings."""
    rank: Mapping[str, int] = {"leak": 0, "warn": 1, "info": 2}
    return sorted(findings, key=lambda finding: (not finding.stops, rank[finding.severity]))


def _is_sure(low: float | None, chance: float) -> bool:
    """Does the interval end far enough above chance?"""
    return low is not None and low > chance + SURE * (1 - chance)


def _against_rest(probe: Probe, label: str) -> str:
    share = probe.against_rest[label]
    return f"{label} against all others: {share.figure.text()}, {_figure(probe.sensitivity[label])} of its films named."


def _beside(probe: Probe, beside: Sequence[Known]) -> Iterator[str]:
    """A sentence a figure that networks reached on these films."""
    for known in beside:
        if known.kind == "probe":
            if probe.key in ("header", "original"):
                yield _of_originals(known, beside)
            continue
        ours = {"accuracy": probe.accuracy, "balanced accuracy": probe.balanced_accuracy}.get(known.measure)
        if ours is None or ours.value is None:
            continue
        if ours.value >= known.value:
            verdict = "reaches that"
        elif ours.high is not None and ours.high >= known.value:
            verdict = "reaches that with its interval"
        else:
            verdict = f"lacks {number_text(known.value - ours.value, 'points')} points of that"
        plain = "plain " if known.measure == "accuracy" else ""
        theirs, own = _figure(known.value), _figure(ours.value)
        yield f"{known.name} had {plain}{known.measure} {theirs}: this one, {own}, {verdict}."


def _of_originals(known: Known, beside: Sequence[Known]) -> str:
    """What a probe by others gave on the original files, beside the networks that were trained on these films."""
    words = f"On the original files a {known.name} had {known.measure} {_figure(known.value)}"
    less = [other for other in beside if other.kind == "published" and other.measure == known.measure]
    reached = [f"{other.name} ({_figure(other.value)})" for other in less if known.value >= other.value]
    return f"{words}: no less than {', '.join(reached)}, which saw the pixels." if reached else f"{words}."


def _figure(share: float | None) -> str:
    return text.percent(share)


def _films(n: int) -> str:
    return counted(n, "film")


def _finding(
    code: str,
    severity: Severity,
    title: str,
    words: str,
    advice: str = "",
    count: int = 0,
    named: Sequence[str] = (),
    stops: bool = False,
) -> Finding:
    return Finding(code, severity, title, words, advice, count, list(named[:NAMED]), stops)
