"""Step 2 of a new run: a preset, then every field of the recipe, with its faults beside it."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping

import streamlit as st

from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune.form import field
from xraykit.ui.kit import folder_facts
from xraykit.ui.kit.text import say

Faults = Mapping[str, str]
MOST_BYTES = 1 << 20
NETWORK = ("backbone", "alpha", "image_size", "channels", "batch_normalization", "momentum")
LEARNING = (
    "batch_size",
    "label_smoothing",
    "early_stopping",
    "plateau_factor",
    "plateau_patience",
    "keep",
    "precision",
    "backend",
    "bias_correction",
)
FILMS = ("balance", "class_weights", "shrink", "validation", "test", "seed")
CHANGES = tuple(f"augmentation.{name}" for name in ("rotation", "shift", "zoom", "brightness", "contrast", "flip"))
PHASE = ("epochs", "learning_rate", "trainable", "optimizer", "schedule", "warmup_epochs", "weight_decay", "augment")
LAYER = ("width", "dropout", "activation")


def show() -> None:
    """Draw the step."""
    faults = draft.faults()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="recipe-preset"):
        _choose_preset()
        with st.popover("Import, export", width=130):
            _hand_over()
    field.row(("weights", "name"), faults, across=2)
    _say_difference()
    _say_strange(faults)
    for title, said, own, draw in (
        ("Phases", _of_phases, ("phases",), _show_phases),
        ("Network", _of_network, NETWORK, _rows(NETWORK)),
        ("Head", _of_head, ("pooling", "hidden"), _show_head),
        ("Learning", _of_learning, LEARNING, _rows(LEARNING)),
        ("Films and split", _of_films, FILMS, _rows(FILMS)),
        ("Augmentation", _of_changes, ("augmentation",), _rows(CHANGES)),
    ):
        wrong = sum(path.partition(".")[0] in own for path in faults)
        beside = f"· :orange[{wrong} to correct]" if wrong else f":gray[{folder_facts.literal(said())}]"
        # Another key once there are faults: the group opens, and closes at the user's wish alone
        key = f"recipe-{draft.current()['turn'] if wrong else 0}-{title}-{bool(wrong)}"
        with st.expander(f"**{title}** {beside}", expanded=bool(wrong), key=key):
            with st.container(gap="xsmall"):
                draw(faults)


def _rows(paths: tuple[str, ...]) -> Callable[[Faults], None]:
    return lambda faults: field.row(paths, faults)


def _choose_preset() -> None:
    presets = draft.presets()
    key = draft.key("preset")
    chosen = draft.current()["preset"]
    st.selectbox(
        "Preset",
        list(presets),
        index=list(presets).index(chosen),
        key=key,
        format_func=presets.__getitem__,
        on_change=_take_preset,
        args=(key,),
        width="stretch",
        help="A named recipe, or the one a kept model was trained by. Every field can be changed below.",
    )


def _take_preset(key: str) -> None:
    name = st.session_state[key]
    # A click while the page was still being drawn brings every widget's first value as if it had changed
    if key != draft.key("preset") or name == draft.current()["preset"]:
        return
    if (data := draft.preset_of(name)) is not None:
        draft.take(data, name)


def _hand_over() -> None:
    text = json.dumps(draft.current()["recipe"], indent=2) + "\n"
    name = str(draft.get("name") or "recipe")
    st.download_button(
        "Export as JSON",
        text,
        f"{name}.json",
        "application/json",
        key="recipe-export",
        on_click="ignore",
        width="stretch",
    )
    turn = draft.current()["turn"]
    file = st.file_uploader("Import from JSON", type=["json"], key=f"recipe-import-{turn}", max_upload_size=1)
    if file is not None:
        _import(file.getvalue(), file.name)


def _import(data: bytes, name: str) -> None:
    try:
        found = json.loads(data[:MOST_BYTES].decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        say(f"Expected a recipe as JSON in {name}; it cannot be read: {error}.")
        return
    if not isinstance(found, dict):
        say(f"Expected a recipe as a JSON object in {name}; got {type(found).__name__}.")
        return
    draft.take(found, draft.IMPORTED)
    st.rerun()


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _say_difference() -> None:
    found = draft.differences()
    if draft.current()["preset"] == draft.IMPORTED:
        words = "Imported: every field is as the file has it."
    elif not found:
        words = "Exactly as the preset."
    else:
        words = f"Otherwise than the preset: {'; '.join(found)}."
    st.html(f"<p class='xk-said xk-difference' role='status'>{html.escape(words)}</p>")


def _say_strange(faults: Faults) -> None:
    """Faults of what has no field on this page: a recipe of another kind, a field nobody knows."""
    shown = {"weights", "name", *NETWORK, *LEARNING, *FILMS, *CHANGES, "pooling", "phases", "hidden", "augmentation"}
    for path, words in faults.items():
        kind, _, rest = path.partition(".")
        last = rest.rpartition(".")[2]
        inside = (kind == "phases" and last in PHASE) or (kind == "hidden" and last in LAYER)
        if path not in shown and not inside:
            st.html(f"<p class='xk-fault' role='alert'><b>{html.escape(path or 'Recipe')}</b> {html.escape(words)}</p>")


def _show_phases(faults: Faults) -> None:
    field.show_fault("phases", faults)
    phases = _listed("phases")
    for number in range(len(phases)):
        _show_part("phases", number, f"Phase {number + 1} of {len(phases)}", PHASE, faults, 4, len(phases) > 1)
    st.button("Add a phase", key="add-phase", type="tertiary", on_click=draft.add, args=("phases",))


def _show_head(faults: Faults) -> None:
    field.row(("pooling",), faults)
    field.show_fault("hidden", faults)
    for number in range(len(_listed("hidden"))):
        _show_part("hidden", number, f"Hidden layer {number + 1}", LAYER, faults, 3, True)
    st.button("Add a hidden layer", key="add-layer", type="tertiary", on_click=draft.add, args=("hidden",))


def _show_part(
    kind: str, number: int, title: str, names: tuple[str, ...], faults: Faults, across: int, removable: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"part-{kind}-{number}"):
        st.html(f"<div class='xk-part'><h3>{title}</h3></div>", width="stretch")
        if removable:
            st.button(
                "Remove",
                key=f"remove-{kind}-{number}",
                type="tertiary",
                on_click=draft.remove,
                args=(kind, number),
                help=f"Take {title.lower()} away",
            )
    if isinstance(_listed(kind)[number], dict):
        field.row([f"{kind}.{number}.{name}" for name in names], faults, across)
    else:
        field.show_fault(f"{kind}.{number}", faults)


def _listed(kind: str) -> list:
    found = draft.current()["recipe"].get(kind, [])
    return found if isinstance(found, list) else []


def _of_phases() -> str:
    parts = [
        f"{phase.get('epochs', '?')} epochs of {_layers(phase.get('trainable', 'all'))}"
        for phase in _listed("phases")
        if isinstance(phase, dict)
    ]
    return ", then ".join(parts)


def _layers(trainable: object) -> str:
    return {"head": "the head", "all": "all layers"}.get(str(trainable), f"the last {trainable} convolutions")


def _of_network() -> str:
    return f"{draft.get('backbone')}, films of {draft.get('image_size')} px"


def _of_head() -> str:
    widths = [str(layer.get("width", "?")) for layer in _listed("hidden") if isinstance(layer, dict)]
    pooling = {"gap": "average", "flatten": "flatten"}.get(str(draft.get("pooling")), str(draft.get("pooling")))
    return " – ".join([pooling, *widths, "classes"])


def _of_learning() -> str:
    stops = draft.get("early_stopping")
    early = f", stops after {stops} epochs without gain" if stops else ""
    return f"batches of {draft.get('batch_size')}{early}, {draft.get('backend')}"


def _of_films() -> str:
    share = draft.get("shrink")
    used = "" if share == 1 else f", {share} of the training films"
    balance = {"none": "as they are", "undersample": "undersampled", "weights": "rare classes weigh more"}
    return f"{balance.get(str(draft.get('balance')), draft.get('balance'))}{used}"


def _of_changes() -> str:
    active = [path.partition(".")[2] for path in CHANGES if draft.get(path)]
    return ", ".join(active) if active else "none"
