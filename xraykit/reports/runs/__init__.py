"""A training run as a report: what its folder says, and the page made of it."""
