"""The page Fine-tune: a dataset, a recipe, a device; the runs and what they do."""
