"""Learn the gate's network again and measure it: `python -m xraykit.training.gate --data DIR --out FOLDER`.

DIR holds `radiography`, `darkcovid`, `kermany` and `intel`, those that there are. With --left-out another is
learned without some kinds, to tell what a gate makes of what it never saw. A few minutes of one core for each. With
--kept nothing is learned: the network that is there is measured and its figures are printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from xraykit.gate import network
from xraykit.system import files
from xraykit.training.gate import bodies, drawn, measure, pictures
from xraykit.training.gate.pictures import Picture

LIMITS = {"chest": 0.6, "turned": 0.8, "inverted": 0.8, "colour": 10.0}
EPOCHS, SEED = 8, 20261129
FILMS, PHOTOGRAPHS, DRAWN, MEDICAL = 13_000, 6_200, 6_200, 600  # pictures made of those at hand
DRAWN_EACH = 300
LEFT_OUT = {  # learned without these kinds and measured on them
    "kermany (children), seas, glaciers, and five kinds of drawing": {
        *("kermany", "sea", "glacier", "limbs", "hands and feet", "sections", "pages of text", "shapes"),
    },
}


class Made(NamedTuple):
    """Pictures to learn from, uint8 (N, 64, 64), with the kind of what each was made of."""

    films: np.ndarray
    film_kinds: np.ndarray
    others: np.ndarray
    other_kinds: np.ndarray


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the datasets.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=network.NETWORK.parent, help="Where to write both files."
)
@click.option("--epochs", default=EPOCHS, show_default=True)
@click.option(
    "--left-out/--no-left-out", default=False, help="Learn another that lacks some kinds, and measure it on these."
)
@click.option("--kept", is_flag=True, help="Learn nothing: measure the network that is there.")
def main(data: Path, out: Path, epochs: int, left_out: bool, kept: bool) -> None:
    """Learn the gate's network and write gate.tflite and gate.json."""
    films = pictures.films(data)
    others = [*pictures.photographs(data), *pictures.drawings(0, DRAWN_EACH), *pictures.medical()]
    of_test = [p for p in films if p.test], [p for p in others if p.test]
    if kept:
        _say("the network that is there", _measured(network.scores, *of_test, changed=True))
        return
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from xraykit.training.fit.network import gate as fit

    made = _made(films, others)
    learned = _learn(made, epochs)
    measured = _measured(_scores(learned), *of_test, changed=True)
    _say("all kinds", measured)
    without = {}
    for name, kinds in LEFT_OUT.items() if left_out else ():
        lacking = _learn(made, epochs, kinds)
        strange = [p for p in films if p.kind in kinds], [p for p in others if p.kind in kinds]
        without[name] = _measured(_scores(lacking), *strange)
        _say(name, without[name])
    about = {
        "limits": LIMITS,
        "learned": {
            "films": _counts(films),
            "others": _counts(others),
            "epochs": epochs,
            "seed": SEED,
            "percent": pictures.TEST,
        },
        "measured": measured,
        "left_out": without,
    }
    out.mkdir(parents=True, exist_ok=True)
    files.replace_bytes(out / network.NETWORK.name, fit.to_litert(learned), shared=True)
    files.replace_text(out / network.ABOUT.name, json.dumps(about, indent=1) + "\n", shared=True)


def _made(films: Sequence[Picture], others: Sequence[Picture]) -> Made:
    """The pictures that a network is shown, made of those that are for learning."""
    drawings = {*drawn.KINDS, *bodies.KINDS}
    learned = [picture for picture in others if not picture.test]
    parts = [
        ([p for p in learned if p.kind not in {*drawings, pictures.MEDICAL}], PHOTOGRAPHS),
        ([p for p in learned if p.kind in drawings], DRAWN),
        ([p for p in learned if p.kind == pictures.MEDICAL], MEDICAL),
    ]
    chest, kinds = pictures.varied([p for p in films if not p.test], FILMS, SEED, chest=True)
    made = [pictures.varied(part, count, SEED + count, chest=False) for part, count in parts if part]
    rest = np.concatenate([squares for squares, _ in made])
    return Made(chest, np.array(kinds), rest, np.array([kind for _, those in made for kind in those]))


def _learn(made: Made, epochs: int, without: Collection[str] = ()) -> Any:
    from xraykit.training.fit.network import gate as fit

    chest, rest = (~np.isin(kinds, list(without)) for kinds in (made.film_kinds, made.other_kinds))
    return fit.learn(made.films[chest], made.others[rest], epochs, SEED, verbose=2)


def _scores(learned: Any) -> measure.Scores:
    def scores(grey: np.ndarray) -> np.ndarray:
        return np.asarray(learned.predict(network.prepared(grey)[..., None], batch_size=256, verbose=0))

    return scores


def _measured(
    scores: measure.Scores, films: Sequence[Picture], others: Sequence[Picture], changed: bool = False
) -> dict[str, list[dict[str, Any]]]:
    measured = {"films": measure.of_films(films, scores, LIMITS), "others": measure.of_others(others, scores, LIMITS)}
    return measured | ({"changed": measure.of_changed(films, others, scores, LIMITS)} if changed else {})


def _counts(seen: Sequence[Picture]) -> dict[str, dict[str, int]]:
    kinds = dict.fromkeys(picture.kind for picture in seen)
    return {
        kind: {
            "learned": sum(picture.kind == kind and not picture.test for picture in seen),
            "measured": sum(picture.kind == kind and picture.test for picture in seen),
        }
        for kind in kinds
    }


def _say(name: str, measured: dict[str, list[dict[str, Any]]]) -> None:
    click.echo(name)
    for row in (row for rows in measured.values() for row in rows):
        low, high = row["share"][1:]
        click.echo(
            f"  {row['kind']:<22}{row['done']:<28}{row['right']:>5} of {row['n']:<5}"
            f"[{low:.1%}, {high:.1%}]  other {row['other']}"
        )


if __name__ == "__main__":
    main()
