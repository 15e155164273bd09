"""Holds `distiq graph` against language servers, on seeded random symbols.

    python tests/graph/check.py --distiq target/debug/distiq --language python        # on published projects
    python tests/graph/check.py --distiq target/debug/distiq --language rust PROJECT...

Of each project that many symbols are drawn, 40 % of them methods. The server tells their references. Of each symbol one
reference is drawn, and the graph must name its definition there; then the graph's references are held against all of the
server's. Misses are listed. Projects are folders; nothing is written into them but Distiq's own index. Links in comments
are no uses, and overloads are one symbol. Where a server of a compiled language says nothing of a name, it does not see the
code: the body of a macro, what a build leaves out. What the graph finds there counts neither way (`unseen`).
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import threading
import urllib.parse

import projects

ENDS = {
    "python": [".py"],
    "typescript": [".ts", ".tsx", ".js", ".mjs", ".jsx"],
    "rust": [".rs"],
    "go": [".go"],
    "java": [".java"],
    "c": [".c", ".h"],
}
# Languages of which a server knows every name in what it reads.
COMPILED = ("rust", "go", "c")
KINDS = {"variable", "static", "record", "macro", "method", "constructor", "function", "class", "struct", "enum", "trait", "interface", "type", "const", "field"}


class Server:
    """A language server over its standard streams."""

    def __init__(self, command, root):
        self.process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.answers, self.number, self.busy, self.is_quiet = {}, 0, {}, None
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        stream = self.process.stdout
        while True:
            length = 0
            while True:
                line = stream.readline()
                if not line:
                    return
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                if line in (b"\r\n", b"\n"):
                    break
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:
                params = message.get("params") or {}
                result = [None] * len(params.get("items", [])) if message["method"] == "workspace/configuration" else None
                self.write({"jsonrpc": "2.0", "id": message["id"], "result": result})
                continue
            with self.changed:
                if message.get("method") == "experimental/serverStatus":
                    self.is_quiet = message["params"].get("quiescent")
                elif message.get("method") == "$/progress":
                    value = message["params"].get("value", {})
                    self.busy[str(message["params"]["token"])] = value.get("kind") != "end"
                elif "id" in message:
                    self.answers[message["id"]] = message
                self.changed.notify_all()

    def write(self, message):
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, params):
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method, params, seconds=120):
        self.number += 1
        number = self.number
        self.write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers, seconds):
                return None
            return self.answers.pop(number).get("result")

    def settle(self, seconds):
        """Waits until the server says that it is ready, or has nothing under way, or that long."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.is_quiet or self.is_quiet is None and self.busy and not any(self.busy.values()), seconds)


def uri(root, path):
    return "file://" + urllib.parse.quote(os.path.join(root, path))


def start(command, root, paths, language):
    server = Server(command, root)
    server.ask("initialize", {
        "processId": os.getpid(), "rootUri": "file://" + root, "workspaceFolders": [{"uri": "file://" + root, "name": "p"}],
        "initializationOptions": projects.options(language),
        "capabilities": {"workspace": {"configuration": True}, "window": {"workDoneProgress": True},
                         "experimental": {"serverStatusNotification": True}},
    })
    server.tell("initialized", {})
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        kind = "typescriptreact" if path.endswith("x") and language == "typescript" else language
        if path.endswith((".js", ".mjs")):
            kind = "javascript"
        server.tell("textDocument/didOpen", {"textDocument": {
            "uri": uri(root, path), "languageId": kind, "version": 1, "text": text}})
    server.is_quiet = False if language == "rust" else None
    server.settle(5 if language in ("python", "typescript") else 240)
    return server


def draw(symbols, count, chance):
    """Draws symbols, 40 % of them methods where the language has such."""
    # Functions in an object's literal are typed by what takes them, not members of something that is named.
    classes = {"class", "struct", "enum", "trait", "impl", "interface", "type"}
    def is_member(symbol):
        # Methods of Go stand apart from their type.
        return symbol.get("within") in classes or symbol["path"].endswith(".go")

    methods = [s for s in symbols if s["kind"] in ("method", "constructor") and is_member(s)]
    others = [s for s in symbols if s["kind"] not in ("method", "constructor")]
    chance.shuffle(methods)
    chance.shuffle(others)
    share = round(count * 0.4) if methods else 0
    # More than are needed: symbols without a use say nothing and are passed over.
    return methods[: share * 6], others[: (count - share) * 6], share


def in_comment(text):
    """Tells whether a line is a comment: links in documentation are no uses."""
    return text.lstrip().startswith(("*", "/*", "//", "#"))


def meant(server, root, use, name, lines):
    """Returns the places that the server says a name means on a line."""
    path, row = use
    named = re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", lines[path][row - 1])
    if not named:
        return set()
    start = named.start()
    places = server.ask("textDocument/definition", {
        "textDocument": {"uri": uri(root, path)}, "position": {"line": row - 1, "character": start}})
    places = places if isinstance(places, list) else [places] if places else []
    found = set()
    for at in places:
        span = at.get("targetSelectionRange") or at.get("range")
        target = at.get("targetUri") or at.get("uri")
        other = os.path.relpath(urllib.parse.unquote(urllib.parse.urlparse(target).path), root)
        found.add((other, span["start"]["line"] + 1))
    return found


def check(options, root, chance):
    env = dict(os.environ)
    # A project that lies in another repository's folder is no part of it.
    run = [os.path.abspath(options.distiq), "--root", root, "graph"]
    whole = json.loads(subprocess.run(run + ["export"], cwd=root, env=env, check=True, capture_output=True).stdout)
    ends = tuple(ENDS[options.language])
    symbols = [s for s in whole["nodes"] if s.get("path", "").endswith(ends) and s["kind"] in KINDS]
    paths = sorted({s["path"] for s in symbols})
    command = options.server.split() if options.server else projects.server(options.language, root)
    server = start(command, root, paths, options.language)
    # The definition asked of a definition says nothing.
    defined = {(s["path"], s["line"], s["name"].split(".")[-1]) for s in whole["nodes"] if "line" in s}
    lines = {path: open(os.path.join(root, path), encoding="utf-8", errors="replace").read().split("\n") for path in paths}
    graph = subprocess.Popen(run + ["rows", "--no-refresh"], cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def asked(ask, path, line, name):
        row = {"id": 1, "ask": ask, "at": f"{path}:{line}", "name": name}
        graph.stdin.write(json.dumps(row).encode() + b"\n")
        graph.stdin.flush()
        return json.loads(graph.stdout.readline()).get("results", [])

    is_compiled = options.language in COMPILED
    tally = {"symbols": 0, "definitions": 0, "known": 0, "found": 0, "right": 0, "ours": 0, "unseen": 0}
    misses = []
    methods, others, share = draw(symbols, options.symbols, chance)
    for pool, wanted in ((methods, share), (others, options.symbols - share)):
        taken = 0
        for symbol in pool:
            if taken >= wanted:
                break
            name, path, line = symbol["name"].split(".")[-1], symbol["path"], symbol["line"]
            if not re.fullmatch(r"[\w$#]+", name):
                continue
            match = re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", lines[path][line - 1]) if line <= len(lines[path]) else None
            if not match:
                continue
            place = {"line": line - 1, "character": match.start()}
            found = server.ask("textDocument/references", {
                "textDocument": {"uri": uri(root, path)}, "position": place, "context": {"includeDeclaration": False}})
            known = set()
            for at in found or []:
                other = os.path.relpath(urllib.parse.unquote(urllib.parse.urlparse(at["uri"]).path), root)
                row = at["range"]["start"]["line"] + 1
                # What is called otherwise there (an alias) is no use by name.
                if other in lines and (other, row) != (path, line) and not in_comment(lines[other][row - 1]):
                    if re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", lines[other][row - 1]):
                        known.add((other, row))
            own = {(path, line)} | (meant(server, root, (path, line), name, lines) if is_compiled else set())
            is_unsure = options.language == "rust" and symbol["kind"] == "type"
            if options.language == "c" or is_unsure:
                # Clangd takes members of structures for one that are called alike in files that share nothing, and
                # rust-analyzer the types of implementations; of where they are used it knows better.
                known = {at for at in known if at[0] == path and not is_unsure or meant(server, root, at, name, lines) & own}
            if not known:
                continue
            # A use that the server takes for something outside of the project, such as what a member overrides, is none.
            uses = sorted(known)
            chance.shuffle(uses)
            uses = [use for use in uses if (*use, name) not in defined] or uses
            for use in uses[:4]:
                truth = meant(server, root, use, name, lines)
                if any(place in lines for place, _ in truth):
                    break
            else:
                continue
            taken += 1
            tally["symbols"] += 1
            truth.add((path, line))
            found = asked("definition", *use, name)
            answers = [(a["path"], a.get("line") or a["start_line"]) for a in found if a["kind"] != "file"]
            # Overloads are one symbol.
            of = [a.get("name") for a in found if a["kind"] != "file"][:1]
            same = {(a["path"], a.get("line") or a["start_line"]) for a in found if a.get("name") in of and a["path"] == answers[0][0]}
            if answers and (answers[0] in truth or same & truth):
                tally["definitions"] += 1
            else:
                misses.append(f"definition {use[0]}:{use[1]} {name}: {answers[:2]}, not {path}:{line} ({symbol['kind']})")
            ours = {(a["path"], a["line"]) for a in asked("references", path, line, name)} - {(path, line)}
            ours = {at for at in ours if at[0] in lines}
            right = known & ours
            if is_compiled:
                for at in sorted(ours - known):
                    there = meant(server, root, at, name, lines)
                    if not there:
                        tally["unseen"] += 1
                        ours.discard(at)
                    elif there & own:
                        right.add(at)
            tally["known"] += len(known)
            tally["found"] += len(known & ours)
            tally["ours"] += len(ours)
            tally["right"] += len(right)
            if len(known & ours) < 0.8 * len(known):
                lost = sorted(known - ours)[:2]
                misses.append(f"references {path}:{line} {name}: {len(known & ours)} of {len(known)}, not {lost} ({symbol['kind']})")
            if len(right) < 0.8 * len(ours):
                extra = sorted(ours - right)[:2]
                misses.append(f"too many {path}:{line} {name}: {len(ours)} for {len(known)}, such as {extra} ({symbol['kind']})")
    server.process.terminate()
    graph.stdin.close()
    graph.wait()
    return tally, misses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--distiq", required=True)
    parser.add_argument("--server", help="the server's command, where it is not the language's")
    parser.add_argument("--language", choices=ENDS, required=True)
    parser.add_argument("--symbols", type=int, default=67)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", type=int, default=40)
    parser.add_argument("--misses-file", help="where all misses are written")
    parser.add_argument("--slack", type=float, default=0.0, help="how far below the bars few symbols may be by chance")
    parser.add_argument("projects", nargs="*")
    options = parser.parse_args()
    total = {}
    listed = []
    for project in options.projects or projects.folders(options.language):
        tally, misses = check(options, os.path.realpath(project), random.Random(options.seed))
        print(project, json.dumps(tally), flush=True)
        listed += [f"{project}: {miss}" for miss in misses]
        for miss in misses[: options.misses]:
            print("  " + miss)
        total = {key: total.get(key, 0) + value for key, value in tally.items()}
    share = lambda part, whole: part / whole if whole else 0.0
    definitions = share(total["definitions"], total["symbols"])
    found, right = share(total["found"], total["known"]), share(total["right"], total["ours"])
    print(f"{options.language}: {total['symbols']} symbols, definitions {definitions:.1%}, references found {found:.1%}, right {right:.1%}")
    if options.misses_file:
        with open(options.misses_file, "w", encoding="utf-8") as file:
            file.write("\n".join(listed) + "\n")
    sys.exit(0 if definitions > 0.9 - options.slack and found > 0.8 - options.slack else 1)


if __name__ == "__main__":
    main()
