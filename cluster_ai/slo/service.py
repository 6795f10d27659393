"""The room of objectives: what surfaces ask, what others are given, and the two rounds that its loops make."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from cluster_ai.core.errors import ClusterError
from cluster_ai.slo import alerts, asking, desk, figures, measuring
from cluster_ai.slo.evaluation import Picture
from cluster_ai.slo.freezes import Freezes
from cluster_ai.slo.given import Event, Given, Tell
from cluster_ai.slo.web import Web


class Service:
    """Everything behind one door. ``freezes.consent`` is what every mutating service of the cluster is given."""

    def __init__(self, given: Given) -> None:
        url = given.settings.alertmanager_url
        self.figures = figures.Figures()
        given = replace(given, tell=self._telling(given.tell))
        self.given = given
        self.desk = desk.Desk.of(given)
        self.freezes = Freezes(given)
        self.measuring = measuring.Measuring.of(given, self.freezes)
        self.alerts = alerts.Alerts(given, Web("Alertmanager", url) if url else None)
        promql = self.measuring.promql
        self.budgets = asking.Asking(given, self.desk.objectives, lambda: self.picture.budgets, promql)
        self._round = asyncio.Lock()
        self._watches = False
        self._epoch = 0

    def _telling(self, tell: Tell) -> Tell:
        def both(event: Event) -> None:
            self.figures.heard(event)
            tell(event)

        return both

    @property
    def picture(self) -> Picture:
        """The last evaluation."""
        return self.measuring.evaluation.picture

    async def count(self) -> None:
        """One look at what happened."""
        ledger = self.measuring.counting.ledger
        if not self._watches:
            # Nobody knows yet what counts: logs that are read now would be read for nothing.
            return
        if not self.given.leads():
            await self.measuring.counting.store()
            return
        await self.measuring.counting.look(self.given.nodes())
        await self.measuring.promql.look(ledger.objectives, self.given.now())

    async def evaluate(self) -> None:
        """One evaluation, over what stands in the files and the database now."""
        async with self._round:
            await self._files()
            picture = await self.measuring.evaluation.evaluate()
            watched = {slo_id: view.objective for slo_id, view in picture.objectives.items()}
            self.measuring.counting.ledger.watch(watched)
            self._watches = True
            await self.freezes.publish()
            self.figures.active = await self.freezes.active()
            self.figures.seconds.add(picture.seconds)
            self.figures.policy_evaluations += len(picture.policies)
        if self.given.leads():
            await self.alerts.send(picture.budgets, every=self.given.settings.evaluate_seconds)

    async def _files(self) -> None:
        """The files of the head that leads are those that count."""
        epoch = self.given.leads()
        if epoch != self._epoch:
            self.desk.files.anew()
        self._epoch = epoch
        if epoch:
            await self.desk.files.look()

    async def closed(self) -> None:
        """Stores what was counted and no log keeps."""
        with suppress(ClusterError):
            await self.measuring.counting.store()
