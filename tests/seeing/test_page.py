"""The dashboard in a real browser: its figures are the ledger's."""

import json
import os
import pathlib
import subprocess

from conftest import OPERATOR, ROOT

MOST_PICTURE_BYTES = 150_000


def money(nanos):
    """Dollars as the command line writes them."""
    decimals = 2 if nanos == 0 or nanos >= 10**8 else 4 if nanos >= 10**6 else 6
    unit = 10 ** (9 - decimals)
    rounded = (nanos + unit // 2) // unit
    return f"${rounded // 10**decimals}.{rounded % 10**decimals:0{decimals}d}"


def cost_of(group):
    return "–" if group["unpriced"] == group["requests"] else money(group["cost_nanousd"])


def test_the_page_shows_the_ledger(chromium, start, tmp_path):
    gateway = start({"text": "An answer of some length. " * 40})
    made = gateway.run("keys", "create", "--owner", "ann <b>bold</b>", "--day", "0.5")
    for model in ("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-5"):
        for _ in range(3):
            kept = {"type": "text", "text": "Be brief. " * 3000, "cache_control": {"type": "ephemeral"}}
            status, text = gateway.message(model, system=[kept])
            assert status == 200, text
    for _ in range(2):
        assert gateway.message("claude-sonnet-4-6", key=made["key"])[0] == 200
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]}
    assert gateway.ask("/v1/chat/completions", body)[0] == 200
    pictures = []
    if os.environ.get("DISTIQ_WRITE_DOCS") == "1":
        folder = ROOT / "docs" / "img"
        folder.mkdir(parents=True, exist_ok=True)
        pictures = [str(folder)]
    walk = subprocess.Popen(
        ["node", str(pathlib.Path(__file__).parent / "page.mjs"), chromium, gateway.url, OPERATOR, *pictures],
        cwd=ROOT / "tests", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "NODE_PATH": str(ROOT / "tests" / "node_modules")},
    )
    try:
        ready = walk.stdout.readline()
        assert ready, walk.stderr.read()
        cost = gateway.run("cost", "--breakdown")
        assert gateway.message()[0] == 200
        text, words = walk.communicate(timeout=120)
    finally:
        walk.kill()
    assert text, words
    found = json.loads(text)

    totals, usage = cost["totals"], cost["totals"]["usage"]
    prompt = usage["input"] + usage["cache_read"] + usage["cache_write"] + usage["cache_write_long"]
    figures = found["figures"]
    assert figures["cost"] == money(cost["cost_nanousd"])
    assert figures["requests"] == str(totals["requests"]) == "12"
    assert figures["tokens-in"] == f"{prompt:,}"
    assert figures["tokens-out"] == f"{usage['output']:,}"
    assert usage["cache_read"] > 0 and totals["unpriced"] == 1
    assert figures["saved"] == money(totals["saved_prompt_cache_nanousd"])
    assert figures["success"] == "100 %"
    for part, rows in (("provider", found["providers"]), ("model", found["models"])):
        shown = [(row[0], row[2], row[-1]) for row in rows]
        wanted = [
            (group["name"], str(group["requests"]), cost_of(group))
            for group in cost["breakdown"][part]
        ]
        assert shown == wanted
    assert cost["breakdown"]["day"][0]["name"] in found["days"]
    assert found["requests"] == 12 and found["after"] == "13"
    assert "$0.50" in found["budgets"][0]

    assert any(f"ann <b>bold</b> ({made['id']})" == row[0] for row in found["keys"])
    assert found["markup"] == 0, "names are text"
    assert found["problems"] == [] and found["nameless"] == 0
    assert found["light"] != found["dark"] and found["byHand"] == found["light"]
    assert (found["sidewaysAtDoor"], found["sideways"], found["small"]) == (0, 0, 0)
    assert found["hasFocusAtStart"] == "key" and found["part"] == "model"
    assert found["kept"] == [1, 0] and found["left"] == [0, True]
    names = [step["name"] for step in found["walked"]]
    for name in ("theme", "leave", "all", "provider", "pause", "As a table"):
        assert name in names, names
    assert all(step["outline"] != "none" for step in found["walked"]), found["walked"]
    for folder in pictures:
        for picture in pathlib.Path(folder).glob("dashboard-*.png"):
            assert picture.stat().st_size <= MOST_PICTURE_BYTES, picture
