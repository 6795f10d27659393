"""Writes ``docs/reference/settings.md`` in both languages from the settings: ``python scripts/docs/settings.py``."""

from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backend.settings_forms import AT_THE_MACHINE
from cluster_ai.core.i18n import Lang, texts
from cluster_ai.settings import Settings
from cluster_ai.settings_file import fields, taken_up

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"


class Words(NamedTuple):
    """``head`` has places for what gateways reload, and for what is changed at the machine alone."""

    file: str
    head: str
    top: str
    columns: str
    unset: str


ENGLISH: Final = Words(
    "settings.md",
    """# Settings
*[Português](settings.pt-BR.md)*

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

The dashboard and `PATCH /api/v1/settings` do the same for administrators, and gateways reload by themselves. Not from
afar, but only at the machine, because they say who gets in, where things lie or what runs as whom:
HERE.
""",
    "Top level",
    "| setting | default | meaning |",
    "not set",
)

PORTUGUESE: Final = Words(
    "settings.pt-BR.md",
    """# Configuração
*[English](settings.md)*

Feito de `cluster_ai/settings.py` por `scripts/docs/settings.py`; não edite à mão.

Fica em `config.toml` no diretório de dados. Cada configuração é também uma variável de ambiente, que vale mais:
`CLUSTER_AI_` e o nome em maiúsculas, `__` entre a seção e a chave
(`CLUSTER_AI_GATEWAY__PROBE_SECONDS=2`). Chaves desconhecidas são recusadas.

```
cluster-ai config set gateway.queue_length 64
cluster-ai config set gateway.aliases '{small = ["smollm2:135m"]}'
cluster-ai config unset gateway.queue_length
```

muda o arquivo: comentários e ordem ficam, e um valor que uma partida recusaria não é escrito. Os gateways adotam estas
com `cluster-ai reload`, sem interromper nenhuma resposta: AT_ONCE.
O resto vem com `cluster-ai restart`.

O painel e `PATCH /api/v1/settings` fazem o mesmo para administradores, e os gateways recarregam sozinhos. Não de longe,
mas só na própria máquina, porque dizem quem entra, onde as coisas ficam ou o que roda como quem:
HERE.
""",
    "Nível superior",
    "| configuração | padrão | o que significa |",
    "sem valor",
)
LANGUAGES: Final[dict[Lang, Words]] = {"en": ENGLISH, "pt-BR": PORTUGUESE}


def default_of(field: FieldInfo, words: Words) -> str:
    value = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
    if value is PydanticUndefined:
        return ""
    if value is None:
        return words.unset
    if value == "":
        return '`""`'
    return f"`{str(value) if not isinstance(value, tuple) else list(value)}`"


def section(model: type[BaseModel], title: str, prefix: str, lang: Lang) -> list[str]:
    """A table of the plain fields, then the sections below."""
    words = LANGUAGES[lang]
    # English stands with the settings.
    said = {} if lang == "en" else texts(lang, "settings")
    plain = {name: field for name, field in model.model_fields.items() if not is_section(field)}
    lines = [f"\n## {title}\n", words.columns, "| --- | --- | --- |"]
    for name, field in plain.items():
        meaning = said.get(f"{prefix}{name}") or field.description or ""
        lines.append(f"| `{name}` | {default_of(field, words)} | {meaning} |")
    for name, field in model.model_fields.items():
        if is_section(field):
            lines += section(field.annotation, f"`[{prefix}{name}]`", f"{prefix}{name}.", lang)  # type: ignore[arg-type]
    return lines


def is_section(field: FieldInfo) -> bool:
    kind: Any = field.annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def render(lang: Lang) -> str:
    words = LANGUAGES[lang]
    at_once = ", ".join(f"`{name}`" for name, _ in fields() if taken_up(name) == "reload")
    here = ", ".join(f"`{name}`" for name in AT_THE_MACHINE)
    head = words.head.replace("AT_ONCE", at_once).replace("HERE", here)
    return head + "\n".join(section(Settings, words.top, "", lang)) + "\n"


def pages() -> dict[Path, str]:
    """Each page, and what must stand in it."""
    return {FOLDER / words.file: render(lang) for lang, words in LANGUAGES.items()}


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
        print(f"wrote {page.name}")
