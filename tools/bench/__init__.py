"""Time our operations against other libraries'."""
