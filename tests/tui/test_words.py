"""Figures and texts: the same keys in both languages, and none that nobody says."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.i18n import LANGS, texts
from cluster_ai.gateway.types import BreakerState, UpstreamKind, UpstreamState
from cluster_ai.plans.words import PlanState, TicketState
from cluster_ai.slo.types import FreezeAction, Status
from cluster_ai.supervisor.types import PartState
from cluster_ai.tui import decision_rows, model_rows, news_rows, plan_deeds, plan_rows, rows, slo_rows, topology_rows
from cluster_ai.tui.figures import Figures, sparkline
from cluster_ai.tui.keys import KEYS, SCREENS
from cluster_ai.tui.screens import metrics
from cluster_ai.tui.session import DOMAIN
from cluster_ai.tui.state import Link
from cluster_ai.tui.widgets.tiles import NAMES
from cluster_ai.views import DRAINING

OUTCOMES = ("running", "succeeded", "failed", "lost", "timed_out", "cancelled", "returned")
TUI = Path(rows.__file__).parent
COLUMNS = (
    *rows.NODE_COLUMNS,
    *rows.WORKER_COLUMNS,
    *rows.MODEL_COLUMNS,
    *rows.PART_COLUMNS,
    *rows.NODE_MODEL_COLUMNS,
    *model_rows.FLEET_COLUMNS,
    *model_rows.HOLDER_COLUMNS,
    *plan_rows.PLAN_COLUMNS,
    *plan_rows.TICKET_COLUMNS,
    *slo_rows.SLO_COLUMNS,
    *decision_rows.DECISION_COLUMNS,
    *topology_rows.TOPOLOGY_COLUMNS,
    *slo_rows.FREEZE_COLUMNS,
    *news_rows.EVENT_COLUMNS,
    *news_rows.LOG_COLUMNS,
)


def said() -> set[str]:
    """Every key that the code asks for."""
    source = "\n".join(path.read_text() for path in TUI.rglob("*.py"))
    found = set(re.findall(r"""(?:\b|_|\.)t\(\s*['\"]([a-z_]+(?:\.[a-z_]+)?)['\"]""", source))
    found |= set(re.findall(r"""\bt\("([a-z_.]+)" if [a-z_. ]+ else "[a-z_.]+"\)""", source))
    found |= set(re.findall(r"""\bt\("[a-z_.]+" if [a-z_. ]+ else "([a-z_.]+)"\)""", source))
    found |= {f"column.{column.key}" for column in COLUMNS}
    found |= {f"state.{state.value}" for state in (*UpstreamState, *PartState, *BreakerState)}
    found.add(f"state.{DRAINING}")
    found |= {f"breaker.{state.value}" for state in BreakerState} | {f"kind.{kind.value}" for kind in UpstreamKind}
    found |= {f"link.{link.value}" for link in Link} | {f"tile.{name}" for name in NAMES}
    found |= {f"help.{key.text}" for key in KEYS} | {f"key.{key.text}" for key in KEYS if key.on_bar}
    found |= {"key.screens", "look.failed", "look.asking"} | {f"model.{verb}" for verb in ("load", "unload")}
    found |= {f"work.{state.value}" for state in (*PlanState, *TicketState)}
    found |= {f"why.{state.value}" for state in plan_rows.EXPLAINED} | {f"outcome.{name}" for name in OUTCOMES}
    found |= {f"plan.{verb}" for verb in plan_deeds.PLAN_VERBS} | {f"ticket.{verb}" for verb in plan_deeds.TICKET_VERBS}
    found |= {f"budget.{state.value}" for state in Status} | {f"freeze.{action.value}" for action in FreezeAction}
    found |= {f"gauge.{name}" for name in metrics.GAUGES}
    panels = {"events", "logs"} | set(re.findall(r'Panel\("([a-z]+)"', source))
    found |= {f"panel.{name}" for name in panels} | {f"empty.{name}" for name in panels}
    facts = re.search(r"def facts_of.*", (TUI / "facts.py").read_text(), re.DOTALL)
    assert facts
    return found | {f"fact.{name}" for name in re.findall(r'^\s+"([a-z]+)": ', facts[0], re.MULTILINE)}


@pytest.mark.parametrize("lang", LANGS)
def test_every_text_is_there_and_used(lang: str) -> None:
    assert set(texts(lang, DOMAIN)) == said()  # type: ignore[arg-type]


def test_both_languages_fill_in_the_same_fields() -> None:
    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english, portuguese = texts("en", DOMAIN), texts("pt-BR", DOMAIN)
    assert {key: fields(text) for key, text in english.items()} == {
        key: fields(text) for key, text in portuguese.items()
    }


@pytest.mark.parametrize("lang", LANGS)
def test_the_bar_fits_80_columns(lang: str) -> None:
    found = texts(lang, DOMAIN)  # type: ignore[arg-type]
    bar = f" {SCREENS} {found['key.screens']}  " + "  ".join(
        f"{key.shown} {found[f'key.{key.text}']}" for key in KEYS if key.on_bar
    )
    assert len(bar) <= 80


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1, "1 B"), (1023, "1,023 B"), (1024, "1.0 KiB"), (144_811_392, "138 MiB"), (1024**3 - 1, "1.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert Figures("en").size(count) == text


def test_figures_in_each_language() -> None:
    english, portuguese = Figures("en"), Figures("pt-BR")
    assert (english.number(1234.5, 1), portuguese.number(1234.5, 1)) == ("1,234.5", "1.234,5")
    assert (english.rate(8.25), english.rate(82.5), english.rate(825.4), english.rate(0)) == (
        "8.25",
        "82.5",
        "825",
        "0",
    )
    assert (english.latency(0.0854), english.latency(1.25), english.latency(None)) == ("85 ms", "1.2 s", "—")
    assert portuguese.share(6 * 1024**3, 16 * 1024**3) == "6,0/16 GiB"
    assert [english.age(seconds) for seconds in (0.4, 61, 7200, 200_000, None)] == ["0 s", "1 min", "2 h", "2 d", "—"]


@given(st.lists(st.floats(0, 1e12), max_size=60), st.integers(0, 40))
def test_sparkline_fills_its_width(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == width
    assert set(line) <= set(" ▁▂▃▄▅▆▇█")


def test_sparkline_is_read_from_left_to_right() -> None:
    assert sparkline([0, 50, 100], 4, top=100) == " ▁▅█"
    assert sparkline([1, 2, 3, 4], 2) == "▇█" or sparkline([1, 2, 3, 4], 2)[-1] == "█"
