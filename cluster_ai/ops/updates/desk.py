"""What the API knows of updates: it looks, tells and confirms, and never applies one. Everything here blocks."""

from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai import __version__
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.paths import Home
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import switch
from cluster_ai.ops.updates import applying, journey
from cluster_ai.ops.updates.site import Site
from cluster_ai.ops.updates.source import Source
from cluster_ai.ops.updates.types import UpdateNoSource, UpdateOffer, UpdateRuns, UpdateSettings, UpdatesView


@dataclass(frozen=True, slots=True)
class UpdatesConfig:
    """Whose program it is, and where newer ones lie. ``root``: where this one lies."""

    home: Home
    settings: UpdateSettings
    root: Path | None = None


@dataclass(slots=True)
class _Seen:
    at: float | None = None
    offer: UpdateOffer | None = None
    problem: str = ""
    told: set[str] = field(default_factory=set)


class Desk:
    """The updates of one head."""

    def __init__(self, config: UpdatesConfig) -> None:
        self._config = config
        self._prefix = switch.prefix_of(config.root)
        self._seen = _Seen()

    @property
    def site(self) -> Site | None:
        """None: this program is a checkout."""
        return None if self._prefix is None else Site(self._prefix, self._config.home)

    def view(self) -> UpdatesView:
        """As it is known now; nothing is asked of anybody."""
        site, seen = self.site, self._seen
        if site is None:
            return UpdatesView(
                version=__version__, current="", installed=False, configured=bool(self._config.settings.source)
            )
        return UpdatesView(
            version=__version__,
            current=switch.current(site.prefix),
            installed=True,
            versions=switch.versions(site.prefix),
            configured=bool(self._config.settings.source),
            checked_at=seen.at,
            available=seen.offer,
            problem=seen.problem,
            going_on=site.note() is not None,
            last=site.outcome(),
        )

    def is_due(self, *, now: float) -> bool:
        """Whether it is time to look by itself."""
        settings, at = self._config.settings, self._seen.at
        wanted = bool(settings.source) and self._prefix is not None
        return wanted and (at is None or now - at >= settings.check_hours * 3600)

    def look(self, *, now: float) -> UpdatesView:
        """Looks at the source; what goes wrong stands in the view."""
        site = self.site
        self._seen.at = now
        if site is not None:
            try:
                self._seen.offer = applying.offer_of(source_of(self._config).look(), site.prefix)
                self._seen.problem = ""
            except ClusterError as exc:
                self._seen.problem = applying.words_of(exc)
        return self.view()

    def news(self) -> UpdateOffer | None:
        """An offer that nobody was told of yet; none that was tried and did not stay."""
        offer = self._seen.offer
        if offer is None or offer.failed or offer.name in self._seen.told:
            return None
        self._seen.told.add(offer.name)
        return offer

    def is_left(self) -> bool:
        """Whether an update waits for its end."""
        return (site := self.site) is not None and site.note() is not None

    def confirm(self) -> bool:
        """All parts are ready: this version stays, when the process that tried it is gone."""
        site = self.site
        try:
            if site is None or self._prefix is None:
                return False
            with site.only_one():
                return journey.confirm(site, running=switch.current(self._prefix))
        except UpdateRuns:
            return False


def source_of(config: UpdatesConfig, place: str = "") -> Source:
    """``place`` or, without one, that of the settings; with whoever must have signed it.

    Raises:
        UpdateNoSource: there is neither.
    """
    settings = config.settings
    if not (place or settings.source):
        raise UpdateNoSource(
            "nobody said where new versions lie", hint="name a file, or set source in [update] of config.toml"
        )
    return Source(place or settings.source, settings.signer or _own(config.home))


def _own(home: Home) -> str:
    """Fingerprint of this cluster's authority; of none when there is none."""
    try:
        return words.sha256_of((home.authority / "ca.crt").read_text(encoding="ascii"))
    except (OSError, words.BadBundle):
        return ""
