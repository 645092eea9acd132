"""Films in reports: one film, a sheet of many, a reading session."""
