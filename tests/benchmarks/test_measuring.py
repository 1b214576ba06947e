"""What the benchmarks share, and that all of them start alike."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.measuring import cell, medians_ms, size_px, start, take_turns, write_figures
from pipeline.errors import ConfigError, ExportError

FOLDER = Path(measuring.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("bench_*.py"))


def test_there_are_benchmarks_and_each_has_a_test() -> None:
    assert len(NAMES) >= 12
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_bench_*.py")}
    assert set(NAMES) == tests


@pytest.mark.parametrize("name", NAMES)
def test_all_start_alike(name: str, capsys) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    text = (FOLDER / f"{name}.py").read_text()
    assert re.search(rf"^    python -m benchmarks\.{name}\b", module.__doc__ or "", re.MULTILINE)
    assert "sys.path" not in text and text.endswith('if __name__ == "__main__":\n    start(main)\n')
    signature = inspect.signature(module.main)
    assert str(signature).startswith("(arguments: 'list[str] | None' = None) -> ")
    with pytest.raises(SystemExit, match=r"^0$"):
        module.main(["--help"])
    said = capsys.readouterr().out
    assert f"python -m benchmarks.{name}" in said and "--json FILE" in said


def test_what_goes_wrong_is_one_line_and_a_figure_the_exit_status(capsys) -> None:
    def fails() -> None:
        raise ConfigError("--frames", 0, "is not valid; use 1 or more")

    with pytest.raises(SystemExit, match=r"^error: --frames 0 is not valid; use 1 or more$"):
        start(fails)
    for status in (1, None):
        with pytest.raises(SystemExit) as left:
            start(lambda status=status: status)  # type: ignore[misc]
        assert left.value.code == status


def test_items_take_turns_and_odd_rounds_go_backwards() -> None:
    assert list(take_turns("abc", 3)) == list("abccbaabc")
    assert list(take_turns("abc", 0)) == []


def test_the_first_rounds_do_not_count(monkeypatch) -> None:
    now_s, called = [0.0], []
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: now_s[0])

    def call(name: str, spent_s: list[float]) -> None:
        called.append(name)
        now_s[0] += spent_s.pop(0)

    slow, fast = [9.0, 9.0, 0.004, 0.002, 0.003], [9.0, 9.0, 0.001, 0.001, 0.001]
    found = medians_ms({"slow": lambda: call("slow", slow), "fast": lambda: call("fast", fast)}, rounds=3)
    assert found == pytest.approx({"slow": 3.0, "fast": 1.0}) and called == ["slow", "fast"] * 5


def test_sizes() -> None:
    assert size_px("1280x720") == (1280, 720)
    for wrong in ("1280", "x720", "0x5", "-3x5", "axb", "1x2x3"):
        with pytest.raises(argparse.ArgumentTypeError, match="no size"):
            size_px(wrong)


def test_cells_are_as_wide_as_their_column() -> None:
    assert (cell(None, 5), cell(12, 5), cell(1.25, 5)) == ("    -", "   12", "  1.2")


def test_figures_come_with_their_machine(tmp_path: Path) -> None:
    write_figures(None, {"rows": []})
    write_figures(tmp_path / "figures.json", {"rows": [1]})
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["rows"] == [1] and set(written["machine"]) == {"system", "cores", "onnxruntime", "opencv"}
    with pytest.raises(ExportError):
        write_figures(tmp_path / "missing" / "figures.json", {})
