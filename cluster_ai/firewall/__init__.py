"""The packet filter of a head: which of the cluster's ports who may reach. One table of nftables, and nothing else."""
