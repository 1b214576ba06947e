"""The verbs of training, export and evaluation: argparse only. PyTorch is imported when such a verb runs."""
