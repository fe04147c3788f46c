"""Write the values of PyTorch and transformers that the book is held to."""
