"""What happens to a person's 2D keypoints between the detector and the windows."""
