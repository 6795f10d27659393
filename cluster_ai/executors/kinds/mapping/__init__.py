"""MAP: a prompt over the rows of a data set, or a Python function over its partitions."""
