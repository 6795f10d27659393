"""SQL of objectives, budgets and freezes. Every function takes the connection of a unit of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.slo.held import Held
from cluster_ai.slo.schema import budgets, definitions, freezes, overrides, policies, receipts
from cluster_ai.slo.types import (
    BudgetView,
    FreezePolicy,
    FreezeView,
    Objective,
    ObjectiveView,
    OverrideView,
    PolicyView,
)

_LOCK: Final = 0x534C4F
"""Of PostgreSQL's advisory locks: who freezes has it alone, who acts shares it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: what comes after ``cursor``, at most ``limit``."""

    limit: int = 100
    cursor: str = ""


async def lock(connection: AsyncConnection, *, alone: bool) -> None:
    """A freeze and a deed cannot pass each other unseen: one of them waits. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        shared = "" if alone else "_shared"
        await connection.execute(text(f"SELECT pg_advisory_xact_lock{shared}({_LOCK})"))


# -- objectives


async def objective(connection: AsyncConnection, slo_id: str) -> ObjectiveView | None:
    row = (await connection.execute(select(definitions).where(definitions.c.slo_id == slo_id))).mappings().first()
    return None if row is None else _objective(row)


async def objectives(
    connection: AsyncConnection, page: Page, filters: Mapping[str, Any] | None = None
) -> tuple[ObjectiveView, ...]:
    """By id. ``filters``: values of columns."""
    query = select(definitions).where(definitions.c.slo_id > page.cursor)
    for name, value in (filters or {}).items():
        query = query.where(definitions.c[name] == value)
    rows = await connection.execute(query.order_by(definitions.c.slo_id).limit(page.limit))
    return tuple(map(_objective, rows.mappings()))


async def put_objective(connection: AsyncConnection, view: ObjectiveView) -> None:
    """Stores it, whether it was there or not."""
    values = view.objective.model_dump(mode="json") | {
        "slo_id": view.slo_id,
        "origin": view.origin,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
    }
    await _upsert(connection, definitions, ["slo_id"], values)


async def remove_objective(connection: AsyncConnection, slo_id: str) -> bool:
    done = await connection.execute(definitions.delete().where(definitions.c.slo_id == slo_id))
    await connection.execute(budgets.delete().where(budgets.c.slo_id == slo_id))
    return done.rowcount > 0


def _objective(row: Any) -> ObjectiveView:
    fields = {name: row[name] for name in Objective.model_fields}
    kept = {name: row[name] for name in ("slo_id", "origin", "created_at", "updated_at")}
    return ObjectiveView(objective=Objective.model_validate(fields), **kept)


# -- budgets


async def add_budget(connection: AsyncConnection, budget_id: str, view: BudgetView) -> None:
    names = ("slo_id", "calculated_at", "sli_value", "total", "consumed", "remaining", "violations")
    values = {name: getattr(view, name) for name in names}
    rates = [one.model_dump(mode="json") for one in view.burn_rates]
    await connection.execute(
        budgets.insert().values(budget_id=budget_id, status=view.status.value, burn_rates=rates, **values)
    )


async def budget_history(
    connection: AsyncConnection, slo_id: str, *, before: float, limit: int
) -> tuple[Mapping[str, Any], ...]:
    """The newest first."""
    query = select(budgets).where(budgets.c.slo_id == slo_id, budgets.c.calculated_at < before)
    rows = await connection.execute(query.order_by(budgets.c.calculated_at.desc()).limit(limit))
    return tuple(dict(row) for row in rows.mappings())


async def forget_budgets(connection: AsyncConnection, *, before: float) -> None:
    await connection.execute(budgets.delete().where(budgets.c.calculated_at < before))


# -- policies


async def policy(connection: AsyncConnection, policy_id: str) -> PolicyView | None:
    row = (await connection.execute(select(policies).where(policies.c.policy_id == policy_id))).mappings().first()
    return None if row is None else _policy(row)


async def all_policies(connection: AsyncConnection, page: Page) -> tuple[PolicyView, ...]:
    query = select(policies).where(policies.c.policy_id > page.cursor).order_by(policies.c.policy_id)
    return tuple(map(_policy, (await connection.execute(query.limit(page.limit))).mappings()))


async def put_policy(connection: AsyncConnection, view: PolicyView) -> None:
    values = view.policy.model_dump(mode="json") | {
        "policy_id": view.policy_id,
        "origin": view.origin,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
    }
    await _upsert(connection, policies, ["policy_id"], values)


async def remove_policy(connection: AsyncConnection, policy_id: str) -> bool:
    return (await connection.execute(policies.delete().where(policies.c.policy_id == policy_id))).rowcount > 0


def _policy(row: Any) -> PolicyView:
    fields = {name: row[name] for name in FreezePolicy.model_fields}
    kept = {name: row[name] for name in ("policy_id", "origin", "created_at", "updated_at")}
    return PolicyView(policy=FreezePolicy.model_validate(fields), **kept)


# -- freezes


async def begin(connection: AsyncConnection, held: Held) -> None:
    """Stores a freeze that begins."""
    view = held.view
    names = ("event_id", "policy_id", "slo_id", "triggered_at", "reason", "remaining")
    await connection.execute(
        freezes.insert().values(
            **{name: getattr(view, name) for name in names},
            policy=held.policy.model_dump(mode="json"), resolved_at=None, active=True, resolution="",
            resolved_by="", held_off_until=0.0,
        )
    )  # fmt: skip


async def end(connection: AsyncConnection, event_id: str, **values: Any) -> bool:
    """Stores how an active freeze ended. ``values``: resolved_at, resolution, resolved_by, held_off_until."""
    change = freezes.update().where(freezes.c.event_id == event_id, freezes.c.active)
    return (await connection.execute(change.values(active=False, **values))).rowcount > 0


async def active(connection: AsyncConnection) -> tuple[Held, ...]:
    """All that hold now, the oldest first."""
    query = select(freezes).where(freezes.c.active).order_by(freezes.c.triggered_at)
    return await _held(connection, query)


async def freeze(connection: AsyncConnection, event_id: str) -> Held | None:
    found = await _held(connection, select(freezes).where(freezes.c.event_id == event_id))
    return found[0] if found else None


async def freeze_history(connection: AsyncConnection, page: Page, *, slo_id: str = "") -> tuple[Held, ...]:
    """The newest first: ids grow with time."""
    # Beyond every id when there is no cursor: a bound, so that the index is searched and not read through.
    query = select(freezes).where(freezes.c.event_id < (page.cursor or "~"))
    if slo_id:
        query = query.where(freezes.c.slo_id == slo_id)
    return await _held(connection, query.order_by(freezes.c.event_id.desc()).limit(page.limit))


async def held_off(connection: AsyncConnection, *, now: float) -> dict[tuple[str, str], float]:
    """Until when no new freeze begins, by policy and objective: somebody has ended one by hand."""
    query = select(freezes.c.policy_id, freezes.c.slo_id, func.max(freezes.c.held_off_until)).where(
        freezes.c.active.is_(False), freezes.c.triggered_at > now - 90 * 86_400, freezes.c.held_off_until > now
    )
    rows = await connection.execute(query.group_by(freezes.c.policy_id, freezes.c.slo_id))
    return {(row[0], row[1]): float(row[2]) for row in rows}


async def _held(connection: AsyncConnection, query: "sa.Select[Any]") -> tuple[Held, ...]:
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    found: dict[str, list[OverrideView]] = {}
    for row in await _overrides(connection, [row["event_id"] for row in rows]):
        found.setdefault(row["event_id"], []).append(OverrideView.model_validate(row))
    return tuple(_freeze(row, found.get(row["event_id"], [])) for row in rows)


async def _overrides(connection: AsyncConnection, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    if not event_ids:
        return []
    query = select(overrides).where(overrides.c.event_id.in_(event_ids)).order_by(overrides.c.requested_at)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _freeze(row: dict[str, Any], wanted: Sequence[OverrideView]) -> Held:
    rule = FreezePolicy.model_validate(row["policy"])
    kept = {name: row[name] for name in FreezeView.model_fields if name in row}
    view = FreezeView(
        **kept,
        policy_name=rule.name,
        scope=rule.scope,
        target=rule.target,
        actions=rule.actions,
        not_before=row["triggered_at"] + rule.min_duration_s,
        overrides=tuple(wanted),
    )
    return Held(view, rule, row["held_off_until"])


async def add_override(connection: AsyncConnection, view: OverrideView) -> None:
    await connection.execute(overrides.insert().values(view.model_dump(exclude={"in_force"})))


async def approve_override(connection: AsyncConnection, override_id: str, *, by: str, at: float) -> None:
    change = overrides.update().where(overrides.c.override_id == override_id)
    await connection.execute(change.values(approved_by=by, approved_at=at))


# -- alerts that somebody else sent


async def add_receipt(connection: AsyncConnection, values: Mapping[str, Any]) -> bool:
    """Stores an alert; whether it is new. One that came before is only noted to have come again."""
    key = [receipts.c[name] == values[name] for name in ("fingerprint", "starts_at", "status")]
    again = await connection.execute(receipts.update().where(*key).values(last_at=values["last_at"]))
    if again.rowcount:
        return False
    insert = _insert(connection, receipts).values(dict(values))
    # Drivers do not agree on how many rows were not inserted.
    made = await connection.execute(insert.on_conflict_do_nothing().returning(receipts.c.status))
    return made.first() is not None


async def last_receipts(connection: AsyncConnection, *, since: float) -> tuple[Mapping[str, Any], ...]:
    """Of each alert the last that was heard, for alerts about objectives."""
    query = select(receipts).where(receipts.c.last_at >= since, receipts.c.slo_id != "").order_by(receipts.c.last_at)
    newest = {(row["fingerprint"], row["starts_at"]): dict(row) for row in (await connection.execute(query)).mappings()}
    return tuple(newest.values())


async def forget_receipts(connection: AsyncConnection, *, before: float) -> None:
    await connection.execute(receipts.delete().where(receipts.c.last_at < before))


def _insert(connection: AsyncConnection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


async def _upsert(connection: AsyncConnection, table: sa.Table, key: list[str], values: Mapping[str, Any]) -> None:
    insert = _insert(connection, table).values(dict(values))
    changes = {name: insert.excluded[name] for name in values if name not in {*key, "created_at"}}
    await connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changes))
