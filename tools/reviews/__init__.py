"""Write the generated reviews and their card."""
