"""Hold chapters to the rules of the house, in seconds."""
