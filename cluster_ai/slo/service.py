"""The room of objectives: what surfaces ask, what others are given, and the two rounds that its loops make."""

import asyncio
from contextlib import suppress

from cluster_ai.core.errors import ClusterError
from cluster_ai.slo.alerts import Alerts
from cluster_ai.slo.asking import Asking
from cluster_ai.slo.desk import Desk
from cluster_ai.slo.evaluation import Picture
from cluster_ai.slo.freezes import Freezes
from cluster_ai.slo.given import Given
from cluster_ai.slo.measuring import Measuring
from cluster_ai.slo.web import Web


class Service:
    """Everything behind one door. ``freezes.consent`` is what every mutating service of the cluster is given."""

    def __init__(self, given: Given) -> None:
        url = given.settings.alertmanager_url
        self.given = given
        self.desk = Desk.of(given)
        self.freezes = Freezes(given)
        self.measuring = Measuring.of(given, self.freezes)
        self.alerts = Alerts(given, Web("Alertmanager", url) if url else None)
        promql = self.measuring.promql
        self.budgets = Asking(given, self.desk.objectives, lambda: self.picture.budgets, promql)
        self._round = asyncio.Lock()

    @property
    def picture(self) -> Picture:
        """The last evaluation."""
        return self.measuring.evaluation.picture

    async def count(self) -> None:
        """One look at what happened."""
        ledger = self.measuring.counting.ledger
        await self.measuring.counting.look(self.given.nodes())
        await self.measuring.promql.look(ledger.objectives, self.given.now())

    async def evaluate(self) -> None:
        """One evaluation, over what stands in the files and the database now."""
        async with self._round:
            await self.desk.files.look()
            picture = await self.measuring.evaluation.evaluate()
            watched = {slo_id: view.objective for slo_id, view in picture.objectives.items()}
            self.measuring.counting.ledger.watch(watched)
        await self.alerts.send(picture.budgets, every=self.given.settings.evaluate_seconds)

    async def closed(self) -> None:
        """Stores what was counted and no log keeps."""
        with suppress(ClusterError):
            await self.measuring.counting.store()
