"""API keys: who may ask for which models, how much, and how soon; and what each of them used."""
