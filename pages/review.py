"""Review: films in, what each model makes of them and where it looked. Reads top to bottom; decides nothing itself."""

import streamlit as st

from xraykit.models import explanation
from xraykit.ui.frame import frame, watch_restarts
from xraykit.ui.kit import inference
from xraykit.ui.review import controls, panes, worklist
from xraykit.ui.review import readings as reading

frame("Review")
watch_restarts()
cards, broken = inference.cards()

film = worklist.current()
if film is None:
    controls.show_welcome()
    controls.show_refused(worklist.refused(), broken)
    controls.show_models_word(cards)
    st.stop()

with st.sidebar:
    worklist.show_list({sha: reading.summarise(sha, cards) for sha in worklist.films()})
    worklist.show_drop_zone("Add films")
    controls.show_film_actions()
    controls.count_refused(worklist.refused())

if not cards:
    left, right = st.columns(2, gap="medium")
    with left:
        panes.show_film(film.name, film.radiograph)
    with right:
        controls.show_models_word(cards)
    controls.show_refused(worklist.refused(), broken)
    st.stop()

# inputs
cards = controls.choose_models(cards)
readings = {card.name: reading.read(film.radiograph, card.name) for card in cards}
classes = tuple(dict.fromkeys(name for card in cards for name in card.classes))
choice = controls.choose(classes)

# compute
labels = {name: choice.label or found.prediction.top for name, found in readings.items() if not isinstance(found, str)}
heats = reading.heatmaps(film.radiograph, choice.method, labels)
drawn = [heat.maximum for heat in heats.values() if isinstance(heat, explanation.Explanation)]
shared = max(drawn, default=0.0) if choice.shared_scale else None

# show
controls.show_job()
rows = [cards[start : start + 2] for start in range(0, len(cards), 2)] or [[]]
for place, row in enumerate(rows):
    columns = st.columns(3, gap="small")
    if place == 0:
        with columns[0]:
            panes.show_film(film.name, film.radiograph, panes.agreement(readings.values()))
    for column, card in zip(columns[1:], row, strict=False):
        with column:
            panes.show_reading(
                card,
                film.radiograph,
                readings[card.name],
                heats.get(card.name),
                opacity=choice.opacity,
                colormap=choice.colormap,
                shared_maximum=shared,
                classes=classes,
            )
controls.show_refused(worklist.refused(), broken)
