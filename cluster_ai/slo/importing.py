"""Objectives from texts and back: OpenSLO, alert rules, files of rules."""

from cluster_ai.slo import openslo, tables
from cluster_ai.slo.alert_rules import take
from cluster_ai.slo.given import Given
from cluster_ai.slo.objectives import MOST, Imported, Objectives
from cluster_ai.slo.policies import Policies
from cluster_ai.slo.rules import rule_files
from cluster_ai.slo.tables import Page


class Importing:
    """Every import is one unit of work: all of it or nothing."""

    def __init__(self, given: Given, objectives: Objectives, policies: Policies) -> None:
        self._given = given
        self._objectives = objectives
        self._policies = policies

    async def openslo(self, text: str) -> Imported:
        """Stores what OpenSLO documents, and our own of freeze policies, say.

        Raises:
            InvalidInput: something in it is wrong.
            SloExists, PolicyExists: an id is taken.
        """
        said = openslo.read(text)
        async with self._given.database.transaction() as connection:
            made = tuple([await self._objectives.added(connection, one) for one in said.objectives])
            rules = [await self._policies.added(connection, one) for one in said.policies]
        left = dict.fromkeys(said.left_out, "says nothing to this cluster")
        return Imported(objectives=made, policies=tuple(one.policy_id for one in rules), left_out=left)

    async def alerts(self, text: str, *, service: str) -> Imported:
        """Stores what alert rules can be read as. Raises as ``openslo``."""
        said = take(text, service=service)
        made = await self._objectives.create_all(said.objectives)
        return Imported(objectives=made, left_out=said.left_out)

    async def exported(self, slo_id: str = "") -> str:
        """One objective, or all with all policies, as OpenSLO documents."""
        if slo_id:
            return openslo.write({slo_id: (await self._objectives.get(slo_id)).objective})
        async with self._given.database.read() as connection:
            known = await tables.objectives(connection, Page(MOST))
            rules = await tables.all_policies(connection, Page(MOST))
        return openslo.write({one.slo_id: one.objective for one in known}, {one.policy_id: one.policy for one in rules})

    async def rules(self, slo_id: str = "") -> str:
        """The rules of one objective, or of all that are switched on, for Prometheus."""
        if slo_id:
            return rule_files({slo_id: (await self._objectives.get(slo_id)).objective})
        known = await self._objectives.all(Page(MOST), enabled=True)
        return rule_files({one.slo_id: one.objective for one in known})
