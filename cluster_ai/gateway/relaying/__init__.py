"""A call on its way: tried at nodes, told to its client."""
