"""HTTP and nothing but: the management API (FastAPI) and the gateway (raw ASGI)."""
