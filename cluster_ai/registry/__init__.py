"""Live instances with capabilities and leases: registered, renewed, reaped, discovered, watched. In memory."""
