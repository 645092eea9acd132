"""What a folder of films gives away before anything learns from it."""
