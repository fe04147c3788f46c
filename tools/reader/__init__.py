"""What readers' notebooks run to set themselves up: the standard library alone."""
