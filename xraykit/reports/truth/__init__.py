"""What a model's figures are worth, as sections of a page."""
