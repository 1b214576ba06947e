"""The table of formats; a new one is a line in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import app
from pipeline.errors import ConfigError
from pipeline.export.formats import FILE_FORMATS, FileFormat, check_formats, files_of, format_names
from pipeline.job_options import ResultOptions
from tests.helpers.dummy_format import DUMMY, PER_PERSON, SMOOTHED, Lines, lines


def test_the_formats_that_there_are() -> None:
    assert format_names() == ["csv", "npz"]
    names = [entry.file_name() for entry in FILE_FORMATS]
    assert names == ["poses3d.csv", "poses2d.csv", "poses3d_smooth.csv", "poses3d.npz", "poses3d_smooth.npz"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("formats", "smoothing", "expected"),
    [
        (("csv",), True, ["poses3d.csv", "poses2d.csv", "poses3d_smooth.csv"]),
        (("csv",), False, ["poses3d.csv", "poses2d.csv"]),
        (("npz",), True, ["poses3d.npz", "poses3d_smooth.npz"]),
        (("npz", "csv"), False, ["poses3d.csv", "poses2d.csv", "poses3d.npz"]),
        ((), True, []),
    ],
)
def test_files_of_formats(formats: tuple[str, ...], smoothing: bool, expected: list[str]) -> None:
    assert [entry.file_name() for entry in files_of(formats, smoothing)] == expected


def test_an_unknown_format_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="formats 'cvs' is not known; did you mean 'csv'") as caught:
        check_formats(["npz", "cvs"])
    assert (caught.value.field, caught.value.value) == ("formats", "cvs")
    with pytest.raises(ConfigError, match="there are: csv, npz"):
        ResultOptions(formats=("parquet",))


def test_names_and_patterns() -> None:
    assert (DUMMY.file_name(), DUMMY.file_name(3), DUMMY.pattern) == ("dummy.txt", "dummy.txt", "dummy.txt")
    assert (PER_PERSON.file_name(3), PER_PERSON.pattern) == ("each_person3.txt", "each_person*.txt")


@pytest.fixture
def with_dummy(monkeypatch: pytest.MonkeyPatch) -> list[FileFormat]:
    """The table with the entries of a new format; nothing else is touched."""
    monkeypatch.setattr("pipeline.export.formats.FILE_FORMATS", [*FILE_FORMATS])
    from pipeline.export import formats

    formats.FILE_FORMATS += [DUMMY, SMOOTHED]
    return formats.FILE_FORMATS


def run(*words: str, out: Path) -> int:
    source = ("run", "synthetic:frames=4,size=160x120")
    return app.main([*source, "--out", str(out), "--detector", "fast", "--device", "cpu", "--no-video", *words])


def test_a_new_format_is_run_by_its_name(tmp_path: Path, with_dummy: list[FileFormat], capsys) -> None:
    assert run("--formats", "csv,dummy", out=tmp_path) == 0
    assert len(lines(tmp_path / "dummy.txt")) == len(lines(tmp_path / "dummy_smooth.txt")) == 4
    assert (tmp_path / "dummy.txt").read_text().startswith("synthetic 160x120 30\n")
    assert [line.split()[0] for line in lines(tmp_path / "dummy.txt")] == ["0", "1", "2", "3"]
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["options"]["results"]["formats"] == ["csv", "dummy"]
    assert {"dummy.txt", "dummy_smooth.txt", "poses3d.csv"} <= set(report["files"])
    assert str(tmp_path / "dummy.txt") in capsys.readouterr().out


def test_results_of_a_new_format_are_not_overwritten_unasked(
    tmp_path: Path, with_dummy: list[FileFormat], capsys
) -> None:
    (tmp_path / "dummy.txt").write_text("precious")
    assert run("--formats", "dummy", out=tmp_path) == 2
    assert "dummy.txt; add --overwrite" in capsys.readouterr().err
    assert (tmp_path / "dummy.txt").read_text() == "precious"
    assert run("--formats", "dummy", "--smooth", "off", "--overwrite", out=tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dummy.txt", "run.json"]


def test_help_and_errors_name_a_new_format(with_dummy: list[FileFormat], capsys, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        app.main(["run", "--help"])
    assert "csv, npz, dummy" in " ".join(capsys.readouterr().out.split())
    assert run("--formats", "dumy", out=tmp_path) == 2
    assert "--formats 'dumy' is not known; did you mean 'dummy'" in capsys.readouterr().err
    assert with_dummy[-1].open is Lines
