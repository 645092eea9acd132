"""A report in the formats that talks, papers and archives want. Computes no figure; knows no page."""
