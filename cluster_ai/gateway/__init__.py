"""How inference traffic is served: upstreams, breakers, routing, relay, merged lists."""
