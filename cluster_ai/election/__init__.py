"""Which of several heads leads: one at a time, by a term whose epoch is the fence of all that it writes."""
