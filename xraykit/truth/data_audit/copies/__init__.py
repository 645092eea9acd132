"""Films that are one picture or nearly so: the same file, turned, inverted, cropped or moved."""
