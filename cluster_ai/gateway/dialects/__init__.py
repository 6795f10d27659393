"""What requests and answers say, in every dialect. Pure."""
