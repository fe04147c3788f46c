"""Run every cell on one backend and device, and compare it with the stored outputs."""
