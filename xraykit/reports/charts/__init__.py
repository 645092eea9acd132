"""Altair charts: data in, `alt.Chart` out. Knows no page, reads no file, imports no pandas."""
