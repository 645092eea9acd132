"""Engines: the runs of a study one after the other on this computer, or many at once on a Ray cluster."""
