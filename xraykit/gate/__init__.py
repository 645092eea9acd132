"""Is an image a frontal chest film, the right way up? Asked before any model speaks."""
