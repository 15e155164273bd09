"""Official SDKs as clients of the gateway, with the scripted model behind it in every dialect."""

import json
import os
import pathlib
import socket
import subprocess
import urllib.request
from dataclasses import asdict

import pytest

import python_clients as sdk

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
    """A running gateway whose providers `up_DIALECT` are one scripted model."""

    def __init__(self, program, folder, port):
        self.port = port
        settings = ["[gateway]"]
        for dialect, path in UPSTREAMS.items():
            url = f"http://127.0.0.1:{port}{path}"
            settings += [f"[providers.up_{dialect}]", f'base_url = "{url}"', f'dialect = "{dialect}"']
        config = folder / "gateway.toml"
        config.write_text("\n".join(settings[1:]) + "\n")
        keep = {"PATH": os.environ["PATH"], "HOME": str(folder), "DISTIQ_HOME": str(folder / "distiq")}
        environment = keep | {"DISTIQ_GATEWAY_KEY": sdk.KEY, "DISTIQ_RETRY_BASE_MS": "1"}
        command = [program, "start", "--listen", "127.0.0.1:0", "--config", str(config)]
        self.log = open(folder / "gateway.log", "w+")
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL
        )
        line = self.process.stdout.readline()
        assert line, (folder / "gateway.log").read_text()
        listening = json.loads(line)["listening"]
        self.base = listening if listening.startswith("http") else f"http://{listening}"

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0
        self.log.close()


@pytest.fixture(scope="session")
def gateway(distiq, tmp_path_factory):
    running = Gateway(distiq, tmp_path_factory.mktemp("gateway"), free_port())
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
    assert report["violations"] == []
    assert breaks or report["steps_left"] == 0


class Node:
    """The JavaScript SDKs, all in one process."""

    def __init__(self):
        names = ("KEY", "PIXEL", "SCHEMA", "PARAMETERS", "TOOL", "ABOUT", "SYSTEM", "QUESTION")
        say = json.dumps({name: getattr(sdk, name) for name in names})
        script = pathlib.Path(__file__).parent / "javascript_clients.mjs"
        self.process = subprocess.Popen(
            ["node", str(script), say], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, client, base, case):
        self.process.stdin.write(json.dumps({"client": client, "base": base, "ask": asdict(case)}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node has ended"
        told = json.loads(line)
        told["calls"] = [tuple(call) for call in told["calls"]]
        told["tokens"] = tuple(told["tokens"])
        return sdk.Outcome(**told)


@pytest.fixture(scope="session")
def node():
    running = Node()
    yield running
    running.process.stdin.close()
    running.process.wait(timeout=30)


class Javascript:
    """One of Node's clients behind the face of the Python ones."""

    language = "JavaScript"

    def __init__(self, client):
        self.name, self.path, self.node = client.name, client.path, None

    def run(self, base, case):
        return self.node.run(self.path, base, case)


CLIENTS = sdk.CLIENTS + [Javascript(client) for client in sdk.CLIENTS]


@pytest.fixture(params=CLIENTS, ids=lambda client: f"{client.path}-{client.language}")
def client(request):
    if request.param.language == "JavaScript":
        request.param.node = request.getfixturevalue("node")
    return request.param


@pytest.fixture(params=UPSTREAMS)
def upstream(request):
    return request.param
