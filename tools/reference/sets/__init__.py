"""Sets of reference values that PyTorch computes. Each module here is one set and offers `build(seed)`."""
