"""Real projects, built and tested inside the default sandbox, through `distiq tool shell`.

What is published is fetched by its own client before, outside of the sandbox, as a user would have it:
nothing in the sandbox reaches a registry.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / ".cache" / "sources"


@pytest.fixture(scope="session")
def program():
    """Distiq's path; built unless DISTIQ_PROGRAM names it."""
    named = os.environ.get("DISTIQ_PROGRAM")
    if named:
        return named
    subprocess.run(["cargo", "build", "--quiet", "-p", "distiq"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "debug" / "distiq")


class Project:
    """A project's folder, and Distiq in it."""

    def __init__(self, program, root, home):
        self.program, self.root, self.home = program, root, home
        self.variables = {}

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def settings(self, text):
        folder = self.home / "config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text)

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISTIQ_", "CARGO_TARGET"))}
        venv = pathlib.Path(sys.executable).parent
        path = os.pathsep.join([str(venv), kept.get("PATH", "")])
        own = {"DISTIQ_HOME": str(self.home), "DISTIQ_SANDBOX": "require", "PATH": path}
        return {**kept, **own, **self.variables}

    def tool(self, name, **arguments):
        command = [self.program, "tool", name, json.dumps(arguments), "--root", str(self.root)]
        ran = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=900
        )
        assert ran.stdout, ran.stderr
        return json.loads(ran.stdout)

    def shell(self, command, timeout_s=600):
        """Returns the command's exit code and what it said."""
        answer = self.tool("shell", command=command, timeout_s=timeout_s)
        text = answer.get("text", answer.get("message"))
        return (answer.get("data") or {}).get("exit_code"), text

    def works(self, command, *wanted):
        code, text = self.shell(command)
        assert code == 0, text
        for part in wanted:
            assert part in text, text
        return text

    def fails(self, command, *wanted):
        code, text = self.shell(command)
        assert code != 0, text
        for part in wanted:
            assert part in text, text
        return text


@pytest.fixture(scope="session")
def sandboxed(program, tmp_path_factory):
    """Skips where this system has no whole sandbox."""
    home = tmp_path_factory.mktemp("doctor")
    environment = {**os.environ, "DISTIQ_HOME": str(home), "DISTIQ_SANDBOX": "auto"}
    command = [program, "doctor", "--json"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    if checks["sandbox"]["status"] != "ok":
        pytest.skip(f"SKIPPED suite realwork: {checks['sandbox']['detail']}")


@pytest.fixture
def project(sandboxed, program, tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return Project(program, root, tmp_path / "distiq")


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def need(name, suite=None, why=None):
    """Returns a program's path, or skips."""
    found = shutil.which(name) or shutil.which(str(pathlib.Path(sys.executable).parent / name))
    if not found:
        pytest.skip(f"SKIPPED suite {suite or name}: {why or f'`{name}` is not installed'}")
    return found


def crate(name, version, into):
    """Puts a published crate's sources into a folder, all that its tests need being in the registry."""
    fetched = SOURCES / f"{name}-{version}.src"
    if not fetched.exists():
        work = SOURCES / f"{name}-{version}.fetch"
        shutil.rmtree(work, ignore_errors=True)
        (work / "src").mkdir(parents=True)
        (work / "src/lib.rs").write_text("")
        (work / "Cargo.toml").write_text(
            f'[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
            f'[dependencies]\n{name} = "={version}"\n'
        )
        run(["cargo", "fetch", "--quiet"], cwd=work)
        home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        (found,) = home.glob(f"registry/src/*/{name}-{version}")
        shutil.copytree(found, fetched)
        shutil.rmtree(work)
    shutil.copytree(fetched, into, dirs_exist_ok=True)
    with (into / "Cargo.toml").open("a") as manifest:
        manifest.write("\n[workspace]\n")
    run(["cargo", "fetch", "--quiet"], cwd=into)


def sdist(name, version, into):
    """Unpacks a published Python project."""
    file = SOURCES / f"{name}-{version}.tar.gz"
    if not file.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(SOURCES)]
        run([sys.executable, "-m", "pip", "download", *options, f"{name}=={version}"])
    unpack(file, into)


def npm(name, version, into):
    """Unpacks a published JavaScript project."""
    file = SOURCES / f"{name}-{version}.tgz"
    if not file.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=SOURCES)
    unpack(file, into)


def unpack(file, into):
    with tarfile.open(file) as archive:
        archive.extractall(into.parent / "unpacked", filter="data")
    (top,) = (into.parent / "unpacked").iterdir()
    shutil.copytree(top, into, dirs_exist_ok=True)


def debian(package, path, into, suite):
    """Takes a folder of a Debian package that is downloaded, not installed."""
    found = list(SOURCES.glob(f"{package}_*.deb"))
    if not found:
        need("apt-get", suite)
        SOURCES.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "download", package]
        got = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=300)
        found = list(SOURCES.glob(f"{package}_*.deb"))
        if not found:
            why = (got.stderr.strip().splitlines() or ["no output"])[-1]
            pytest.skip(f"SKIPPED suite {suite}: `{package}` could not be downloaded: {why}")
    folder = into.parent / "deb"
    run(["dpkg-deb", "-x", str(found[0]), str(folder)])
    shutil.copytree(folder / path, into, dirs_exist_ok=True)
