"""The App: it owns the state, follows the API, and opens screens. Everything shown is in screens and widgets."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from cluster_ai.client import AsyncClient, plain
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.i18n import LANGS, Lang, pick
from cluster_ai.core.paths import read_secret
from cluster_ai.tui.actions import SLOW_SECONDS, Action
from cluster_ai.tui.feed import Feed
from cluster_ai.tui.keys import ACTIONS, BINDINGS, KEYS
from cluster_ai.tui.memory import give_back
from cluster_ai.tui.screens.asking import ChooseAction, Confirm
from cluster_ai.tui.screens.command import CommandScreen
from cluster_ai.tui.screens.help import HelpScreen
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.screens.opening import made
from cluster_ai.tui.screens.overview import OverviewScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.starting import Place
from cluster_ai.tui.state import State
from cluster_ai.tui.themes import DARK, THEMES, after
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

SETTLED_SECONDS: Final = 3.0
"""After that the first screen is up and start-up's garbage can go."""

_IN_TEXT: Final = ("back", "enter", "mouse")
"""Keys that mean something of ours where text is typed, too."""

MOUSE_MODES: Final = (1000, 1003, 1015, 1006)
"""What a terminal is told to report: clicks, movement, and both in numbers that know wide windows (xterm)."""

Connect = Callable[[], AsyncClient]


class ClusterApp(App[None]):
    """``connect`` opens the API; ``clock`` answers monotonic seconds."""

    TITLE = "cluster-ai"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        connect: Connect,
        *,
        url: str,
        lang: Lang = "en",
        read_only: bool = False,
        command: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._connect = connect
        self.session = Session(url=url, lang=lang, clock=clock, state=State(), connect=connect, read_only=read_only)
        self.session.command = tuple(command)
        self._has_mouse = True
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        self.push_screen(OverviewScreen(self.session))
        self._follow()
        self.set_interval(1.0, self._tick)
        # Only then are the new theme's colours known; while it is being set the old ones still are.
        self.theme_changed_signal.subscribe(self, lambda _: self._redraw())
        self.set_timer(SETTLED_SECONDS, give_back)

    # -- data

    def _follow(self) -> None:
        feed = Feed(self._connect, self._received, self._failed)
        self.run_worker(feed.run(), group="feed", exclusive=True)

    def _received(self, overview: OverviewView) -> None:
        self.session.state.receive(overview, self.session.clock())
        if not self.session.state.paused:
            self._redraw()

    def _failed(self, error: ClusterError, pause: float) -> None:
        self.session.state.fail(error, now=self.session.clock(), pause=pause)
        self._tick()

    def _tick(self) -> None:
        if screen := self._live():
            screen.draw_clock()

    def _redraw(self) -> None:
        if screen := self._live():
            screen.draw()

    def _live(self) -> LiveScreen | None:
        """The uppermost screen of live data, also under a dialog."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, LiveScreen) and screen.is_mounted:
                return screen
        return None

    def _panel(self) -> Panel | None:
        screen = self._live()
        return screen.panel() if screen else None

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Our keys mean something on screens of live data only, and letters are letters where text is typed."""
        if action not in ACTIONS:
            return super().check_action(action, parameters)
        if not isinstance(self.screen, LiveScreen):
            return False
        return action in _IN_TEXT or not isinstance(self.focused, Input)

    def action_open(self, name: str) -> None:
        while len(self.screen_stack) > 2:  # noqa: PLR2004 - the library's own screen and the one to replace
            self.pop_screen()
        self.switch_screen(made(name, self.session))

    def action_detail(self) -> None:
        screen = self._live()
        if screen and screen is self.screen and (deeper := screen.deeper()):
            self.push_screen(deeper)

    def on_data_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        if (screen := self._live()) and event.data_table.id == screen.DETAILED:
            self.action_detail()

    def action_enter(self) -> None:
        screen = self._live()
        if screen and not screen.entered():
            self.action_detail()

    async def action_back(self) -> None:
        screen = self._live()
        if screen and not screen.escaped() and len(self.screen_stack) > 2:  # noqa: PLR2004 - as in open
            self.pop_screen()

    def action_filter(self) -> None:
        if screen := self._live():
            screen.open_filter()

    def action_sort(self) -> None:
        if panel := self._panel():
            panel.sort_next()

    def action_sort_back(self) -> None:
        if panel := self._panel():
            panel.sort_back()

    def action_pause(self) -> None:
        self.session.state.toggle_pause()
        self._redraw()

    def action_copy(self) -> None:
        if (screen := self._live()) and (name := screen.copied()):
            self.copy_to_clipboard(name)
            self.notify(self.session.t("copied", name=name), markup=False)

    def action_reconnect(self) -> None:
        self._follow()
        if screen := self._live():
            screen.ask_again()

    def action_page_next(self) -> None:
        if screen := self._live():
            screen.turn(1)

    def action_page_back(self) -> None:
        if screen := self._live():
            screen.turn(-1)

    def action_narrow(self) -> None:
        if screen := self._live():
            screen.narrow()

    def action_mouse(self) -> None:
        """Lets the terminal have the mouse, to mark text with, or takes it back."""
        self._has_mouse = not self._has_mouse
        if self._driver is not None:
            self._driver.write("".join(f"\x1b[?{mode}{'h' if self._has_mouse else 'l'}" for mode in MOUSE_MODES))
            self._driver.flush()
        self.notify(self.session.t("mouse.ours" if self._has_mouse else "mouse.terminal"), markup=False)

    def action_command(self) -> None:
        if self.session.read_only or not self.session.command:
            t = self.session.t
            why = t("action.read_only") if self.session.read_only else t("command.elsewhere")
            self.notify(why, severity="warning", markup=False)
            return
        self.push_screen(CommandScreen(self.session))

    def action_theme(self) -> None:
        self.theme = after(self.theme)

    def action_language(self) -> None:
        self.session.lang = LANGS[(LANGS.index(self.session.lang) + 1) % len(LANGS)]
        if screen := self._live():
            self.switch_screen(screen.anew())

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.session))

    def action_command_palette(self) -> None:
        if self.use_command_palette and not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=self.session.t("palette.hint")))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 - the library's
        for key in KEYS:
            if key.action != "back" and not (self.session.read_only and key.action == "actions"):
                text = self.session.t(f"help.{key.text}")
                yield SystemCommand(text, key.shown, lambda action=key.action: self.run_action(action))

    # -- changing the cluster

    def action_actions(self) -> None:
        if self.session.read_only:
            self.notify(self.session.t("action.read_only"), severity="warning", markup=False)
            return
        if screen := self._live():
            self.push_screen(ChooseAction(self.session, screen.actions()), self._chosen)

    def _chosen(self, action: Action | None) -> None:
        if action is None:
            return
        if action.name:
            self.push_screen(Confirm(self.session, action), lambda sure: self._carry_out(action) if sure else None)
        else:
            self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        self.run_worker(self._ask(action), group="actions")

    async def _ask(self, action: Action) -> None:
        if action.call.seconds > SLOW_SECONDS:
            self.notify(self.session.t("action.begun"), title=action.title, markup=False)
        try:
            async with self._connect() as client:
                problem = action.problem(await client.send(action.call))
        except ClusterError as exc:
            words = self.session.told(exc).line
            self.notify(f"{words} ({exc.code})", title=action.title, severity="error", timeout=10, markup=False)
        else:
            severity: Literal["error", "information"] = "error" if problem else "information"
            told = plain(problem) or self.session.t("action.asked")
            self.notify(told, title=action.title, severity=severity, markup=False)
        if screen := self._live():
            screen.ask_again()


OPTIONS: Final = {
    "--url": "address of another cluster's API; this machine's own when not given",
    "--token-file": "file with an access token for --url",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster-ai tui", description="The cluster in this terminal.")
    for name, text in OPTIONS.items():
        parser.add_argument(name, help=text)
    parser.add_argument("--lang", choices=LANGS, help="language of the interface")
    parser.add_argument("--theme", choices=[theme.name for theme in THEMES], help="colours")
    parser.add_argument("--read-only", action="store_true", help="offer nothing that changes the cluster")
    return parser.parse_args(argv)


def build(options: argparse.Namespace, place: Place) -> ClusterApp:
    """The App for these options, on a machine whose own cluster is at ``place``.

    Raises:
        Misconfigured: the token file cannot be read.
    """
    url = options.url or place.backend_url
    token = _token(options.token_file) if options.token_file else ""

    def connect() -> AsyncClient:
        return AsyncClient.local(place) if options.url is None else AsyncClient(url, token=token)

    # Verbs speak of this machine's own cluster: beside another one's figures they would mislead.
    command = () if options.url else (sys.executable, "-P", "-m", "cluster_ai.cli.main")
    lang = options.lang or place.lang or pick()
    app = ClusterApp(connect, url=url, lang=lang, read_only=options.read_only, command=command)
    if options.theme:
        app.theme = options.theme
    return app


def _token(file: str) -> str:
    try:
        return read_secret(Path(file))
    except OSError as exc:
        raise Misconfigured(f"the token file {file} cannot be read: {exc.strerror}") from exc
