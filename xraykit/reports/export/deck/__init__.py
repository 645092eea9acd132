"""What a deck of slides is made of; `xraykit.reports.export.slides` makes one. Computes no figure of a report.

look       colours of the two looks, sizes of type, and where things stand on a slide
measure    how wide and high a text becomes, before anything draws it
marks      what a Vega-Lite chart draws, as layers of rows
shapes     text, lines and legends as native shapes
blocks     words, pictures in pixels, blocks side by side or with a title: what is stacked on a slide
native/    what PowerPoint draws itself. grids: tables; matrices: tables of shaded cells; xy: an XY chart; lines: curves
           and points on it; dots: shares with intervals on it, a row each, with their numbers beside it
sections   a section as blocks
pack       blocks onto slides, with titles, footers and notes
file       the deck's file: its theme, and the same bytes every time
"""
