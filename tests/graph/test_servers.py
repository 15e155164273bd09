"""A part of tests/graph/check.py, small enough for every run: what the graph says against what language servers say."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def program():
    named = os.environ.get("DISTIQ_PROGRAM")
    if named:
        return named
    subprocess.run(["cargo", "build", "--quiet", "-p", "distiq"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "debug" / "distiq")


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_the_graph_says_what_the_server_says(program, language, tmp_path):
    env = {**os.environ, "DISTIQ_HOME": str(tmp_path / "home")}
    run = subprocess.run([sys.executable, ROOT / "tests" / "graph" / "check.py", "--distiq", program, "--language", language,
                          "--symbols", "20", "--slack", "0.06", "--misses-file", tmp_path / "misses.txt"],
                         env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
