"""Tones (good, warn, bad, quiet) as colours of the theme in use."""

from typing import Any

from textual.app import App


def tones(app: App[Any]) -> dict[str, str]:
    """Rich style by tone."""
    found = app.theme_variables
    return {
        "good": found["success"],
        "warn": found["warning"],
        "bad": f"bold {found['error']}",
        "quiet": quiet(app),
        "accent": found["accent"],
        "strong": "bold",
    }


def quiet(app: App[Any]) -> str:
    """Two thirds of the way from background to text: still readable in every theme (4.5:1)."""
    from_, to = app.current_theme.background, app.current_theme.foreground
    if from_ is None or to is None:
        return "dim"
    back, front = (int(colour.lstrip("#"), 16) for colour in (from_, to))
    mixed = [(back >> shift & 255) + ((front >> shift & 255) - (back >> shift & 255)) * 2 // 3 for shift in (16, 8, 0)]
    return "#" + "".join(f"{part:02x}" for part in mixed)
