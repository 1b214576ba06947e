"""Windows to 3D poses."""
