"""Drawing: the skeleton over the picture, the 3D panel, and both side by side."""
