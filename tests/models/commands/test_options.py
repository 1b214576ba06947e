"""Options that belong to some kinds of jobs."""

from __future__ import annotations

import argparse

import pytest

from models.commands.options import REQUIRED, Option, add_options, chosen, known_names
from pipeline.errors import ConfigError

OPTIONS = (
    Option("--steps", "of the run", {"short": 10, "long": 99}, int, "N"),
    Option("--fast", "in less time", {"short": False}, None),
    Option("--from-file", "the beginning", {"long": REQUIRED}),
)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, OPTIONS, ("short", "long"), "every kind")
    return parser.parse_args(words)


def test_what_was_not_given_has_the_default_of_its_kind() -> None:
    assert vars(chosen(parsed(), OPTIONS, "short", "-s")) == {"steps": 10, "fast": False}
    assert vars(chosen(parsed("--from-file", "x"), OPTIONS, "long", "-l")) == {"steps": 99, "from_file": "x"}
    assert vars(chosen(parsed("--steps", "3", "--fast"), OPTIONS, "short", "-s")) == {"steps": 3, "fast": True}


def test_what_does_nothing_or_is_needed_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--fast does nothing with -l \(it is for short\); leave it out"):
        chosen(parsed("--fast", "--from-file", "x"), OPTIONS, "long", "-l")
    with pytest.raises(ConfigError, match="-l needs --from-file: the beginning"):
        chosen(parsed(), OPTIONS, "long", "-l")


def test_the_help_has_groups_and_defaults(capsys) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    text = capsys.readouterr().out
    assert "options of every kind:" in text and "options of short:" in text and "options of long:" in text
    assert "of the run (default: 10 for short, 99 for long)" in " ".join(text.split()) and REQUIRED not in text


def test_lists_of_known_names() -> None:
    assert known_names("--kinds", "a, b,", ("a", "b")) == ["a", "b"]
    with pytest.raises(ConfigError, match="--kinds 'swap' is not known; did you mean 'swaps'"):
        known_names("--kinds", "swap", ("swaps", "clean"))
    with pytest.raises(ConfigError, match="--kinds names none; there are: a"):
        known_names("--kinds", ",", ("a",))
