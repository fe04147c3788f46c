"""Take the weights of other libraries' models: PyTorch's layers, Hugging Face's BERT."""
