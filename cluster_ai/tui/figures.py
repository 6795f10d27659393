"""Numbers as people read them in a terminal cell. Pure."""

from dataclasses import dataclass
from typing import Final

from cluster_ai.core.i18n import Lang

NONE: Final = "—"
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Figures:
    """Formats for one language."""

    lang: Lang

    def number(self, value: float, digits: int = 0) -> str:
        """With the language's separators; ``digits`` after the point."""
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.lang == "pt-BR" else text

    def rate(self, value: float | None) -> str:
        """Three figures that matter: 8.25, 82.5, 825."""
        if value is None:
            return NONE
        return self.number(value, 2 if value < 10 else 1 if value < 100 else 0) if value else "0"  # noqa: PLR2004

    def percent(self, value: float) -> str:
        return f"{self.number(value)} %"

    def size(self, count: float) -> str:
        """Bytes in binary units: 144 MiB, 1.5 GiB."""
        step = 0
        while count >= 1023.5 and step < len(_SIZES) - 1:  # noqa: PLR2004 - what would round up to 1024
            count /= 1024
            step += 1
        return f"{self.number(count, 1 if 0 < count < 10 and step else 0)} {_SIZES[step]}"  # noqa: PLR2004

    def share(self, used: float, total: float) -> str:
        """``6.0/16 GiB``."""
        whole = self.size(total)
        unit = whole.rsplit(" ", 1)[-1]
        part = used / 1024 ** _SIZES.index(unit)
        return f"{self.number(part, 1)}/{whole}"

    def latency(self, seconds: float | None) -> str:
        """``85 ms`` or ``1.2 s``."""
        if seconds is None:
            return NONE
        return f"{self.number(seconds * 1000)} ms" if seconds < 0.9995 else f"{self.number(seconds, 1)} s"  # noqa: PLR2004

    def age(self, seconds: float | None) -> str:
        """The largest unit that fits: ``12 s``, ``4 min``, ``3 h``, ``2 d``."""
        if seconds is None:
            return NONE
        for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
            if seconds >= length:
                return f"{int(seconds // length)} {unit}"
        return f"{max(0, int(seconds))} s"


def sparkline(values: list[float], width: int, *, top: float | None = None) -> str:
    """The last ``width`` values as blocks, the newest on the right; ``top`` is the value of a full block."""
    if width <= 0:
        return ""
    shown = values[-width:]
    highest = max([*shown, 0.0]) if top is None else top
    return "".join(_block(value, highest) for value in shown).rjust(width)


def _block(value: float, highest: float) -> str:
    if highest <= 0 or value <= 0:
        return _BLOCKS[0]
    return _BLOCKS[min(len(_BLOCKS) - 1, int(value / highest * len(_BLOCKS)))]


def bar(share: float, width: int) -> str:
    """A share from 0 to 1 as a bar; what is beyond either end is drawn as that end."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
