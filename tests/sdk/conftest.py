"""Official SDKs against Distiq's codecs: each test scripts a server and drives it as a user would."""

import json
import os
import pathlib
import subprocess
import urllib.request

import anthropic
import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "key-of-the-sdk-tests"


@pytest.fixture(scope="session")
def program():
    """The scripted model's path; built unless DISTIQ_SCRIPTED_MODEL names it."""
    named = os.environ.get("DISTIQ_SCRIPTED_MODEL")
    if named:
        return named
    name = "distiq-scripted-model"
    command = ["cargo", "build", "--quiet", "-p", "distiq-testkit", "--bin", name]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "debug" / name)


class Server:
    """A running scripted model."""

    def __init__(self, process):
        self.process = process
        self.urls = json.loads(process.stdout.readline())
        self.expected_violations = []

    def report(self):
        with urllib.request.urlopen(self.urls["anthropic"] + "/scripted", timeout=30) as answer:
            return json.load(answer)

    def anthropic(self, strict=True, **options):
        options = {"max_retries": 0, "timeout": 30, **options}
        return anthropic.Anthropic(
            api_key=KEY,
            base_url=self.urls["anthropic"],
            _strict_response_validation=strict,
            **options,
        )

    def openai(self, strict=True, **options):
        options = {"max_retries": 0, "timeout": 30, **options}
        return openai.OpenAI(
            api_key=KEY,
            base_url=self.urls["openai"],
            _strict_response_validation=strict,
            **options,
        )


@pytest.fixture
def serve(program, tmp_path, monkeypatch):
    """Starts servers of a list of steps; in the end each must have been played to its end, with
    nothing wrong but what the test announced."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    servers = []

    def start(*steps, **script):
        file = tmp_path / f"script-{len(servers)}.json"
        file.write_text(json.dumps({"steps": steps, **script}))
        command = [program, str(file), "--key", KEY, "--with-parent"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        servers.append(Server(process))
        return servers[-1]

    yield start
    for server in servers:
        try:
            report = server.report()
        finally:
            server.process.stdin.close()
            server.process.wait(timeout=30)
        assert len(report["violations"]) == len(server.expected_violations), report["violations"]
        for found, expected in zip(report["violations"], server.expected_violations):
            assert expected in found
        assert report["steps_left"] == 0
