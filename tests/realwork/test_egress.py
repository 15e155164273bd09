"""Listed hosts are reached through Distiq's proxy by real clients, and others are not.

The servers stand on the host's loopback at 127.0.0.2, which the sandbox has not: a command that gets
an answer got it through the proxy.
"""

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile

import pytest

from conftest import need, run

HOST = "127.0.0.2"


class Server(http.server.ThreadingHTTPServer):
    """Answers with `pages`, by path."""

    daemon_threads = True

    def __init__(self):
        self.pages, self.asked = {}, []
        super().__init__((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        page = self.server.pages.get(path)
        self.send_response(404 if page is None else 200)
        body = b"none" if page is None else page
        self.send_header("Content-Type", "text/html" if body[:1] == b"<" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()


@pytest.fixture
def listed(project, server):
    project.settings(
        f'[sandbox]\nnetwork = "hosts"\nhosts = ["{HOST}:{server.server_port}"]\n'
    )
    return project


def archive(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def test_curl_reaches_what_is_listed_and_is_told_what_is_not(listed, server):
    need("curl")
    server.pages["/page"] = b"a page outside"
    listed.works(f"curl -sS {server.url}/page", "a page outside")
    listed.works(f"curl -sS --proxytunnel {server.url}/page", "a page outside")
    other = Server()
    for url in [f"{other.url}/page", "http://example.invalid/", "https://example.invalid/"]:
        code, text = listed.shell(f"curl -sSf {url}")
        host = url.split("/")[2]
        assert code != 0 and f"[sandbox: blocked {host}" in text and "sandbox.hosts" in text, text
    # Around the proxy there is nothing.
    listed.fails(f"curl -sS --noproxy '*' --max-time 5 {server.url}/page")
    assert other.asked == []


def test_without_a_list_nothing_is_reached(project, server):
    need("curl")
    project.fails(f"curl -sS --max-time 5 {server.url}/page")
    project.settings(f'[sandbox]\nhosts = ["{HOST}:{server.server_port}"]\n')
    project.fails(f"curl -sS --max-time 5 {server.url}/page")
    assert server.asked == []


def test_pip_installs(listed, server):
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("distiq_demo.py", "print('installed by pip')\n")
        info = "distiq_demo-1.0.dist-info"
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: distiq-demo\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    name = "distiq_demo-1.0-py3-none-any.whl"
    server.pages[f"/files/{name}"] = wheel.getvalue()
    server.pages["/simple/distiq-demo/"] = f'<a href="/files/{name}">{name}</a>'.encode()
    options = f"--index-url {server.url}/simple --trusted-host {HOST} --target lib -q"
    listed.works(f"python -m pip install {options} distiq-demo && PYTHONPATH=lib python -m distiq_demo",
                 "installed by pip")


def test_npm_installs(listed, server):
    need("npm")
    manifest = {"name": "distiq-demo", "version": "1.0.0", "main": "index.js"}
    package = archive({
        "package/package.json": json.dumps(manifest),
        "package/index.js": "console.log('installed by npm')",
    })
    server.pages["/distiq-demo/-/distiq-demo-1.0.0.tgz"] = package
    dist = {
        "tarball": f"{server.url}/distiq-demo/-/distiq-demo-1.0.0.tgz",
        "shasum": hashlib.sha1(package).hexdigest(),
    }
    versions = {"1.0.0": {**manifest, "dist": dist}}
    page = {"name": "distiq-demo", "dist-tags": {"latest": "1.0.0"}, "versions": versions}
    server.pages["/distiq-demo"] = json.dumps(page).encode()
    listed.write("package.json", '{"name": "x", "version": "1.0.0"}')
    listed.works(
        f"npm install --registry {server.url} --no-audit --no-fund distiq-demo && "
        "node -e 'require(\"distiq-demo\")'",
        "installed by npm",
    )


def test_cargo_fetches_beside_what_the_user_has(listed, server):
    manifest = '[package]\nname = "distiq-demo"\nversion = "1.0.0"\nedition = "2021"\n'
    package = archive({
        "distiq-demo-1.0.0/Cargo.toml": manifest,
        "distiq-demo-1.0.0/src/lib.rs": "pub fn hello() { println!(\"fetched by cargo\"); }\n",
    })
    server.pages["/index/config.json"] = json.dumps({"dl": f"{server.url}/dl"}).encode()
    row = {"name": "distiq-demo", "vers": "1.0.0", "deps": [], "features": {}, "yanked": False,
           "cksum": hashlib.sha256(package).hexdigest()}
    server.pages["/index/di/st/distiq-demo"] = json.dumps(row).encode()
    server.pages["/dl/distiq-demo/1.0.0/download"] = package
    listed.write(".cargo/config.toml", f'[registries.demo]\nindex = "sparse+{server.url}/index/"\n')
    listed.write("src/main.rs", "fn main() { distiq_demo::hello() }\n")
    listed.write(
        "Cargo.toml",
        '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        '[dependencies]\ndistiq-demo = { version = "1", registry = "demo" }\n',
    )
    listed.works("cargo run", "fetched by cargo")


def test_git_clones(listed, server, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("cloned by git\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for command in [["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]]:
        run([*git, *command], cwd=source)
    run(["git", "update-server-info"], cwd=source)
    for path in (source / ".git").rglob("*"):
        if path.is_file():
            server.pages[f"/repo.git/{path.relative_to(source / '.git')}"] = path.read_bytes()
    listed.works(f"git clone -q {server.url}/repo.git copy && cat copy/file", "cloned by git")
