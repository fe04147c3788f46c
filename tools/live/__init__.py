"""The classifier that runs in the page: train it, round its weights, write the scripts that carry them."""
