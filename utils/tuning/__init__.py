"""A model made one's own: heads for other tasks, a longer vocabulary, low-rank adapters, weights of eight bits."""
