"""Build the site, look after its address, publish it."""
