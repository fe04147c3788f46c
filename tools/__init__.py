"""Programs of the build: execute, lint, prove, serve, measure."""
