"""What only a PyTorch program asks for: each file has the names of one module of PyTorch's."""
