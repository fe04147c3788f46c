"""Models in PyTorch that the book shows as text and whose values it stores."""
