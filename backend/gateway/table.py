"""Every path of the gateway and what answers there."""

from backend.gateway.doors import SAFE, Route
from backend.gateway.life import Life
from backend.gateway.listings import list_doors
from backend.gateway.managing import managing_routes
from backend.gateway.messages import count_tokens
from backend.gateway.relaying import relaying
from backend.gateway.reload import PATH
from cluster_ai.gateway.dialects.paths import COUNT_TOKENS, MESSAGES, RELAYED, RESPONSES


def make_routes(life: Life) -> list[Route]:
    inside, porter, post = life.inside, life.porter, frozenset({"POST"})
    relayed = (*RELAYED.values(), MESSAGES, RESPONSES)
    reloading, siblings = life.plan.reloading, life.plan.siblings
    return [
        *(Route(path.path, post, relaying(path, porter, inside.observing.observe)) for path in relayed),
        *(Route(path, SAFE, door) for path, door in list_doors(porter.caller_of).items()),
        *managing_routes(porter.caller_of, life.plan.frozen),
        *([] if reloading is None else [Route(PATH, post, reloading.door)]),
        Route(COUNT_TOKENS.path, post, porter.known(count_tokens)),
        Route("/metrics", SAFE, inside.metrics if siblings is None else siblings.door(inside.figures)),
        Route("/-/state", SAFE, inside.state),
        Route("/-/decisions", SAFE, inside.decisions),
    ]
