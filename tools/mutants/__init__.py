"""Wrong copies of the code, which the checks of equations must catch."""
