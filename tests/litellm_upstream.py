#!/usr/bin/env python3
"""Starts LiteLLM's proxy on loopback, prints {"base_url", "key"} once it answers, and ends when
stdin closes. Needs `tests/setup_python.sh litellm`; exits with 3 where that was not done."""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / ".cache/litellm/bin/litellm"
CONFIG = ROOT / "tests/sdk/litellm.yaml"
START_SECONDS = 300


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(base_url, key):
    request = urllib.request.Request(f"{base_url}/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def main():
    if not PROGRAM.exists():
        print("LiteLLM is not installed: run tests/setup_python.sh litellm", file=sys.stderr)
        return 3
    key = "sk-" + secrets.token_urlsafe(32)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(ROOT / ".cache/litellm"),
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "PYTHONUNBUFFERED": "1",
    }
    command = [str(PROGRAM), "--config", str(CONFIG), "--host", "127.0.0.1", "--port", str(port)]
    proxy = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr
    )
    try:
        base_url = f"http://127.0.0.1:{port}/v1"
        end = time.monotonic() + START_SECONDS
        while not answers(base_url, key):
            if proxy.poll() is not None or time.monotonic() > end:
                print("LiteLLM did not start", file=sys.stderr)
                return 1
            time.sleep(0.2)
        print(json.dumps({"base_url": base_url, "key": key}), flush=True)
        sys.stdin.read()
    finally:
        proxy.terminate()
        try:
            proxy.wait(timeout=10)
        except subprocess.TimeoutExpired:
            proxy.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
