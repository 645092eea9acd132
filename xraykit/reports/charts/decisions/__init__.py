"""Charts of what figures mean for a decision: 100 people, net benefit, coverage, changes between two models."""
