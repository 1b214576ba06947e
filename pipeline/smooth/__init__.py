"""Smoothing of 3D poses. The raw values are never replaced: smoothed poses travel beside them."""
