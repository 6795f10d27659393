"""Text from elsewhere, made safe for a terminal: a model's name or a node's error must not move the cursor."""

import re
import unicodedata

# CSI, OSC/DCS/APC strings with their end (or the rest of the text when there is none), then two-byte escapes.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x9c]|\x1b(?!\\))*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
)
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def plain(text: str, *, keep: str = "") -> str:
    """``text`` without escape sequences, control characters (but those in ``keep``) and direction overrides."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in _SEQUENCES.sub("", text) if char in keep or _harmless(char))


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} and ord(char) not in _BIDI
