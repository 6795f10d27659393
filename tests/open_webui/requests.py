"""The recorded requests of Open WebUI, by name; ``record.py`` made them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Recorded:
    """One request as it came, people and prose replaced."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def raw(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body).encode()

    @property
    def fields(self) -> dict[str, Any]:
        return self.body or {}

    @property
    def streams(self) -> bool:
        return bool(self.fields.get("stream"))

    def lower(self, *without: str) -> dict[str, str]:
        """Its headers by lower-case name, as a server has them."""
        found = {name.lower(): value for name, value in self.headers.items()}
        return {name: value for name, value in found.items() if name not in without}


def recorded(name: str) -> Recorded:
    return Recorded(**json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8")))


def names() -> list[str]:
    return sorted(path.stem for path in RECORDED.glob("*.json"))
