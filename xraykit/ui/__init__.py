"""What every page shares: the frame, the research-only banner, and the server's one inference client.

This package and the pages are all that imports Streamlit; nothing here reads a film or runs a network.
"""

from __future__ import annotations

import contextlib
import html
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from xraykit.models import service as inference
