"""Review: films in; what each model predicts and which regions influenced it. Reads top to bottom, decides nothing."""

import streamlit as st

from xraykit.models import explanation
from xraykit.ui import server
from xraykit.ui.kit.frame import frame, watch_restarts
from xraykit.ui.review import controls, incoming, panes, readings, worklist

frame("Review")
watch_restarts()
cards, broken = server.models()

film = worklist.current()
if film is None:
    controls.show_welcome()
    controls.show_refused(worklist.refused(), broken)
    controls.show_models_word(cards)
    incoming.go_on()
    st.stop()

incoming.show_late_zone()
with st.sidebar:
    worklist.show_list({sha: readings.summarise(sha, cards) for sha in worklist.films()})
    incoming.show_drop_zone("Add films", "side")
    incoming.show_path_field("side")
    incoming.show_progress()
    controls.show_film_actions()
    controls.count_refused(worklist.refused())

if not cards:
    left, right = st.columns(2, gap="medium")
    panes.show_warnings(film.radiograph)
    with left:
        panes.show_film(film.name, film.radiograph)
    with right:
        controls.show_models_word(cards)
    controls.show_refused(worklist.refused(), broken)
    incoming.go_on()
    st.stop()

# inputs
cards = controls.choose_models(cards)
read = {card.name: readings.read(film.radiograph, card.name) for card in cards}
classes = tuple(dict.fromkeys(name for card in cards for name in card.classes))
choice = controls.choose(classes)

# compute
labels = {
    model: choice.label or reading.prediction.top for model, reading in read.items() if not isinstance(reading, str)
}
heatmaps = readings.heatmaps(film.radiograph, choice.method, labels)
maxima = [heatmap.maximum for heatmap in heatmaps.values() if isinstance(heatmap, explanation.Explanation)]
shared = max(maxima, default=0.0) if choice.shared_scale else None

# show
controls.show_job()
panes.show_warnings(film.radiograph)
film_place, *model_places = panes.places(len(cards))
with film_place:
    panes.show_film(film.name, film.radiograph, panes.agreement(read.values()))
for place, card in zip(model_places, cards, strict=True):
    with place:
        panes.show_reading(
            card,
            film.radiograph,
            read[card.name],
            heatmaps.get(card.name),
            opacity=choice.opacity,
            colormap=choice.colormap,
            shared_maximum=shared,
            classes=classes,
        )
controls.show_refused(worklist.refused(), broken)
incoming.go_on()
