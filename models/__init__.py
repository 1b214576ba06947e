"""The networks and all that trains, exports and judges them. PyTorch lives only here."""
