"""Class against what else is known of a film: source, size, format, age, sex, view, device, place.

Counts films; opens none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from xraykit.evaluation import stats
from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.record import OTHER, Association, Share

DRAWS, SEED, VALUES = 500, 0, 12
TABLES = 2000  # drawn by lot, to tell what chance alone gives
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


def associations(collection: Collection, groups: np.ndarray) -> list[Association]:
    """The class beside each thing that differs among the films; `groups` (N,) int64 are drawn whole."""
    labels = collection.labels
    tables = []
    for key, (title, values) in _values(collection).items():
        if len(set(values)) > 1 and len(set(labels)) > 1:
            tables.append(_associate(key, title, values, labels, groups))
    return sorted(tables, key=lambda table: -(table.v.value or 0))


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


def _associate(key: str, title: str, values: Sequence[str], labels: Sequence[str], groups: np.ndarray) -> Association:
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
    figure = stats.percentile_interval(float(cramers_v(whole)), drawn, len(labels), len(cells))
    counts = {level: dict(zip(names, row.tolist(), strict=True)) for level, row in zip(levels, whole, strict=True)}
    return Association(key, title, Share.of_figure(figure), counts, len(labels), by_chance(at, groups, shape[1:]))


def by_chance(cells: Sequence[int], groups: np.ndarray, shape: tuple[int, ...]) -> float:
    """How often chance alone ties values and classes as closely as they are, both as frequent as here: 0..1.

    One film a group counts, since films of one patient are no independent witnesses. `cells` are the places in a table
    of `shape`, a film each.
    """
    from scipy.stats import random_table

    _, first = np.unique(groups, return_index=True)
    table = np.bincount(np.asarray(cells)[first], minlength=shape[0] * shape[1]).reshape(shape)
    drawn = random_table(table.sum(axis=1), table.sum(axis=0)).rvs(TABLES, random_state=SEED)
    as_close = cramers_v(drawn) >= cramers_v(table) - 1e-12
    return float((1 + as_close.sum()) / (1 + TABLES))


def _levels(values: Sequence[str]) -> list[str]:
    """The values that are told apart: ages in their order, else the most common first."""
    order = [name for _, name in AGES] + [OLDEST]
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


def _key(name: str) -> str:
    bare = re.sub(r"[\W_]+", "", name.casefold())
    return next((key for key, (_, pattern) in NAMES.items() if re.fullmatch(pattern, bare)), "")


def _read(key: str, cell: str) -> str:
    """A cell as one of few values."""
    text = cell.strip()
    if not text or text.casefold() in ("nan", "na", "n/a", "none", "unknown", "?", "-"):
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
