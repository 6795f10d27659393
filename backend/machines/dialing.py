"""The head dials back: whether it can open each machine's own door, which no heartbeat shows.

A firewall that lets a machine out and nobody in is told where people look, and not when the first chat hangs.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from cluster_ai.core.loops import every
from cluster_ai.nodes.fleet import Fleet, Known
from cluster_ai.nodes.presence import MachineState
from cluster_ai.pki.types import node_host

log = structlog.get_logger(__name__)
TRY_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 60.0
"""A door that opened is tried again after so long, one that did not ..."""
SOON_SECONDS: Final = 5.0
AT_ONCE: Final = 16


@dataclass(slots=True)
class Dialling:
    """Tries each machine that is heard, in its turn."""

    fleet: Fleet
    tls: ssl.SSLContext
    _due: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    """When each is tried again, and the addresses that were tried."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def follow(self) -> None:
        """Until cancelled."""
        await every(1.0, self.tick, name="dialling")

    async def tick(self) -> None:
        """One look at all of them; those whose turn it is are tried side by side."""
        now = self.fleet.clocks.monotonic()
        present = self.fleet.all()
        self._due = {known.machine.id: due for known in present if (due := self._due.get(known.machine.id))}
        async with asyncio.TaskGroup() as tasks:
            for known in present:
                if known.state is MachineState.HEALTHY and self._is_due(known, now):
                    tasks.create_task(self._try(known))

    def _is_due(self, known: Known, now: float) -> bool:
        due, tried = self._due.get(known.machine.id, (0.0, ()))
        is_new = known.presence is None or known.presence.reachable is None
        return is_new or now >= due or tried != known.machine.addresses

    async def _try(self, known: Known) -> None:
        machine, host = known.machine, node_host(known.machine.id)
        async with self._turns:
            # Side by side: one with thirty addresses at which nobody answers holds up none of the others.
            errors = await asyncio.gather(*(self._open(address, machine.port, host) for address in machine.addresses))
        answers = dict(zip(machine.addresses, errors, strict=True))
        address = next((address for address, error in answers.items() if not error), "")
        reason = "; ".join(f"{tried}: {error}" for tried, error in answers.items() if error)
        is_open = bool(address)
        was = known.presence.reachable if known.presence else None
        self.fleet.dialled(machine.id, error="" if is_open else reason, address=address)
        if was is not is_open:
            tell = log.info if is_open else log.warning
            tell("machine's door is open" if is_open else "machine's door does not open", node=machine.name,
                 reason=reason)  # fmt: skip
        pause = AGAIN_SECONDS if is_open else SOON_SECONDS
        self._due[machine.id] = (self.fleet.clocks.monotonic() + pause, machine.addresses)

    async def _open(self, address: str, port: int, host: str) -> str:
        """Why the door did not open; empty when it did."""
        try:
            async with asyncio.timeout(TRY_SECONDS):
                _, writer = await asyncio.open_connection(address, port, ssl=self.tls, server_hostname=host)
        except TimeoutError:
            return "no answer in time"
        except ssl.SSLCertVerificationError as exc:
            return f"somebody else is there: {exc.verify_message}"
        except (ssl.SSLError, OSError) as exc:
            return exc.strerror or str(exc)
        except UnicodeError:
            return "that is no address"
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
        return ""
