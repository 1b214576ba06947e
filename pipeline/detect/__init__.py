"""2D detectors: Frame -> list of Pose2D."""
