"""Read, run and count chapters; the cell that sets a reader's notebook up."""
