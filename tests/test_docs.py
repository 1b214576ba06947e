"""The examples of the documentation run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import app

ROOT = Path(__file__).parents[1]


def code_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the demo videos, so that what the examples write goes there."""
    (tmp_path / "demo_videos").symlink_to(ROOT / "demo_videos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_of_the_api_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples = code_of("api.md")
    assert len(examples) >= 9
    scope: dict[str, object] = {"__name__": "api"}
    for number, example in enumerate(examples):
        exec(compile(example, f"api.md, example {number + 1}", "exec"), scope)
    printed = capsys.readouterr().out
    for expected in ("(30,) (30, 17, 3)", "complete 40 lift-27", "(40, 17, 3)", "40 40", "heights.txt", "did you mean"):
        assert expected in printed, expected
    assert (root / "out" / "api" / "heights.txt").read_text().count("\n") == 41
    # what a comment promises is what is printed
    promised = re.findall(r"^\s*print\(.*\)  # (\(.*|\d.*)$", "\n".join(examples), re.M)
    assert len(promised) >= 5 and all(text in printed for text in promised), promised


def test_the_notebook_runs(root: Path) -> None:
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    for name in ("pipeline", "weights"):
        (root / name).symlink_to(ROOT / name)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(root)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "60 frames" in texts and "complete" in texts
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert (root / "out" / "quickstart" / "overlay.mp4").is_file()


@pytest.mark.parametrize("page", [*sorted(path.name for path in (ROOT / "docs").glob("*.md")), "../README.md"])
def test_links_lead_to_files(page: str) -> None:
    path = ROOT / "docs" / page
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or (path.parent / target).exists(), target


PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "weights" / "README.md"]
COMMANDS = sorted(
    {
        re.sub(r"\s+#.*| \[.*", "", line).strip()
        for page in PAGES
        for line in re.findall(r"^ {4}(?:\S+ )?app\.py (.*)", page.read_text(encoding="utf-8"), re.M)
        if "..." not in line
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_pages_exist(command: str) -> None:
    """Their words are understood; what they name need not be there."""
    assert app.parse(shlex.split(command)).verb
