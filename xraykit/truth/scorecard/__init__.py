"""Does a model's heatmap do better than chance?"""
