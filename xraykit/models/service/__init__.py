"""The inference service, `python -m xraykit.models.service`, and its client: the pages' only way to a network.

client     what pages call; starts the process, and starts it again when it died
process    the process's side: decoders, loaded models, the tf-keras-vis worker
scoring    a film scored by models: predictions, Grad-CAM, how far the heatmaps agree, a thumbnail
seen       what goes into a network for a film, and how it came about
heatmaps   how far two heatmaps agree
worker     the slow heatmaps, computed by a TensorFlow process of their own
lines      how a request goes to another process of ours and its answer comes back
kept       what is remembered of films, up to so many bytes

Never imports TensorFlow or Keras.
"""
