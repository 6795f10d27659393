"""Objectives, their error budgets, and the freezes that they cause."""
