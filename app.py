"""PoseStride: 3D human motion from one camera. The command line: its verbs, its error lines, its exit codes."""

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
from pipeline.errors import ConfigError, DataError, PoseStrideError

_DESCRIPTION = "3D human motion from one ordinary camera: webcam, video file or folder of pictures."
_EXAMPLES = """examples:
  python app.py run demo_videos/jumping_jacks.mp4      video and CSV in out/jumping_jacks/
  python app.py run 0                                  your webcam, in a window (q quits)
  python app.py run clip.mp4 --detector fast --no-video --out results
  python app.py models list                            which models there are
  python app.py doctor                                 what this machine has and lacks

'python app.py VERB --help' lists the options of a verb."""

_RUNNING = (
    "use .venv/bin/python, which 'make demo' makes, or install what is needed: "
    "pip install -r requirements-run.txt -c constraints.txt"
)
_TRAINING = "training, export and evaluation need more than running: pip install -r requirements.txt -c constraints.txt"

_TRAINING_PACKAGES = ("torch", "onnx", "onnxscript", "array_api_compat")

# Only the module of the verb that is asked for is imported: running needs nothing that training needs.
_VERBS = {
    "run": ("pipeline.commands.run", "lift a source to 3D: CSV, video, run.json"),
    "models": ("pipeline.commands.models", "list, verify, export or import models; write figures into their cards"),
    "models export": ("models.commands.models_export", "export a trained model to ONNX, with its card"),
    "models import": ("models.commands.models_import", "import a published checkpoint, with its card"),
    "models card": ("models.commands.models_card", "write the figures of 'evaluate' into a lifter's card"),
    "doctor": ("pipeline.commands.doctor", "check this machine"),
    "bench": ("pipeline.commands.bench", "measure speed and latency on a source"),
    "evaluate": ("models.commands.evaluate", "judge lifters on motion capture, footage, or published protocols"),
    "train": ("models.commands.train", "train a lifter or a refine module on motion capture"),
}


class _Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line. It takes no abbreviated options: they would hide typing errors."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message} (see 'python {self.prog} --help')", file=sys.stderr)
        raise SystemExit(2)

    def options(self) -> list[str]:
        """All option strings."""
        return [option for action in self._actions for option in action.option_strings]

    def widen(self, words: list[str]) -> None:
        """Add these words to the verb's choices; other modules carry them out."""
        for action in self._actions:
            if action.choices is not None and not action.option_strings:
                action.choices = [*action.choices, *words]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; the message about a wrong option names the nearest valid one."""
    words = _verb_first(sys.argv[1:] if arguments is None else arguments)
    top, verbs = build_parsers(words)
    options, unknown = top.parse_known_args(words)
    if unknown:
        verb = verbs[options.verb]
        if not unknown[0].startswith("-"):
            verb.error(f"{unknown[0]!r} is one word too many for '{options.verb}'")
        near = difflib.get_close_matches(unknown[0].split("=", 1)[0], verb.options(), n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        verb.error(f"{unknown[0]} is not an option of '{options.verb}'{hint}")
    return options


def _verb_first(words: list[str]) -> list[str]:
    """The words, with a verb of two words such as 'models export' joined into one."""
    second = next((n for n, word in enumerate(words) if n and not word.startswith("-")), None)
    if second is None or f"{words[0]} {words[second]}" not in _VERBS:
        return words
    return [f"{words[0]} {words[second]}", *words[1:second], *words[second + 1 :]]


def build_parsers(words: list[str]) -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line and the parsers of the verbs; only the verb in ``words`` gets its options."""
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
        if " " in name:  # listed in the help of the first word
            verb = choices.add_parser(name, description=text, allow_abbrev=False)
        else:
            verb = choices.add_parser(name, help=text, description=text, allow_abbrev=False)
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if words[:1] == [name]:
            importlib.import_module(module).add_arguments(verb)
            _add_second_words(name, verb)
        verbs[name] = verb
    return top, verbs


def _add_second_words(name: str, verb: _Parser) -> None:
    """List a verb's second words in its help; each has options of its own."""
    seconds = {other.removeprefix(f"{name} "): text for other, (_, text) in _VERBS.items() if f"{name} " in other}
    if seconds:
        verb.widen(list(seconds))
        verb.formatter_class = argparse.RawDescriptionHelpFormatter
        lines = [f"  {name} {second:8} {text}" for second, text in seconds.items()]
        verb.epilog = "\n".join(["with options of their own, see the --help of each:", *lines])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 failure, 2 usage, 128 + the signal that ended it."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        with interrupts():
            return _execute(parse(arguments))
    except ModuleNotFoundError as error:
        return _report_missing_package(error)
    except Interrupt as interrupt:
        remark(str(interrupt))
        return interrupt.exit_code


def _execute(options: argparse.Namespace) -> int:
    try:
        code: int = importlib.import_module(_VERBS[options.verb][0]).execute(options)
        return code
    except ModuleNotFoundError:
        raise  # ``main`` says how to get the package
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        if isinstance(error, PoseStrideError):
            remark(f"error: {in_flags(error)}")
        else:
            remark(f"error: unexpected {type(error).__name__}: {error}; run again with --debug and report it")
        return 2 if isinstance(error, (ConfigError, DataError)) else 1


def _report_missing_package(error: ModuleNotFoundError) -> int:
    """Say which package is missing and how to get it."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "pipeline", "models"):
        raise error
    advice = _TRAINING if package in _TRAINING_PACKAGES else _RUNNING
    remark(f"error: this Python lacks the package {package!r}; {advice}")
    return 2 if advice is _TRAINING else 1


if __name__ == "__main__":
    with deaf():
        exit_code = main()
        if exit_code > 128:  # threads may still be at work: the interpreter would wait for them, or abort
            os._exit(exit_code)
    sys.exit(exit_code)
