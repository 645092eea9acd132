"""Altair charts: data in, `alt.Chart` out. Knows no page, reads no file, imports no pandas."""

from xraykit.charts.counts import counts, parts_of
from xraykit.charts.curves import precision_recall, reliability, roc
from xraykit.charts.learning import learning
from xraykit.charts.live import device, progress
from xraykit.charts.matrices import intervals, matrix
from xraykit.charts.probabilities import probabilities
from xraykit.charts.style import PAPER, SCREEN, Style

__all__ = [
    "PAPER",
    "SCREEN",
    "Style",
    "counts",
    "device",
    "intervals",
    "learning",
    "matrix",
    "parts_of",
    "precision_recall",
    "probabilities",
    "progress",
    "reliability",
    "roc",
]
