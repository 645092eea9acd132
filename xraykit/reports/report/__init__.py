"""Report: a page as data - words, tables, pictures - and the same content as HTML, Markdown, JSON, CSV, SVG and PNG.

Computes no figure and knows no page. What a page shows and what it hands out come from the same objects.
table: rows of figures; picture: charts; page: sections of both, and the whole.
"""
