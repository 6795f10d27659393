"""Three themes: dark, light, and one for eyes or beamers that need more contrast."""

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="cluster-dark",
    dark=True,
    primary="#5eb1ef",
    secondary="#8da4ef",
    accent="#5eb1ef",
    foreground="#d7dde4",
    background="#0f1419",
    surface="#0f1419",
    panel="#1a212a",
    success="#4cc38a",
    warning="#f1a10d",
    error="#ff6369",
)
LIGHT: Final = Theme(
    name="cluster-light",
    dark=False,
    primary="#0b68cb",
    secondary="#3a5ccc",
    accent="#0b68cb",
    foreground="#1b1f24",
    background="#fbfcfd",
    surface="#fbfcfd",
    panel="#e8ecf0",
    success="#18794e",
    warning="#915930",
    error="#c62a2f",
)
CONTRAST: Final = Theme(
    name="cluster-contrast",
    dark=True,
    primary="#ffffff",
    secondary="#ffffff",
    accent="#ffff00",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#303030",
    success="#00ff66",
    warning="#ffd000",
    error="#ff8080",
)
THEMES: Final = (DARK, LIGHT, CONTRAST)


def after(name: str) -> str:
    """The name of the theme that follows ``name``."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
