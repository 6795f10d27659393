"""What the machines' door does with a request: the fleet decides, the audit log is told, the paper is signed."""

from dataclasses import replace

from starlette.types import ASGIApp

from backend.machines.door import Caller, Desk
from backend.machines.members import Members
from backend.machines.refusing import Record, Refusals
from cluster_ai.accounts.audit import Deed
from cluster_ai.accounts.throttle import Throttle
from cluster_ai.nodes.types import Heartbeat, HeartbeatReply, JoinReply, JoinRequest, RenewReply, RenewRequest


class Office:
    """Serves the door."""

    def __init__(self, members: Members, cluster: str, record: Record) -> None:
        self._members = members
        self._fleet = members.fleet
        self._cluster = cluster
        self._record = record
        self._throttle = Throttle()
        self._refusals = Refusals(record, members.fleet.clocks.monotonic)

    def desk(self, files: ASGIApp, work: ASGIApp | None = None) -> Desk:
        return Desk(
            join=self.join,
            heartbeat=self.heartbeat,
            renew=self.renew,
            refused=self._refusals.tell,
            is_revoked=self._fleet.is_revoked,
            cluster_id=self._members.authority.cluster_id,
            authority=self._members.authority.pem,
            files=files,
            work=work,
        )

    async def join(self, request: JoinRequest, caller: Caller) -> JoinReply:
        """Lets a machine in."""
        # What the connection shows is an address that works, at least from there to here.
        now = self._fleet.clocks.wall()
        self._throttle.admit(account="join", address=caller.address, now=self._fleet.clocks.monotonic())
        addresses = tuple(dict.fromkeys((*request.addresses, caller.address)))
        joined = await self._fleet.join(request.model_copy(update={"addresses": addresses[:32]}), caller.token)
        self._throttle.forgive(account="join", address=caller.address)
        if joined.again:
            await self._members.publish_revoked()
        machine, settings = joined.machine, self._fleet.settings
        action = "machine_joined_again" if joined.again else "machine_joined"
        await self._record(Deed(actor=f"line of {machine.joined_by}", action=action, subject=machine.name,
                                address=caller.address))  # fmt: skip
        return JoinReply(
            node_id=machine.id,
            name=machine.name,
            cluster=self._cluster,
            certificate=joined.certificate,
            authority=self._members.authority.pem,
            revoked=self._fleet.revoked,
            heads=self._members.config.heads,
            scheduler=self._members.config.scheduler,
            heartbeat_seconds=settings.heartbeat_seconds,
            skew_seconds=request.sent_at - now,
        )

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        """Takes it in."""
        return await self._fleet.heard(beat)

    async def renew(self, machine_id: str, request: RenewRequest) -> RenewReply:
        """Another certificate for a machine that has one."""
        signed = await self._fleet.machines.renew(machine_id, request.request)
        known = self._fleet.known(machine_id)
        self._fleet.put(replace(known.machine, serial=signed.serial, certificate_until=signed.not_after))
        await self._record(Deed(actor=f"machine {known.machine.name}", action="certificate_renewed",
                                subject=known.machine.name))  # fmt: skip
        return RenewReply(certificate=signed.pem)
