"""Official SDKs as clients of the gateway, with the scripted model behind it in every dialect."""

import json
import pathlib
import subprocess
from dataclasses import asdict

import pytest

import python_clients as sdk
from running import UPSTREAMS, distiq, gateway, model, play, scripted  # noqa: F401: fixtures


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
