"""A data audit as a report: its sections, and their charts."""
