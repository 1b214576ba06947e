"""PoseStride: 3D human motion from one camera. Parse, run a verb, turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import os
import sys
import traceback
from typing import NoReturn

from pipeline.commands.console import remark
from pipeline.commands.flags import in_flags
from pipeline.commands.interrupt import Interrupt, deaf, interrupts
from pipeline.errors import ConfigError, PoseStrideError

_DESCRIPTION = "3D human motion from one ordinary camera: webcam, video file or folder of pictures."
_EXAMPLES = """examples:
  python app.py run demo_videos/jumping_jacks.mp4      video and CSV in out/jumping_jacks/
  python app.py run 0                                  your webcam, in a window (q quits)
  python app.py run clip.mp4 --detector fast --no-video --out results
  python app.py models list                            which models there are
  python app.py doctor                                 what this machine has and lacks

'python app.py VERB --help' lists the options of a verb."""

_PACKAGES = (
    "use .venv/bin/python, which 'make demo' makes, or install what is needed: "
    "pip install -r requirements-run.txt -c constraints.txt"
)

# Only the module of the verb that is asked for is imported: running needs nothing that training needs.
_VERBS = {
    "run": ("pipeline.commands.run", "lift a source to 3D: CSV, video, run.json"),
    "models": ("pipeline.commands.models", "list the models, or verify their files"),
    "doctor": ("pipeline.commands.doctor", "check this machine"),
    "bench": ("pipeline.commands.bench", "measure speed and latency on a source"),
    "evaluate": ("models.evaluation.evaluate", "judge lifters on motion capture, or on footage with true joints"),
    "train": ("models.commands.train", "train a lifter on motion capture (needs requirements.txt)"),
}
# Verbs that read their own options: all words after the verb go to them.
_FORWARDING = ("train",)


class _Parser(argparse.ArgumentParser):
    """Usage errors are one line. No abbreviations: they hide typing errors."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message} (see 'python {self.prog} --help')", file=sys.stderr)
        raise SystemExit(2)

    def options(self) -> list[str]:
        """All option strings."""
        return [option for action in self._actions for option in action.option_strings]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; a wrong option's message names the nearest valid one."""
    words = sys.argv[1:] if arguments is None else arguments
    top, verbs = build_parsers(words)
    options, unknown = top.parse_known_args(words)
    if options.verb in _FORWARDING:
        options.forwarded = unknown
    elif unknown:
        verb = verbs[options.verb]
        near = difflib.get_close_matches(unknown[0].split("=", 1)[0], verb.options(), n=1)
        hint = f", did you mean {near[0]}?" if near and unknown[0].startswith("-") else ""
        verb.error(f"{unknown[0]} is not an option of '{options.verb}'{hint}")
    return options


def build_parsers(words: list[str]) -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line, and those of the verbs; the verb in ``words`` has its options."""
    top = _Parser(
        prog="app.py",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    choices = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs: dict[str, _Parser] = {}
    for name, (module, text) in _VERBS.items():
        own_help = name in _FORWARDING
        verb = choices.add_parser(name, help=text, description=text, allow_abbrev=False, add_help=not own_help)
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if words[:1] == [name]:
            importlib.import_module(module).add_arguments(verb)
        verbs[name] = verb
    return top, verbs


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 failure, 2 usage, 128 + the signal that ended it."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        with interrupts():
            return _execute(parse(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("pipeline", "models"):
            raise
        remark(f"error: this Python lacks the package {error.name!r}; {_PACKAGES}")
        return 1
    except Interrupt as interrupt:
        remark(str(interrupt))
        return interrupt.exit_code


def _execute(options: argparse.Namespace) -> int:
    try:
        code: int = importlib.import_module(_VERBS[options.verb][0]).execute(options)
        return code
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        if isinstance(error, PoseStrideError):
            remark(f"error: {in_flags(error)}")
        else:
            remark(f"error: unexpected {type(error).__name__}: {error}; run again with --debug and report it")
        return 2 if isinstance(error, ConfigError) else 1


if __name__ == "__main__":
    with deaf():
        exit_code = main()
        if exit_code > 128:  # what was interrupted may be at work in threads: the interpreter would wait, or abort
            os._exit(exit_code)
    sys.exit(exit_code)
