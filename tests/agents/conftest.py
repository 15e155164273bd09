"""Other people's coding agents as clients of the gateway, each in a project of its own."""

import os
import pathlib
import socket
import subprocess
import sys
import threading

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "clients"))

from running import KEY, distiq, gateway, model, play, scripted  # noqa: E402, F401: fixtures

# A run that waits for something that is not there must not wait for ever.
TIMEOUT = 100


class Trap:
    """A proxy that lets nothing through, and remembers who was asked for."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                line = caller.recv(2000).split(b"\r\n")[0].decode("latin-1")
                self.asked.append(line)
                caller.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.listener.close()


class Agent:
    """Runs an agent of npm in a small project with a mistake in it."""

    def __init__(self, folder, trap):
        self.home, self.project = folder / "home", folder / "project"
        self.home.mkdir()
        self.project.mkdir()
        self.file = self.project / "sum.py"
        self.file.write_text("def add(a, b):\n    return a - b\n\n\nprint(add(2, 3))\n")
        subprocess.run(["git", "init", "--quiet"], cwd=self.project, check=True)
        proxies = {name: trap.url for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
        near = {name: "127.0.0.1,localhost" for name in ("NO_PROXY", "no_proxy")}
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "DISTIQ_KEY": KEY, **proxies, **near,
        }

    def run(self, name, *arguments, **environment):
        """What it prints; it must end well."""
        program = TESTS / "agents" / "node_modules" / ".bin" / name
        ran = subprocess.run(
            [str(program), *arguments], cwd=self.project, env=self.environment | environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture
def agent(tmp_path, trap):
    return Agent(tmp_path, trap)
