"""From a probability to a decision: thresholds, sets, people."""
