"""The head's door for machines of the LAN: they join, report and renew their certificates, under mutual TLS."""
