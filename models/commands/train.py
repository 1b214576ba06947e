"""``train``: all options go to ``models.training.train``, which needs PyTorch."""

from __future__ import annotations

import argparse

from pipeline.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``models.training.train`` declares the options itself."""


def execute(options: argparse.Namespace) -> int:
    """Train.

    Raises:
        ConfigError: PyTorch is missing, or an option is not valid.
    """
    try:
        from models.training import train
    except ImportError as error:
        raise ConfigError(
            f"training needs packages that are not installed ({error}); pip install -r requirements.txt"
        ) from error
    train.main(options.forwarded)
    return 0
