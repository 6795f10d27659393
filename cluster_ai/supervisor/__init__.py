"""Which processes make this box a cluster, and keeping them up."""
