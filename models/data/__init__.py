"""Training data: motion capture, body variation, virtual cameras, keypoint noise."""
