"""Messages of the tickets' gRPC interface, made from ``proto/`` by ``scripts/protocol.sh``."""
