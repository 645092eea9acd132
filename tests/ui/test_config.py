"""The server's settings: this computer only, nothing asked of any other."""

import tomllib

from tests.helpers import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def test_the_server_listens_on_this_computer_only():
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert "allowedHosts" not in CONFIG["server"], "the door judges hosts, with their ports: tests/ui/test_door.py"
    assert CONFIG["server"]["enableXsrfProtection"] and CONFIG["server"]["enableCORS"]
    assert not CONFIG["server"]["enableStaticServing"]
    assert not CONFIG["server"].get("enableAgentApi", False)


def test_nothing_is_reported_to_anyone():
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["showEmailPrompt"] is False
    assert "http" not in str(CONFIG), "a theme with a font or icon from elsewhere would fetch it"


def test_users_see_words_and_never_a_traceback():
    assert CONFIG["client"]["showErrorDetails"] == "none"


def test_the_reading_room_is_dark_and_readable():
    theme = CONFIG["theme"]
    assert luminance(theme["backgroundColor"]) < luminance("#101010")
    ratio = (luminance(theme["textColor"]) + 0.05) / (luminance(theme["backgroundColor"]) + 0.05)
    assert ratio >= 4.5, "WCAG 2.2, 1.4.3"


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
