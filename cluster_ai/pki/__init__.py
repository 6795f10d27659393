"""The cluster's own certificate authority, a certificate for each machine, and the TLS contexts made of them."""
