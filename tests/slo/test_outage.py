"""A recorded outage: it fires, freezes and releases in the minutes that a calculation by hand gives."""

from fractions import Fraction

from cluster_ai.core.consent import Action, Deed
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import NewOverride, Status
from tests.slo.conftest import PULL, START, House, objective, policy


def test_it_fires_freezes_and_releases_in_the_computed_minutes(house: House) -> None:
    """Ten calls a minute for an hour, then all fail for half an hour, then all is well.

    Target 90 % over a day. The budget is empty when bad = 0.1 * all: after n bad minutes of 60 + n that is n/(60 + n)
    > 0.1, in the 7th minute. The freeze wants less than 10 % left: n/(60 + n) > 0.09, in the 6th. The page over one
    hour (8 % in 1 h, factor 13.44 for a week) does not exist for a day; the alerts here are their own.
    """

    async def story(service: Service) -> None:
        alerts = [{"severity": "page", "budget": 0.2, "long_seconds": 3600, "short_seconds": 300}]
        await service.desk.objectives.create(objective(alert_windows=alerts))
        await service.desk.policies.create(policy())
        await service.evaluate()
        await service.count()
        for _ in range(60):
            await house.minute(good=10)
        assert service.picture.budgets["chat"].status is Status.HEALTHY
        assert await house.refused(PULL) is None
        began = {}
        for number in range(1, 31):
            await house.minute(bad=10)
            view = service.picture.budgets["chat"]
            if view.violations:
                began.setdefault("page", number)
            if view.status is Status.EXHAUSTED:
                began.setdefault("exhausted", number)
            if await house.refused(PULL):
                began.setdefault("frozen", number)
        # Factor 0.2 * 24 = 4.8: more than 48 % of the last hour's calls failed.
        first_page = next(n for n in range(1, 31) if Fraction(n, 60) > Fraction("0.48"))
        first_frozen = next(n for n in range(1, 31) if 1 - Fraction(n, 60 + n) * 10 < Fraction("0.1"))
        first_empty = next(n for n in range(1, 31) if 1 - Fraction(n, 60 + n) * 10 <= 0)
        assert began == {"page": first_page, "frozen": first_frozen, "exhausted": first_empty}
        assert (first_page, first_frozen, first_empty) == (29, 6, 7)
        ended = {}
        for number in range(1, 700):
            await house.minute(good=100)
            if not service.picture.budgets["chat"].violations:
                ended.setdefault("page", number)
            if not await house.refused(PULL):
                ended["released"] = number
                break
        # The page clears with its short window; the freeze once 300/(900 + 100 n) <= 0.06.
        first_good = next(n for n in range(1, 700) if 1 - Fraction(300, 900 + 100 * n) * 10 >= Fraction("0.4"))
        assert ended == {
            "page": next(n for n in range(1, 9) if Fraction(50 - 10 * n, 50 - 10 * n + 100 * n) <= Fraction("0.48")),
            "released": first_good,
        }
        assert first_good == 41

    house.tell(story)
    said = [kind for kind in house.types() if kind != "slo.budget.updated"]
    assert said == [
        "slo.freeze.activated",
        "slo.violated",
        "slo.burn.started",
        "slo.burn.cleared",
        "slo.freeze.resolved",
    ]


def test_what_is_frozen_is_refused_with_all_that_one_needs_to_know(house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective())
        await service.desk.policies.create(policy(exemptions=["model:llama*"]))
        await service.evaluate()
        await service.count()
        await house.minute(good=1, bad=9)
        refused = await house.refused(PULL)
        assert refused is not None
        assert refused.code == "frozen"
        assert refused.values["slo"] == "chat"
        assert refused.values["remaining"] == "-800.0%"
        assert float(refused.values["until"]) == START + 60 + 600
        [freeze] = await service.freezes.active()
        assert refused.values["freeze"] == freeze.event_id
        # Neither what mends, nor what is exempt, nor another service, nor another kind of deed.
        for deed in (
            Deed(PULL.action, PULL.subject, PULL.scope, is_mending=True),
            Deed(Action.PULL, "llama3", {"service": "gateway", "model": "llama3"}),
            Deed(Action.PULL, "x", {"service": "api"}),
            Deed(Action.SCALE, "n1", {"service": "gateway"}),
        ):
            assert await house.refused(deed) is None

    house.tell(story)


def test_an_override_lets_through_until_it_expires(house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective())
        await service.desk.policies.create(policy())
        await service.evaluate()
        await service.count()
        await house.minute(bad=9)
        [freeze] = await service.freezes.active()
        view = await service.freezes.override(freeze.event_id, NewOverride(reason="a fix", minutes=10), by="ada")
        assert [one.in_force for one in view.overrides] == [True]
        assert await house.refused(PULL) is None
        house.now += 601
        assert await house.refused(PULL)
        assert [one.in_force for one in (await service.freezes.get(freeze.event_id)).overrides] == [False]

    house.tell(story)
    assert house.types().count("slo.freeze.overridden") == 1


def test_the_outbox_has_what_was_told(house: House) -> None:
    from cluster_ai.core import outbox

    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective())
        await service.desk.policies.create(policy())
        await service.evaluate()
        await service.count()
        await house.minute(bad=9)
        async with house.database.read() as connection:
            stored = await outbox.unpublished(connection, 100)
        assert [event.type for event in stored] == house.types()
        assert "slo.freeze.activated" in house.types()

    house.tell(story)
