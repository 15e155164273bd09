"""The SDKs over a provider that is nobody's script of ours: LiteLLM's proxy with mock answers.

Its mock of OpenAI's chat is a fair one; its counts of tokens and its other dialects are not.
"""

import json
import subprocess
import sys

import pytest

from python_clients import Case
from running import ROOT, Gateway

TEXT = "A third party answers: naïve, 日本語, 🦀."


@pytest.fixture(scope="module")
def over_litellm(distiq, tmp_path_factory):
    command = [sys.executable, str(ROOT / "tests" / "litellm_upstream.py")]
    folder = tmp_path_factory.mktemp("litellm")
    with open(folder / "litellm.log", "w") as log:
        proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    line = proxy.stdout.readline()
    if not line and proxy.wait(timeout=30) == 3:
        reason = "SKIPPED suite litellm: LiteLLM's proxy is not installed"
        print(reason)
        pytest.skip(reason)
    assert line, (folder / "litellm.log").read_text()[-2000:]
    ready = json.loads(line)
    lines = [
        "[retry]",
        "attempts = 1",
        "[providers.litellm]",
        f'base_url = "{ready["base_url"]}"',
        'dialect = "openai"',
        'key_env = "KEY_OF_LITELLM"',
    ]
    gateway = Gateway(distiq, folder, lines, KEY_OF_LITELLM=ready["key"])
    yield gateway
    gateway.stop()
    proxy.stdin.close()
    proxy.wait(timeout=30)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_text(client, over_litellm, stream):
    outcome = client.run(over_litellm.base, Case(model="litellm/mock-text", stream=stream, system=True))
    assert not outcome.error
    assert (outcome.text, outcome.stop, outcome.calls) == (TEXT, "stop", [])
    if client.path != "ollama" or client.language != "JavaScript":
        assert outcome.headers["x-distiq-route"] == "litellm/mock-text"
    if stream:
        assert outcome.pieces > 1, "it came at once"


def test_a_limit_is_passed_on(client, over_litellm):
    outcome = client.run(over_litellm.base, Case(model="litellm/mock-limited"))
    assert outcome.error and outcome.status == 429, outcome
