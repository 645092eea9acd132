"""What is known of a model's worth, as sections for pages and files."""
