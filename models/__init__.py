"""The networks, and their training, export and evaluation. PyTorch is used only here."""
