"""Class against what else is known of a film: source, size, format, age, sex, view, device, place, any other column.

Counts films; opens none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xraykit.evaluation import stats
from xraykit.truth.data_audit import probes
from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.record import OTHER, OTHER_COLUMN, Association, Share

DRAWS, SEED, VALUES = 500, 0, 12
TABLES = 2000  # drawn by lot, to tell what chance alone gives
MOST = 40  # columns of a manifest that are held against the class, the closest: some tables have hundreds
# Of a column that nobody knows, films (one a patient) of a value that is told apart: a rarer one may name somebody
HOLDERS = 5
MOSTLY = 0.8  # share of the cells that must be numbers, or dates, for a column to be one of these
FIFTHS = ("lowest fifth", "second fifth", "third fifth", "fourth fifth", "highest fifth")
DATE = r"(?:19|20)\d\d(?:[-./]?\d\d?){1,2}\b.*|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d\b.*"
# Words of a column's name by which it names somebody, or somebody's examination: nothing of it may stand in an audit
PERSONAL = set(
    "mrn pid uid dob birth birthday birthdate birthname surname forename firstname lastname fullname initials email "
    "mail phone telephone address ssn insurance accession".split()
)
BELONGING = set("patient person subject case study series exam examination sop instance first last full family".split())
NUMBERING = set("id ids identifier number num no nr name uid key".split())
NOT_SAID = "not said"
# Columns of a manifest, in small letters without marks
NAMES = {
    "age": ("Age", r"(patient)?age(in)?(years|yrs|group)?"),
    "sex": ("Sex", r"(patient)?(sex|gender)"),
    "view": ("View", r"view(position)?|projection|position"),
    "device": ("Device", r"manufacturer\w*|device|scanner|machine|stationname|modelname|detector"),
    "place": ("Place", r"country|location|city|institution|hospitalname|clinic|department"),
    "year": ("Year", r"(study|series|acquisition|exam|examination|scan|image|film)?(year|date)"),
}
AGES = ((1, "under 1 year"), (6, "1 to 5 years"), (18, "6 to 17 years"), (40, "18 to 39 years"), (65, "40 to 64 years"))
OLDEST, MOST_YEARS = "65 years or more", 130
SEXES = {
    **dict.fromkeys(("m", "male", "man", "mann", "männlich"), "male"),
    **dict.fromkeys(("f", "female", "woman", "w", "frau", "weiblich"), "female"),
    **dict.fromkeys(("o", "other"), "other"),
    **dict.fromkeys(("u", "unk", "undefined"), NOT_SAID),
}


class _Column(NamedTuple):
    """Something that is known of films: a key, a title, and a value a film."""

    key: str
    title: str
    values: list[str]


def associations(collection: Collection, groups: np.ndarray) -> tuple[list[Association], int]:
    """The class beside each thing that differs among the films, the closest first; and how many things were looked at.

    `groups` (N,) int64 are drawn whole. Of columns whose name says nothing the `MOST` closest are kept.
    """
    labels = collection.labels
    if len(set(labels)) < 2:
        return [], 0
    looked = [_Column(key, *rest) for key, rest in _values(collection).items()]
    others = _other_columns(collection, groups)
    closest = sorted(others, key=lambda column: -float(cramers_v(_counts(column.values, labels))))[:MOST]
    varied = [column for column in (*looked, *closest) if len(set(column.values)) > 1]
    among = len(varied) + len(others) - len(closest)
    tables = [_associate(*column, labels, groups, among) for column in varied]
    return sorted(tables, key=lambda table: -(table.v.value or 0)), among


def cramers_v(counts: np.ndarray) -> np.ndarray:
    """Cramer's V of counts (..., R, C) with the correction for bias of Bergsma (2013); 0 where nothing varies."""
    counts = np.asarray(counts, float)
    n = counts.sum(axis=(-2, -1))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows[..., :, None] * columns[..., None, :] / n[..., None, None]
        terms = np.where(expected > 0, (counts - expected) ** 2 / expected, 0.0)
        r, k = (rows > 0).sum(axis=-1), (columns > 0).sum(axis=-1)
        phi = np.maximum(0, terms.sum(axis=(-2, -1)) / n - (r - 1) * (k - 1) / (n - 1))
        least = np.minimum(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
        v = np.sqrt(np.where(least > 0, phi / least, 0.0))
    return np.clip(np.nan_to_num(v), 0, 1)


def _counts(values: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Films by value and class, (R, C) int64."""
    _, row = np.unique(np.array(values), return_inverse=True)
    _, column = np.unique(np.array(labels), return_inverse=True)
    shape = (row.max() + 1, column.max() + 1)
    return np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)


def _associate(
    key: str, title: str, values: Sequence[str], labels: Sequence[str], groups: np.ndarray, among: int = 1
) -> Association:
    levels, names = _levels(values), sorted(set(labels))
    known = [value if value in levels else OTHER for value in values]
    levels += [OTHER] * (OTHER in known)
    _, group_of = np.unique(groups, return_inverse=True)
    cells = np.zeros((group_of.max() + 1, len(levels) * len(names)), np.int64)
    at = [levels.index(value) * len(names) + names.index(label) for value, label in zip(known, labels, strict=True)]
    np.add.at(cells, (group_of, np.array(at)), 1)
    shape = (-1, len(levels), len(names))
    whole = cells.sum(axis=0).reshape(shape[1:])
    drawn = cramers_v(np.concatenate(list(stats.draw(cells, DRAWS, SEED))).reshape(shape))
    v = float(cramers_v(whole))
    figure = stats.percentile_interval(v, drawn, len(labels), len(cells))
    if figure.low is not None and figure.high is not None:
        # Drawing films anew adds the noise once more that the correction takes off once: of many values and classes all
        # draws may lie above the figure itself
        figure = replace(figure, low=min(figure.low, v), high=max(figure.high, v))
    counts = {level: dict(zip(names, row.tolist(), strict=True)) for level, row in zip(levels, whole, strict=True)}
    chance = by_chance(at, groups, shape[1:], among)
    return Association(key, title, Share.of_figure(figure), counts, len(labels), chance)


def by_chance(cells: Sequence[int], groups: np.ndarray, shape: tuple[int, ...], among: int = 1) -> float:
    """How often chance alone ties values and classes as closely as they are, both as frequent as here: 0..1.

    One film a group counts, since films of one patient are no independent witnesses. `cells` are the places in a table
    of `shape`, a film each. The rarest that can be told is one in so many tables: of `among` things that are looked at
    each must be rarer, so that more are drawn.
    """
    from scipy.stats import random_table

    _, first = np.unique(groups, return_index=True)
    table = np.bincount(np.asarray(cells)[first], minlength=shape[0] * shape[1]).reshape(shape)
    tables, least, as_close, drawn = random_table(table.sum(axis=1), table.sum(axis=0)), cramers_v(table) - 1e-12, 0, 0
    while not as_close and drawn < TABLES * max(1, among / 10):
        as_close += int((cramers_v(tables.rvs(TABLES, random_state=SEED + drawn)) >= least).sum())
        drawn += TABLES
    return (1 + as_close) / (1 + drawn)


def _levels(values: Sequence[str]) -> list[str]:
    """The values that are told apart: ages in their order, else the most common first."""
    order = [*(name for _, name in AGES), OLDEST, *FIFTHS]
    common = [value for value, _ in Counter(values).most_common(VALUES)]
    return sorted(common, key=lambda value: order.index(value) if value in order else -1)


def _values(collection: Collection) -> dict[str, tuple[str, list[str]]]:
    """What is known of each film, by key: a title and a value a film."""
    known: dict[str, tuple[str, list[str]]] = {}
    if any(row.source for row in collection.rows):
        known["source"] = ("Source", [row.source or NOT_SAID for row in collection.rows])
    known["size"] = ("Size", [_size(float(header["width"]), float(header["height"])) for header in collection.header])
    known["format"] = ("Format", [str(header["format"]) for header in collection.header])
    cells = [dict(row.cells) for row in collection.rows]
    for name in sorted({name for row in cells for name in row}):
        key = _key(name)
        if key and key not in known:
            values = [_read(key, row.get(name, "")) for row in cells]
            spelt: dict[str, str] = {}  # "PA" and "pa" are one value, shown as it comes first
            known[key] = (NAMES[key][0], [spelt.setdefault(value.casefold(), value) for value in values])
    if "view" not in known and any("view" in header for header in collection.header):
        known["view"] = ("View", [str(header.get("view", NOT_SAID)) for header in collection.header])
    return known


def _other_columns(collection: Collection, groups: np.ndarray) -> list[_Column]:
    """The manifest's columns of which no name says what they are, each with few values: some part the classes too."""
    cells = [dict(row.cells) for row in collection.rows]
    original = {*probes.technical(collection)}
    columns, read = [], set()
    for place, name in enumerate(sorted({name for row in cells for name in row})):
        if (key := _key(name)) and key not in read:
            read.add(key)
        elif name not in original and not _is_personal(name) and (values := _few([row.get(name, "") for row in cells])):
            shared = _shared_values(values, groups)
            if len(set(shared)) > 1:
                columns.append(_Column(f"{OTHER_COLUMN}-{place}", f"Column “{name[:40]}”", shared))
    return columns


def _is_personal(name: str) -> bool:
    words = {word.casefold() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+", name)}
    return bool(words & PERSONAL) or words == {"name"} or bool(words & BELONGING and words & NUMBERING)


def _few(cells: Sequence[str]) -> list[str]:
    """Cells as few values: years of dates, fifths of numbers, words without the digits in them; [] for row numbers."""
    texts = [_text(cell) for cell in cells]
    said = [text for text in texts if text != NOT_SAID]
    if len({text.casefold() for text in said}) > VALUES:
        if np.mean([bool(re.fullmatch(DATE, text)) for text in said]) >= MOSTLY:
            texts = [_read("year", text) for text in texts]
        elif np.mean([_number(text) is not None for text in said]) >= MOSTLY:
            return _fifths(texts)
        else:
            texts = [re.sub(r"\d+", "#", text) for text in texts]
    spelt: dict[str, str] = {}
    return [spelt.setdefault(text.casefold(), text)[:40] for text in texts]


def _fifths(texts: Sequence[str]) -> list[str]:
    """Numbers by which fifth of all they are in, never themselves: they may be somebody's; [] where they count rows."""
    numbers = [_number(text) for text in texts]
    known = np.array([number for number in numbers if number is not None])
    whole = len(np.unique(known)) == len(known) and bool((known % 1 == 0).all())
    if whole and np.ptp(known) < 1.2 * len(known):  # as tables are written by programs: in the order of the classes
        return []
    edges = np.quantile(known, (0.2, 0.4, 0.6, 0.8))
    return [
        FIFTHS[np.searchsorted(edges, number, side="right")] if number is not None else text
        for number, text in zip(numbers, (text if text == NOT_SAID else "no number" for text in texts), strict=True)
    ]


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _shared_values(values: Sequence[str], groups: np.ndarray) -> list[str]:
    """The values, but those that few have as one."""
    holders: dict[str, set[int]] = defaultdict(set)
    for value, group in zip(values, groups.tolist(), strict=True):
        holders[value].add(group)
    return [value if len(holders[value]) >= HOLDERS else OTHER for value in values]


def _key(name: str) -> str:
    bare = re.sub(r"[\W_]+", "", name.casefold())
    return next((key for key, (_, pattern) in NAMES.items() if re.fullmatch(pattern, bare)), "")


def _read(key: str, cell: str) -> str:
    """A cell as one of few values."""
    text = _text(cell)
    if text == NOT_SAID:
        return NOT_SAID
    if key == "age":
        return _age(text)
    if key == "sex":
        return SEXES.get(text.casefold(), text[:40])
    if key == "year":
        match = re.search(r"(?:19|20)\d\d", text)
        short = re.fullmatch(r"\d{1,2}[./-]\d{1,2}[./-](\d\d)", text)  # 31/12/20
        if short:
            return f"{'19' if int(short[1]) > 50 else '20'}{short[1]}"
        return match[0] if match else NOT_SAID
    return text[:40]


def _text(cell: str) -> str:
    text = cell.strip()
    return NOT_SAID if not text or text.casefold() in ("nan", "na", "n/a", "none", "unknown", "?", "-") else text


def _age(text: str) -> str:
    """An age in years, or as DICOM writes it (045Y, 006M, 012D, 003W), as one of six spans."""
    if re.fullmatch(r"-\d+(\.\d+)?", text):  # as -1, where an age is not known
        return NOT_SAID
    bare = re.sub(r"^[<>≤≥~]\s*|\s*\+$", "", text).replace(",", ".")  # ">89" and "90+", as some hide the oldest
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([YMWD]?)\w*", bare, re.IGNORECASE)
    if not match:
        return text[:40]
    years = float(match[1]) / {"M": 12, "W": 52, "D": 365}.get(match[2].upper(), 1)
    if years > MOST_YEARS:
        return NOT_SAID
    is_below = text.startswith("<")  # the number itself is not meant
    return next((name for limit, name in AGES if years < limit or (is_below and years == limit)), OLDEST)


def _size(width: float, height: float) -> str:
    return f"{width:.0f} x {height:.0f}"
