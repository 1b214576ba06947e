"""The verbs that need PyTorch."""
