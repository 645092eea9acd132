"""Can the class be told without looking at a lung? Small models of the file, the border, ..., each cross-validated.

Films of one patient, and films that are one picture, are never on both sides. Runs where scikit-learn may be imported.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xraykit.datasets.layout import counted
from xraykit.evaluation import stats
from xraykit.evaluation.decisions import measures
from xraykit.evaluation.stats import Figure
from xraykit.films.stills import header
from xraykit.truth.data_audit.collect import Collection
from xraykit.truth.data_audit.record import Probe, Share

FOLDS, DRAWS, SEED = 5, 1000, 0
LEAST = 12  # groups of the smallest class; of fewer nothing can be told
DEPTH = 4  # of trees, as of the tree that reached 92 % on DarkCovidNet's headers
MANY = 400  # films from which a forest is fitted; fewer are told apart by a line
NAMED = 6  # facts that a probe names
AS_WELL = 0.01  # balanced accuracy within which one fact tells as much as all
FOLLOWING = ("bytes a pixel", "bytes", "pixels")
COMMON = 12  # values of a word that are told apart
NUMBER = r"\d{1,15}"  # in the name of a file
PICTURE = r"\.(png|jpe?g|dcm|dicom|tiff?|bmp|webp|jp2)$"
TECHNICAL = re.compile(
    r"width|height|rows|columns|cols|bytes|file_?size|image_?size|bits|depth|format|extension|suffix|dpi|resolution|"
    r"spacing|quality|compression|colou?r|photometric|syntax|megapixel",
    re.IGNORECASE,
)
TITLES = {
    "header": "File header alone",
    "original": "File header and the manifest's words on the original file",
    "source": "Source alone",
    "border": "Border alone (outer 5%)",
    "corners": "Corners alone (15%)",
    "thumbnail": "8 x 8 thumbnail alone",
    "histogram": "Grey histogram alone",
}
TREE, LINE, FOREST = f"decision tree of depth {DEPTH}", "logistic regression", "100 randomised trees"


class _Table(NamedTuple):
    """What a probe knows of films: numbers (N, D), and a name for each column (none where they are pixels)."""

    numbers: np.ndarray
    names: list[str]


def keys(collection: Collection) -> list[str]:
    """The probes that these films allow, in the order of TITLES."""
    left_out = set()
    if not technical(collection):
        left_out.add("original")
    if len({row.source for row in collection.rows}) < 2:
        left_out.add("source")
    return [key for key in TITLES if key not in left_out]


def probe(collection: Collection, groups: np.ndarray, key: str) -> Probe:
    """How well one thing alone tells the class; `groups` (N,) int64 are never divided."""
    labels, names = collection.films.labels, collection.films.classes
    sizes = {int(label): len(np.unique(groups[labels == label])) for label in np.unique(labels)}
    large = [label for label, size in sizes.items() if size >= LEAST]
    head: dict[str, Any] = {"key": key, "title": TITLES[key], "n": len(labels), "groups": len(np.unique(groups))}
    if len(sizes) < 2:
        return Probe(**head, why_not="There is only one class.")
    if len(large) < 2:
        fewest = counted(min(sizes.values()), "patient or picture", "patients or pictures")
        return Probe(**head, why_not=f"The smallest class has {fewest}; below {LEAST} nothing can be told.")
    table = _table(collection, key)
    if len(large) < len(sizes):  # a class of a few films must not hide what tells all others
        taken = np.isin(labels, large)
        labels, groups = np.searchsorted(large, labels[taken]), groups[taken]
        table = _Table(table.numbers[taken], table.names)
        left_out = [f"{names[label]} ({size})" for label, size in sizes.items() if size < LEAST]
        head |= {"n": len(labels), "groups": len(np.unique(groups)), "left_out": left_out}
    classes = [names[label] for label in large]
    present, counts = range(len(classes)), np.bincount(labels)
    model = TREE if table.names else LINE if len(labels) < MANY else FOREST
    folds = _folds(labels, groups)
    predicted, weights = _predict(table, labels, folds, model)
    figures = _figures(labels, predicted, groups, len(classes))
    balanced = figures["balanced"]
    alone = _alone(table, labels, folds, balanced.value or 0) if (balanced.low or 0) > 1 / len(present) else []
    return Probe(
        **head,
        model=model,
        balanced_accuracy=Share.of_figure(balanced),
        accuracy=Share.of_figure(figures["accuracy"]),
        chance=1 / len(present),
        majority=float(counts.max() / len(labels)),
        folds=len(folds),
        used=list(dict.fromkeys([*alone, *_used(table, weights)]))[:NAMED],
        sensitivity={classes[c]: float((predicted[labels == c] == c).mean()) for c in present},
        against_rest={classes[c]: Share.of_figure(figures[f"rest {c}"]) for c in present},
    )


def technical(collection: Collection) -> list[str]:
    """Columns of the manifest that say how the original file was: its size, its format."""
    cells = [dict(row.cells) for row in collection.rows]
    named = {name for row in cells for name in row}
    chosen = []
    for name in sorted(named):
        values = [row.get(name, "") for row in cells]
        endings = sum(bool(re.search(PICTURE, value, re.IGNORECASE)) for value in values)
        if len(set(values)) > 1 and (TECHNICAL.search(name) or endings > 0.8 * len(values)):
            chosen.append(name)
    return chosen


def _table(collection: Collection, key: str) -> _Table:
    if key == "thumbnail":
        cells = collection.small.reshape(len(collection), 8, 8, 8, 8).mean(axis=(2, 4))
        return _Table(cells.reshape(len(collection), -1), [])
    if key == "corners":  # a mark may lie in any of them
        cells = collection.corners.reshape(len(collection), 4, 3, -1)
        ends = np.stack([cells[:, :, 1].max(axis=2), -cells[:, :, 2].min(axis=2), cells[:, :, 0].mean(axis=2)], axis=2)
        anywhere = [ends.reshape(len(collection), -1), ends.max(axis=1)]
        return _Table(np.concatenate([collection.corners, *anywhere], axis=1), [])
    if key in ("border", "histogram"):
        return _Table(getattr(collection, key), [])
    facts: list[dict[str, float | str]] = [{} for _ in collection.rows]
    if key == "source":
        facts = [{"source": row.source or "not said"} for row in collection.rows]
    if key in ("header", "original"):
        facts = [dict(each) for each in collection.header]
    if key == "original":
        columns = technical(collection)
        for fact, row in zip(facts, collection.rows, strict=True):
            for name in columns:
                fact |= _said(name, dict(row.cells).get(name, ""))
    return _columns(facts)


def _said(column: str, cell: str) -> dict[str, float | str]:
    """What a cell of the manifest says of the original file; of a file's name its ending, and the first number in it.

    Names are given in the order in which films were taken or filed: their numbers tell where a film comes from.
    """
    said: dict[str, float | str] = {f"{column} (manifest)": _value(cell)}
    if re.search(PICTURE, cell, re.IGNORECASE):
        number = re.search(NUMBER, re.split(r"[/\\]", cell)[-1])
        said[f"number in {column} (manifest)"] = float(number[0]) if number else -1.0
    return said


def _value(cell: str) -> float | str:
    """A cell as a number where it is one; of a file's name its ending."""
    if match := re.search(PICTURE, cell, re.IGNORECASE):
        return match[1].lower()
    try:
        number = float(cell.replace(",", "."))
    except ValueError:
        return cell
    return number if math.isfinite(number) else cell


def _columns(facts: Sequence[Mapping[str, float | str]]) -> _Table:
    """Facts as numbers, words as one column a common value.

    What only some formats have (the depth of a PNG) is the median where there is none: the format itself is a column.
    """
    columns, names = [], []
    for name in dict.fromkeys(name for fact in facts for name in fact):
        values = [fact.get(name) for fact in facts]
        known = [float(value) for value in values if isinstance(value, int | float)]
        absent = 0.0 if name in header.EXTRAS or not known else float(np.median(known))
        columns.append(np.array([value if isinstance(value, int | float) else absent for value in values], float))
        names.append(name)
        common = Counter(value for value in values if isinstance(value, str)).most_common(COMMON)
        for word, _ in common:
            columns.append(np.array([value == word for value in values], float))
            names.append(f"{name} {word}")
    varied = [place for place, column in enumerate(columns) if column.min() != column.max()] or [0]
    return _Table(np.stack([columns[place] for place in varied], axis=1), [names[place] for place in varied])


def _folds(labels: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Films to learn from and films to tell, which share no group."""
    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings(action="ignore"):
        return list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels, groups))


def _predict(
    table: _Table, labels: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], model: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """The class of each film by a model that did not see its group; what a tree looked at, (D,)."""
    from threadpoolctl import threadpool_limits

    predicted = np.zeros(len(labels), np.int64)
    weights = []
    # One thread: several wait for each other where the computer is busy, and lose more than they gain
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
        for train, test in folds:
            fitted = _fit(model, table.numbers[train], labels[train])
            predicted[test] = fitted.predict(table.numbers[test])
            weights.append(getattr(fitted, "feature_importances_", None))
    seen = [each for each in weights if each is not None]
    return predicted, np.mean(seen, axis=0) if seen else None


def _alone(
    table: _Table, labels: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], reached: float
) -> list[str]:
    """The facts of which each alone tells the class as well as all together: of several a tree takes one by lot.

    Sizes in bytes come last: they follow from all the others.
    """
    alone = {}
    for place, name in enumerate(table.names):
        predicted, _ = _predict(_Table(table.numbers[:, [place]], [name]), labels, folds, TREE)
        balanced = np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)])
        if balanced >= reached - AS_WELL:
            alone[name] = float(balanced)
    return sorted(alone, key=lambda name: (name in FOLLOWING, -alone[name]))


def _fit(model: str, numbers: np.ndarray, labels: np.ndarray) -> Any:
    if model == TREE:
        from sklearn.tree import DecisionTreeClassifier

        least = max(2, len(labels) // 200)
        tree = DecisionTreeClassifier(
            max_depth=DEPTH, min_samples_leaf=least, class_weight="balanced", random_state=SEED
        )
        return tree.fit(numbers, labels)
    if model == LINE:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        line = LogisticRegression(C=0.1, max_iter=500, class_weight="balanced")
        return make_pipeline(StandardScaler(), line).fit(numbers, labels)
    from sklearn.ensemble import ExtraTreesClassifier

    trees = ExtraTreesClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=SEED)
    return trees.fit(numbers, labels)


def _figures(labels: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int) -> dict[str, Figure]:
    """Accuracy and balanced accuracy, of all classes and of each against the rest, intervals bootstrapped by group."""
    _, group_of = np.unique(groups, return_inverse=True)
    cells = np.zeros((group_of.max() + 1, k * k), np.int64)
    np.add.at(cells, (group_of, labels * k + predicted), 1)
    drawn = np.concatenate(list(stats.draw(cells, DRAWS, SEED))).reshape(-1, k, k)
    whole = cells.sum(axis=0).reshape(k, k)
    kinds = {"balanced": measures.balanced_accuracy, "accuracy": measures.accuracy}
    figures = {
        name: _interval(measure(whole), measure(drawn), len(labels), len(cells)) for name, measure in kinds.items()
    }
    for label in range(k):
        value, spread = (measures.balanced_accuracy(_against_rest(each, label)) for each in (whole, drawn))
        figures[f"rest {label}"] = _interval(value, spread, len(labels), len(cells))
    return figures


def _interval(value: Any, drawn: np.ndarray, n: int, groups: int) -> Figure:
    return stats.percentile_interval(stats.known(value), drawn, n, groups)


def _against_rest(confusion: np.ndarray, label: int) -> np.ndarray:
    """Counts (..., C, C) as (..., 2, 2): this class and the rest."""
    hit = confusion[..., label, label]
    missed = confusion[..., label, :].sum(axis=-1) - hit
    wrong = confusion[..., :, label].sum(axis=-1) - hit
    rest = confusion.sum(axis=(-2, -1)) - hit - missed - wrong
    return np.stack([np.stack([hit, missed], axis=-1), np.stack([wrong, rest], axis=-1)], axis=-2)


def _used(table: _Table, weights: np.ndarray | None) -> list[str]:
    """What a tree looked at, the most telling first."""
    if weights is None or not table.names:
        return []
    order = np.argsort(-weights)
    return [table.names[place] for place in order[:NAMED] if weights[place] > 0.01]
