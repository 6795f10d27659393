"""What is near: machines and services on the networks of this one. All of it are hints; trust comes by joining."""
