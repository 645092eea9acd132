"""Models: listed, imported, evaluated, compared."""
