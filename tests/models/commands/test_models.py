"""The verbs of two words; their work is tested in tests/models/exchange."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app
from pipeline.runtime.cards import WEIGHTS_DIR, read_card, read_document

ROOT = Path(app.__file__).parent


def test_listing_models_needs_nothing_of_models() -> None:
    words = "import sys, app; app.main(['models', 'list']); print([m for m in sys.modules if m in ('torch', 'models')])"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]" and "lift-27" in done.stdout


def test_help_names_all_of_them_and_each_has_its_own(capsys) -> None:
    for words, expected in (
        (["models", "--help"], ["list", "verify", "models export", "models import", "models card"]),
        (["models", "export", "--help"], ["checkpoint", "--data", "--overwrite"]),
        (["models", "import", "--help"], ["no_refine_*.pth", "--overwrite"]),
        (["models", "card", "--help"], ["figures"]),
    ):
        with pytest.raises(SystemExit) as stop:
            app.main(words)
        text = capsys.readouterr().out
        assert stop.value.code == 0 and all(word in text for word in expected), words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["models", "exprt"], "'export'"),
        (
            ["models", "export", "a.pt", "b", "--dta", "x", "--data", "y"],
            "--dta is not an option of 'models export'",
        ),
        (["models", "list", "--data", "x"], "--data is not an option of 'models'"),
        (["models", "import", "a.pth"], "required: name"),
    ],
)
def test_wrong_usage_ends_with_2(capsys, words: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(words)
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_figures_reach_a_card(tmp_path: Path, capsys) -> None:
    card, file = tmp_path / "lift-27.json", tmp_path / "figures.json"
    shutil.copy(WEIGHTS_DIR / card.name, card)
    figures = {"mpjpe_mm": 60.5, "per_joint_mm": {}}
    protocol = {"conditions": ["clean"], "people": ["a"], "clips": 1}
    result = {"model": {"sha256": read_card(card).sha256}, "data": "new.npz", "protocol": protocol, "clean": figures}
    file.write_text(json.dumps(result))
    assert app.main(["models", "--debug", "card", str(card), str(file)]) == 0
    assert "new.npz" in capsys.readouterr().out
    assert read_document(card)["metrics"]["new.npz"]["clean"] == {"mpjpe_mm": 60.5}
    for content in ("no JSON", "[]"):
        file.write_text(content)
        assert app.main(["models", "card", str(card), str(file)]) == 2
        assert "give a file of 'app.py evaluate --json'" in capsys.readouterr().err
    assert app.main(["models", "card", str(tmp_path / "no.json"), str(file)]) == 1
