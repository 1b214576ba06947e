"""The repair of a person's 2D track, between the detector and the windows."""
