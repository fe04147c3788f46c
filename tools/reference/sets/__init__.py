"""Sets of reference values that PyTorch computes. Each module here is one set and offers `build(seed)`.

It returns "case/name" to array; all inputs and weights are drawn from NumPy's generator with this seed. Without PyTorch
it raises ModuleNotFoundError.
"""
