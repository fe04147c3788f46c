"""One encoder–decoder in NumPy and in Keras, with the same names of weights.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762,
section 3, and a normalisation after each stack, as in `torch.nn.Transformer`.
PyTorch's version is `tools/reference/models/in_torch.py`. Letters in shapes:
B batch, T tokens, S tokens of the source, H heads, D size of a head,
V vocabulary. A mask says *may attend* where it is True.
"""
