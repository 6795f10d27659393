"""The registry over the network: its watch as a stream, and its gRPC server. The REST routes are with the others."""
