"""A gateway and a scripted model behind it that speaks every dialect: for the suites that drive clients."""

import json
import os
import pathlib
import socket
import subprocess
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where each dialect's base URL ends.
UPSTREAMS = {
    "anthropic": "",
    "openai": "/v1",
    "responses": "/v1",
    "gemini": "/v1beta",
    "ollama": "",
}
MODEL = "scripted-1"
KEY = "sk-of-the-client-tests"
# Dollars per million tokens.
PRICES = {"in": 1, "out": 5}


def built(package, name, variable):
    """A program's path; built unless the variable names it."""
    if named := os.environ.get(variable):
        return named
    subprocess.run(["cargo", "build", "--quiet", "-p", package, "--bin", name], cwd=ROOT, check=True)
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / name)


@pytest.fixture(scope="session")
def scripted():
    return built("distiq-testkit", "distiq-scripted-model", "DISTIQ_SCRIPTED_MODEL")


@pytest.fixture(scope="session")
def distiq():
    return built("distiq", "distiq", "DISTIQ_BINARY")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Scripted:
    """A running scripted model, which takes one script after the other."""

    def __init__(self, program, port, folder):
        file = folder / "script.json"
        file.write_text(json.dumps({"steps": []}))
        command = [program, str(file), "--port", str(port), "--with-parent"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.door = json.loads(self.process.stdout.readline())["anthropic"] + "/scripted"

    def begin(self, steps, script):
        body = json.dumps({"steps": steps, "models": [MODEL], **script}).encode()
        with urllib.request.urlopen(self.door, body, timeout=30) as answer:
            assert answer.status == 200

    def report(self):
        with urllib.request.urlopen(self.door, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Gateway:
    """A running gateway with these lines of settings."""

    def __init__(self, program, folder, lines, **environment):
        self.program = program
        config = folder / "gateway.toml"
        config.write_text("\n".join(lines) + "\n")
        keep = {"PATH": os.environ["PATH"], "HOME": str(folder), "DISTIQ_HOME": str(folder / "distiq")}
        self.environment = keep | {"DISTIQ_GATEWAY_KEY": KEY, "DISTIQ_RETRY_BASE_MS": "1"} | environment
        command = [program, "start", "--listen", "127.0.0.1:0", "--config", str(config)]
        self.log = open(folder / "gateway.log", "w+")
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL
        )
        line = self.process.stdout.readline()
        assert line, (folder / "gateway.log").read_text()
        listening = json.loads(line)["listening"]
        self.base = listening if listening.startswith("http") else f"http://{listening}"

    def command(self, *arguments):
        """Runs a command of Distiq in the gateway's home."""
        return subprocess.run(
            [self.program, *arguments], env=self.environment, capture_output=True, text=True, timeout=60
        )

    def spent(self):
        """What is on the ledger, in billionths of a dollar."""
        told = self.command("cost", "--json")
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)["cost_nanousd"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0
        self.log.close()


def settings(folder, port):
    """The lines by which providers `up_DIALECT` are one scripted model."""
    rows = [{"provider": f"up_{dialect}", "id": MODEL, **PRICES} for dialect in UPSTREAMS]
    fields = [", ".join(f"{name} = {json.dumps(value)}" for name, value in row.items()) for row in rows]
    prices = folder / "prices.toml"
    prices.write_text("models = [\n" + "".join(f"  {{ {row} }},\n" for row in fields) + "]\n")
    lines = [f'prices = "{prices}"']
    for dialect, path in UPSTREAMS.items():
        url = f"http://127.0.0.1:{port}{path}"
        lines += [f"[providers.up_{dialect}]", f'base_url = "{url}"', f'dialect = "{dialect}"']
    return lines


@pytest.fixture(scope="session")
def gateway(distiq, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("gateway"), free_port()
    running = Gateway(distiq, folder, settings(folder, port))
    running.port = port
    yield running
    running.stop()


@pytest.fixture(scope="session")
def model(gateway, scripted, tmp_path_factory):
    running = Scripted(scripted, gateway.port, tmp_path_factory.mktemp("model"))
    yield running
    running.stop()


@pytest.fixture
def play(model):
    """Has the model play these steps; in the end all must have been played, and no rule broken."""
    breaks = []

    def start(*steps, **script):
        breaks.extend(step["faults"] for step in steps if "faults" in step)
        model.begin(steps, script)
        return model

    yield start
    report = model.report()
    assert not report["violations"], report["violations"]
    assert breaks or report["steps_left"] == 0


