"""Whether a model's heatmap does better than chance."""
