"""A study: what it asks (study), the choices of its design (design), what its fields may hold (rules), its films."""
