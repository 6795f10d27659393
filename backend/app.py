"""The management API as one ASGI application."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from backend import errors, openapi
from backend.collector import ClusterCollector
from backend.dispatching.figures import DispatchCollector
from backend.dispatching.work_first import WorkFirst
from backend.headers import SecureHeaders
from backend.lookout import LookAround, open_lookout, this_box
from backend.notify_metrics import BusCollector, NotifyCollector
from backend.plane import Plane
from backend.policy import RULES, WEBSOCKET
from backend.quick import Shortcuts
from backend.registry.figures import RegistryCollector
from backend.routed import PolicedRoute
from backend.routes import (
    about,
    accounts,
    alerts,
    attempts,
    audit,
    backups,
    beats,
    budgets,
    catalog,
    chat,
    cluster,
    compute,
    dask,
    discoveries,
    doctor,
    event_log,
    gateway,
    health,
    host_keys,
    incidents,
    invitations,
    keys,
    leader,
    live,
    logs,
    machine_doors,
    machine_orders,
    machines,
    models,
    plans,
    policies,
    power,
    recent,
    registry,
    second_factor,
    sessions,
    settings,
    slos,
    tickets,
    unused,
    updates,
    upkeep,
    usage,
    users,
    webhooks,
    work,
    workflows,
)
from backend.slo_metrics import SloCollector, counted
from backend.slo_probe import probing
from backend.traced import Traced
from backend.ui_files import FOLDER, UiFiles
from cluster_ai import __version__
from cluster_ai.core.asgi.observe import Observed
from cluster_ai.core.asgi.proxies import BehindProxies
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.metrics import HttpMetrics, new_registry
from cluster_ai.core.tracing import OFF, Tracing
from cluster_ai.election.figures import TermCollector
from cluster_ai.logs.figures import LogsCollector
from cluster_ai.ops.figures import BackupsCollector

OpenPlane = Callable[[], AbstractAsyncContextManager[Plane]]
MODULES = (
    health,
    accounts,
    users,
    second_factor,
    sessions,
    cluster,
    leader,
    machines,
    machine_orders,
    machine_doors,
    power,
    invitations,
    discoveries,
    event_log,
    host_keys,
    catalog,
    upkeep,
    unused,
    models,
    chat,
    gateway,
    keys,
    usage,
    live,
    logs,
    audit,
    beats,
    recent,
    registry,
    plans,
    tickets,
    attempts,
    workflows,
    compute,
    dask,
    work,
    incidents,
    slos,
    budgets,
    policies,
    alerts,
    webhooks,
    backups,
    updates,
    doctor,
    settings,
    about,
)


class Api(FastAPI):
    """Describes itself from the policy table."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = openapi.describe(self)
        return self.openapi_schema


def create_app(
    open_plane: OpenPlane,
    *,
    ui_folder: Path = FOLDER,
    look_around: LookAround = this_box,
    tracing: Tracing = OFF,
    trusted_proxies: Sequence[str] = (),
) -> ASGIApp:
    """The application with every layer on. ``open_plane`` is entered when it starts and left when it stops."""
    api = create_api(open_plane, ui_folder=ui_folder, look_around=look_around)
    inner: ASGIApp = WorkFirst(api, Shortcuts(api, beats.router.routes))
    if tracing.is_on:
        inner = Traced(inner, tracing)
    layers: ASGIApp = SecureHeaders(Observed(inner, metrics=api.state.http))
    if trusted_proxies:
        layers = BehindProxies(layers, trusted=trusted_proxies)
    return Started(api, layers)


class Started:
    """Hands requests to the layers and the lifespan to the application itself."""

    def __init__(self, api: FastAPI, layers: ASGIApp) -> None:
        self.api = api
        self.layers = layers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.api if scope["type"] == "lifespan" else self.layers)(scope, receive, send)


def create_api(
    open_plane: OpenPlane | None = None, *, ui_folder: Path = FOLDER, look_around: LookAround = this_box
) -> FastAPI:
    """The application without its outer layers; without ``open_plane`` it can describe itself and no more.

    Raises:
        Misconfigured: a route and the policy table do not agree.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert open_plane is not None, "there is nothing to serve"
        async with open_plane() as plane, open_lookout(plane, look_around) as lookout:
            app.state.plane, app.state.lookout = plane, lookout
            try:
                with counted(app, plane):
                    async with probing(plane):
                        yield
            finally:
                app.state.plane, app.state.lookout = None, None

    app = Api(
        title="Cluster AI",
        description="The management API of one cluster. Errors are RFC 9457 problems with a stable `code`.",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.plane, app.state.lookout = None, None
    app.state.ui = UiFiles(ui_folder)
    app.state.registry = new_registry(component="backend", version=__version__)
    app.state.registry.register(ClusterCollector(lambda: app.state.plane))
    app.state.registry.register(RegistryCollector(lambda: app.state.plane))
    app.state.registry.register(DispatchCollector(lambda: app.state.plane))
    app.state.registry.register(SloCollector(lambda: app.state.plane))
    app.state.http = HttpMetrics(app.state.registry)
    app.state.registry.register(NotifyCollector(lambda: app.state.plane))
    app.state.registry.register(BusCollector(lambda: app.state.plane))
    app.state.registry.register(TermCollector(lambda: app.state.plane and app.state.plane.term))
    app.state.registry.register(BackupsCollector(lambda: _last_backup(app.state.plane)))
    app.state.registry.register(LogsCollector(lambda: app.state.plane and app.state.plane.logs))
    errors.install(app)
    _check_policy()
    for module in MODULES:
        app.include_router(module.router)
    return app


def _last_backup(plane: Plane | None) -> float | None:
    return plane.backups.last if plane is not None and plane.backups is not None else None


def _check_policy() -> None:
    routes = [route for module in MODULES for route in module.router.routes]
    for route in routes:
        # Anything else would start without having asked the table.
        if not isinstance(route, PolicedRoute | APIWebSocketRoute):
            raise Misconfigured(f"{route} is not a policed route", hint="give its router route_class=PolicedRoute")
    served = {
        (method, route.path) for route in routes if isinstance(route, PolicedRoute) for method in route.methods or ()
    }
    served |= {(WEBSOCKET, route.path) for route in routes if isinstance(route, APIWebSocketRoute)}
    if idle := {(rule.method, rule.path) for rule in RULES} ^ served:
        raise Misconfigured(f"routes and policy do not agree: {sorted(idle)}", hint="mend backend/policy.py")
