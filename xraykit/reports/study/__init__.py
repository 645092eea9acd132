"""A study's sections, published figures and sentences."""
