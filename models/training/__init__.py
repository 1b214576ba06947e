"""Training: recipes, the feed of batches, stages, and one loop for all of them."""
