"""The road a frame travels: source, detector, track, window, lifter, renderer, exports."""
