"""What happened in the cluster, kept: a page of it is asked for by kind, subject and time."""
