"""TEST: pytest in a sandbox, or a pipeline elsewhere."""
