"""Step 2 of a new run: a preset, then every field of the recipe, with its faults beside it."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import streamlit as st
from streamlit.typing import UploadedFile

from xraykit.refused import Refused
from xraykit.training.recipe import fields, sentences
from xraykit.ui.fine_tune import draft
from xraykit.ui.fine_tune.form import field
from xraykit.ui.kit.text import escape_markdown, say
from xraykit.ui.server import uploads

Faults = Mapping[str, str]
MOST_BYTES = 1 << 20  # of an imported recipe
NETWORK = ("backbone", "alpha", "image_size", "channels", "batch_normalization", "momentum")
TRAINING = (
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
FILMS = ("balance", "class_weights", "shrink", "division", "validation", "test", "seed")
CHANGES = tuple(field.path for field in fields.inside("augmentation"))
BLENDS = ("mixup", "cached_passes")
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
    _say_unknown(faults)
    for group in GROUPS:
        _show_group(group, faults)


def _show_group(group: Group, faults: Faults) -> None:
    wrong = sum(path.partition(".")[0] in group.fields for path in faults)
    beside = f"· :orange[{wrong} to correct]" if wrong else f":gray[{escape_markdown(group.summarise())}]"
    # Another key once there are faults: the group opens, and closes at the user's wish alone
    key = f"recipe-{draft.current().turn if wrong else 0}-{group.title}-{bool(wrong)}"
    with st.expander(f"**{group.title}** {beside}", expanded=bool(wrong), key=key):
        with st.container(gap="xsmall"):
            group.draw(faults)


def _rows(paths: tuple[str, ...]) -> Callable[[Faults], None]:
    return lambda faults: field.row(paths, faults)


def _choose_preset() -> None:
    presets = draft.presets()
    key = draft.key("preset")
    chosen = draft.current().preset
    st.selectbox(
        "Preset",
        list(presets),
        index=list(presets).index(chosen),
        key=key,
        format_func=presets.__getitem__,
        on_change=_take_preset,
        args=(key,),
        width="stretch",
        help="A named recipe, or the one a saved model was trained with. You can change every field below.",
    )


def _take_preset(key: str) -> None:
    preset = st.session_state[key]
    # A click while the page was still being drawn brings every widget's first value as if it had changed
    if key != draft.key("preset") or preset == draft.current().preset:
        return
    if (data := draft.preset_recipe(preset)) is not None:
        draft.take(data, preset)


def _hand_over() -> None:
    text = json.dumps(draft.current().recipe, indent=2) + "\n"
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
    key = f"recipe-import-{draft.current().turn}"
    file = st.file_uploader("Import from JSON", type=["json"], key=key, max_upload_size=MOST_BYTES >> 20)
    if file is not None:
        _import(file)


def _import(file: UploadedFile) -> None:
    name = file.name
    try:
        recipe = json.loads(uploads.read(file, MOST_BYTES).decode("utf-8"), parse_constant=_refuse_number)
    except Refused as refused:
        say(f"{name} was not imported. {refused.words}")
        return
    except (ValueError, RecursionError):
        say(f"{name} is not a recipe: it is not valid JSON. Choose a file exported from this page.")
        return
    if not isinstance(recipe, dict):
        say(f"{name} is not a recipe: it holds no JSON object. Choose a file exported from this page.")
        return
    draft.take(recipe, draft.IMPORTED)
    st.rerun()


def _refuse_number(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _say_difference() -> None:
    differences = draft.differences()
    if draft.current().preset == draft.IMPORTED:
        words = "Imported: all fields as in the file."
    elif not differences:
        words = "Same as the preset."
    else:
        words = f"Changed from the preset: {'; '.join(differences)}."
    st.html(f"<p class='xk-said xk-difference' role='status'>{html.escape(words)}</p>")


def _say_unknown(faults: Faults) -> None:
    """Faults of what has no field on this page: a recipe of another kind, an unknown field."""
    shown = {"weights", "name", *NETWORK, *TRAINING, *FILMS, *CHANGES, *BLENDS, "pooling", "phases", "hidden"}
    shown.add("augmentation")
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
                help=f"Remove {title.lower()}",
            )
    if isinstance(_listed(kind)[number], dict):
        field.row([f"{kind}.{number}.{name}" for name in names], faults, across)
    else:
        field.show_fault(f"{kind}.{number}", faults)


def _listed(kind: str) -> list[Any]:
    parts = draft.current().recipe.get(kind, [])
    return parts if isinstance(parts, list) else []


def _summarise_phases() -> str:
    return ", then ".join(
        f"{phase.get('epochs', '?')} epochs of {_layers(phase.get('trainable', 'all'))}"
        for phase in _listed("phases")
        if isinstance(phase, dict)
    )


def _layers(trainable: object) -> str:
    return {"head": "the head", "all": "all layers"}.get(str(trainable), f"the last {trainable} convolution layers")


def _summarise_network() -> str:
    return f"{_value('backbone')}, {_value('image_size')}"


def _summarise_head() -> str:
    widths = [str(layer.get("width", "?")) for layer in _listed("hidden") if isinstance(layer, dict)]
    return " – ".join([_value("pooling"), *widths, "classes"])


def _summarise_training() -> str:
    patience = draft.get("early_stopping")
    early = f", early stopping after {patience} epochs" if patience else ""
    return f"batches of {_value('batch_size')}{early}, {_value('backend')}"


def _summarise_films() -> str:
    fraction = draft.get("shrink")
    used = f"{fraction} of the training films" if fraction != 1 else "all training films"
    balance = draft.get("balance")
    given = ", divided as the folder gives it" if draft.get("division") == "given" else ""
    return used + given if balance == "none" else f"{used}, {_value('balance').lower()}{given}"


def _summarise_augmentation() -> str:
    names = {path: "mirroring" if path.endswith(".flip") else sentences.field_label(path) for path in CHANGES}
    return ", ".join(name for path, name in names.items() if draft.get(path)) or "none"


def _value(path: str) -> str:
    return sentences.field_value(path, draft.get(path))


class Group(NamedTuple):
    """Fields that open and close together, under a title that sums them up."""

    title: str
    summarise: Callable[[], str]
    fields: tuple[str, ...]  # of the recipe: a fault in one of them opens the group
    draw: Callable[[Faults], None]


GROUPS = (
    Group("Phases", _summarise_phases, ("phases",), _show_phases),
    Group("Network", _summarise_network, NETWORK, _rows(NETWORK)),
    Group("Head", _summarise_head, ("pooling", "hidden"), _show_head),
    Group("Training", _summarise_training, TRAINING, _rows(TRAINING)),
    Group("Films and split", _summarise_films, FILMS, _rows(FILMS)),
    Group("Augmentation", _summarise_augmentation, ("augmentation", *BLENDS), _rows((*CHANGES, *BLENDS))),
)
