"""Films that come with the house, drawn by `draw.py`, of nobody, marked SYNTHETIC. Only paths, nothing is read."""

from pathlib import Path

PNG = Path(__file__).parent / "synthetic-film.png"
DICOM = Path(__file__).parent / "synthetic-film.dcm"
FILMS = (PNG, DICOM)
