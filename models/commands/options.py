"""Options of verbs with several kinds of jobs: each option is checked against the kind at hand.

A verb's help groups its options by the kinds of jobs that they are for. An option that is not for the job at hand is
an error; one that is not given has the default of that kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import ConfigError, unknown

REQUIRED: Final = "(needed)"
"""In place of a default: the option must be given."""


@dataclass(frozen=True)
class Option:
    """An option of a verb.

    Attributes:
        flag: '--save-every'.
        text: for the help, without the default.
        defaults: kind of job -> default, or ``REQUIRED``; the option is not for other kinds.
        convert: converts the word on the command line; None: the option is a switch.
        metavar: stands for the value in the help.
        choices: all allowed values, if they can be listed.
    """

    flag: str
    text: str
    defaults: Mapping[str, object]
    convert: Callable[[str], object] | None = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Name of the option's attribute in the namespace."""
        return self.flag.removeprefix("--").replace("-", "_")

    def help(self) -> str:
        """The text with its defaults, or one default if all kinds agree."""
        shown = {kind: _shown(value) for kind, value in self.defaults.items() if _shown(value)}
        if self.convert is None or not shown:
            return self.text
        if len(set(shown.values())) == 1 and len(shown) == len(self.defaults):
            return f"{self.text} (default: {next(iter(shown.values()))})"
        return f"{self.text} (default: {', '.join(f'{value} for {kind}' for kind, value in shown.items())})"


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option], kinds: tuple[str, ...], every: str) -> None:
    """Declare the options, in groups by their kinds; an option that is not given is None.

    Args:
        parser: the verb's parser.
        options: the options, in the order of the help.
        kinds: all kinds of jobs.
        every: words for all kinds, as in 'every stage'.
    """
    groups: dict[tuple[str, ...], argparse._ArgumentGroup] = {}
    for option in options:
        of = tuple(kind for kind in kinds if kind in option.defaults)
        if of not in groups:
            groups[of] = parser.add_argument_group(f"options of {every if of == kinds else ', '.join(of)}")
        if option.convert is None:
            groups[of].add_argument(option.flag, action="store_true", default=None, help=option.help())
        else:
            groups[of].add_argument(
                option.flag, type=option.convert, metavar=option.metavar, choices=option.choices, help=option.help()
            )


def chosen(given: argparse.Namespace, options: Iterable[Option], kind: str, asked: str) -> argparse.Namespace:
    """The values of the options for this kind of job.

    Args:
        given: the parsed options.
        options: the declared options.
        kind: kind of the job.
        asked: the words that chose it, as in '--stage frames'.

    Raises:
        ConfigError: an option for other kinds was given, or a required one was not.
    """
    values = argparse.Namespace()
    for option in options:
        value = getattr(given, option.name)
        if kind not in option.defaults:
            if value is not None:
                others = ", ".join(option.defaults)
                raise ConfigError(option.flag, None, f"does nothing with {asked} (it is for {others}); leave it out")
        elif value is None and option.defaults[kind] is REQUIRED:
            raise ConfigError(asked, None, f"needs {option.flag}: {option.text}")
        else:
            setattr(values, option.name, option.defaults[kind] if value is None else value)
    return values


def words_of(text: str | None) -> list[str]:
    """The words of a list such as 'clean,swaps'."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def known_names(flag: str, text: str, known: Collection[str]) -> list[str]:
    """The words of a list, all of them known.

    Raises:
        ConfigError: a word is not known, or there are none; the message gives the nearest known word and all others.
    """
    names = words_of(text)
    for name in names:
        if name not in known:
            raise unknown(flag, name, known)
    if not names:
        raise ConfigError(flag, None, f"names none; there are: {', '.join(known)}")
    return names


def _shown(value: object) -> str:
    """A default as the help shows it; empty where there is nothing to say."""
    if value is None or value is REQUIRED or value is False:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
