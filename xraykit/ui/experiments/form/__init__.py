"""Setting up a study in three steps."""
