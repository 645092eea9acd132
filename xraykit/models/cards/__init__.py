"""A model's card, and what its fields may hold."""
