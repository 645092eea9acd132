"""The parts of the Fine-tune page: a new run in three steps, the chosen run, and all runs."""
