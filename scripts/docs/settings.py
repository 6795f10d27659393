"""Writes ``docs/reference/settings.md`` from the settings tree: ``python scripts/docs/settings.py``."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backend.settings_forms import AT_THE_MACHINE
from cluster_ai.settings import Settings
from cluster_ai.settings_file import fields, taken_up

TARGET = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
HEAD = """# Settings
Made from `cluster_ai/settings.py` by `scripts/docs/settings.py`; do not edit by hand.

Written in `config.toml` in the data directory. Every setting is also an environment variable, which wins:
`CLUSTER_AI_` and the name in capitals, `__` between a section and its key
(`CLUSTER_AI_GATEWAY__PROBE_SECONDS=2`). Unknown keys are refused.

```
cluster-ai config set gateway.queue_length 64
cluster-ai config set gateway.aliases '{small = ["smollm2:135m"]}'
cluster-ai config unset gateway.queue_length
```

changes the file: comments and order stay, and a value that a start would refuse is not written. Gateways take up these
with `cluster-ai reload`, without ending a stream: AT_ONCE.
Anything else comes with `cluster-ai restart`.

The dashboard's page Settings and `PATCH /api/v1/settings` do the same for administrators, and gateways reload by
themselves. Not from afar, but only at the machine, because they say who gets in, where things lie or what runs as whom:
HERE.
"""


def default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
    if value is PydanticUndefined:
        return ""
    if value is None:
        return "not set"
    return f"`{str(value) if not isinstance(value, tuple) else list(value)}`"


def section(model: type[BaseModel], title: str, prefix: str) -> list[str]:
    """A table of the plain fields, then the sections below."""
    plain = {name: field for name, field in model.model_fields.items() if not is_section(field)}
    lines = [f"\n## {title}\n", "| setting | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {default_of(field)} | {field.description or ''} |" for name, field in plain.items()]
    for name, field in model.model_fields.items():
        if is_section(field):
            lines += section(field.annotation, f"`[{prefix}{name}]`", f"{prefix}{name}.")  # type: ignore[arg-type]
    return lines


def is_section(field: FieldInfo) -> bool:
    kind: Any = field.annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def render() -> str:
    at_once = [f"`{name}`" for name, _ in fields() if taken_up(name) == "reload"]
    here = [f"`{name}`" for name in AT_THE_MACHINE]
    head = HEAD.replace("AT_ONCE", ", ".join(at_once)).replace("HERE", ", ".join(here))
    return head + "\n".join(section(Settings, "Top level", "")) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
