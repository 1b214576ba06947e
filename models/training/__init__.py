"""Training: recipes, data feed, one loop."""
