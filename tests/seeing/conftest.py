"""The gateway as it is seen: by Prometheus' own checker, by a collector of spans, in a browser."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
OPERATOR = "operator-key-of-the-tests"
CACHE = ROOT / ".cache"


def built(package, name, variable):
    named = os.environ.get(variable)
    if named:
        return named
    command = ["cargo", "build", "--quiet", "-p", package, "--bin", name]
    subprocess.run(command, cwd=ROOT, check=True)
    return str(TARGET / name)


@pytest.fixture(scope="session")
def program():
    return built("distiq", "distiq", "DISTIQ_PROGRAM")


@pytest.fixture(scope="session")
def scripted():
    return built("distiq-testkit", "distiq-scripted-model", "DISTIQ_SCRIPTED_MODEL")


def found(name, *elsewhere):
    """A program's path, or a skip that `./test` counts."""
    for path in [shutil.which(name), *map(str, elsewhere)]:
        if path and os.access(path, os.X_OK):
            return path
    print(f"SKIPPED suite {name}: `{name}` is not installed")
    pytest.skip(f"SKIPPED suite {name}: `{name}` is not installed")


@pytest.fixture(scope="session")
def promtool():
    return found("promtool", CACHE / "prometheus" / "usr" / "bin" / "promtool")


@pytest.fixture(scope="session")
def chromium():
    return found("chromium-headless-shell", shutil.which("chromium") or "")


class Gateway:
    """A running gateway before a scripted vendor."""

    def __init__(self, program, url, home, environment):
        self.program, self.home = program, home
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISTIQ_", "OTEL_"))}
        kept = {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}
        self.environment = {
            **kept, "DISTIQ_HOME": str(home), "DISTIQ_TZ": "UTC", "TZ": "UTC", "NO_COLOR": "1",
        }
        self.process = subprocess.Popen(
            [program, "start", "--listen", "127.0.0.1:0", "--upstream", url],
            env={**self.environment, "DISTIQ_GATEWAY_KEY": OPERATOR, **environment},
            cwd=home, stdout=subprocess.PIPE, text=True,
        )
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def run(self, *arguments):
        """A command's JSON."""
        ran = subprocess.run(
            [self.program, *arguments, "--json"], env=self.environment, cwd=self.home,
            capture_output=True, text=True, timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def ask(self, path, body=None, key=OPERATOR, **headers):
        """An answer's status and text."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": key, "content-type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def message(self, model="claude-sonnet-4-6", key=OPERATOR, **fields):
        body = {
            "model": model,
            "max_tokens": 500,
            "messages": [{"role": "user", "content": "the words of the prompt"}],
            **fields,
        }
        return self.ask("/v1/messages", body, key)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture
def start(program, scripted, tmp_path):
    """Starts gateways, each before a vendor that answers by a script again and again."""
    running = []

    def begin(*steps, **environment):
        file = tmp_path / f"script-{len(running)}.json"
        file.write_text(json.dumps({"steps": steps or ({"text": "Done. " * 20},), "at_end": "repeat"}))
        model = subprocess.Popen(
            [scripted, str(file), "--with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        url = json.loads(model.stdout.readline())["anthropic"]
        home = tmp_path / f"home-{len(running)}"
        home.mkdir()
        gateway = Gateway(program, url, home, environment)
        running.append((gateway, model))
        return gateway

    yield begin
    for gateway, model in running:
        gateway.process.kill()
        gateway.process.wait(timeout=30)
        model.stdin.close()
        model.wait(timeout=30)
