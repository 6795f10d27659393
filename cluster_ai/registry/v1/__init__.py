"""Messages of the registry's gRPC interface, made from ``proto/`` by ``scripts/protocol.sh``."""
