"""An agent of 60 lines: a loop, four tools, an append-only history, the vendor's cache."""

import json, os, pathlib, subprocess, sys, urllib.request

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def tool(name, description, required, **fields):
    schema = {"type": "object", "properties": fields, "required": required}
    return {"name": name, "description": description, "input_schema": schema}


TOOLS = [
    tool("bash", "Run a command.", ["command"], command=TEXT),
    tool("read", "Read a file.", ["path"], path=TEXT, offset=NUMBER, limit=NUMBER),
    tool("edit", "Replace a text that occurs once.", ["path", "old", "new"], path=TEXT, old=TEXT, new=TEXT),
    tool("write", "Write a file.", ["path", "content"], path=TEXT, content=TEXT),
]
SYSTEM = "You are a coding agent. Work with the tools until the task is done, then say what you did."


def call(name, given):
    if name == "bash":
        ran = subprocess.run(["bash", "-c", given["command"]], capture_output=True, text=True)
        code = f"\nexit code {ran.returncode}" if ran.returncode else ""
        return (ran.stdout + ran.stderr)[:40_000] + code
    path = pathlib.Path(given["path"])
    if name == "write":
        path.write_text(given["content"])
        return "written"
    text = path.read_text()
    if name == "read":
        first = given.get("offset", 1) - 1
        return "".join(text.splitlines(True)[first : first + given.get("limit", 2000)])
    if text.count(given["old"]) != 1:
        return f"the text occurs {text.count(given['old'])} times"
    path.write_text(text.replace(given["old"], given["new"]))
    return "replaced"


def ask(messages):
    """One request, the end of its conversation marked for the cache."""
    last = messages[-1]["content"][-1]
    last["cache_control"] = {"type": "ephemeral"}
    body = {"model": sys.argv[1], "max_tokens": 8000, "system": SYSTEM, "tools": TOOLS, "messages": messages}
    headers = {"content-type": "application/json", "x-api-key": "k", "anthropic-version": "2023-06-01"}
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    answer = json.load(urllib.request.urlopen(request))
    del last["cache_control"]
    return answer["content"]


messages = [{"role": "user", "content": [{"type": "text", "text": sys.argv[2]}]}]
while True:
    content = ask(messages)
    calls = [block for block in content if block["type"] == "tool_use"]
    messages.append({"role": "assistant", "content": content})
    if not calls:
        break
    results = [(block["id"], call(block["name"], block["input"])) for block in calls]
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": id, "content": text} for id, text in results]})
