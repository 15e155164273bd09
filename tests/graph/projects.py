"""The published projects on which the graph is held against language servers, pinned by their archives' hashes."""

import glob
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "graph"

# By language: how its client is asked, and by name and version the archive's SHA-256. Behind a `:` stands the folder
# of the archive that is the project. C comes in crates that build it, Go in Debian's packages of sources.
PROJECTS = {
    "python": {
        "tornado==6.5.2": "e792706668c87709709c18b353da1f7662317b563ff69f00bab83595940c7108",
        "werkzeug==3.1.3": "54b78bf3716d19a65be4fceccc0d1d7b89e608834989dfae50ea87564639213e",
        "attrs==25.4.0": "adcf7e2a1fb3b36ac48d97835bb6d8ade15b8dcce26aba8bf1d14847b57a3373",
    },
    "typescript": {
        "rxjs@7.8.2": "2312f8ffd9726ffd7bd53ea12c5f13663d09a3dc3326f448c70b88f5ef6fac82",
        "@tanstack/query-core@5.90.5": "51ca5896f65b33d23a2f3fde6df57ff3c4562e74d8d3801b69247c850c7349ed",
        "luxon@3.7.2": "498078da47254917ea264631160880fec8936994de3e6271e9c75c542bd35832",
    },
    "rust": {
        "regex-automata@0.4.19": "41d60ef07df457506a0a1a2073112eb4aae5733dbd2813c3da77d1b0fd441158",
        "petgraph@0.8.3": "8701b58ea97060d5e5b155d383a69952a60943f0e6dfe30b04c287beb0b27455",
        "rustyline@19.0.0": "56e1d6bd81c2d5feafd2419138df9183c45a10a492c4e873b8b0acb8eb2b549e",
    },
    "go": {
        "golang-github-yuin-goldmark-dev=1.5.4-1:github.com/yuin/goldmark":
            "c52d83484318f870494e3170646f7840a1085fd8c7ba77da75a9bb83d196ecf7",
        "golang-github-burntsushi-toml-dev=1.2.0-2:github.com/BurntSushi/toml":
            "eb0bc9f96d02b33034311604f787ca7ab071de026c9abdffa6ae40a63362f7b8",
        "golang-github-emirpasic-gods-dev=1.12.0-2:github.com/emirpasic/gods":
            "45f28b222ff783bd090db0f1cab25763e7a0658426532202f60b5ca4971f74c9",
    },
    "c": {
        "lua-src@551.1.0:lua-5.4.9": "41d22b201501a536c0f5a96c7589b268b559172b20fb029064434e38ddcecb1f",
        "zstd-sys@2.1.3+zstd.1.5.7:zstd": "f729a06d0257428fd9d997ac8db7e1407bd0262ab016b085b36bc52957c0052d",
        "tree-sitter@0.27.1:src": "a5129de2ccc97808c4583d48f1fb44576d015cf241e432800572bda11ef30c3b",
    },
}

# Those of the tests' npm packages are run by Node; the others must be installed.
SERVERS = {
    "python": ["pyright/langserver.index.js", "--stdio"],
    "typescript": ["typescript-language-server/lib/cli.mjs", "--stdio"],
    "rust": ["rust-analyzer"],
    "go": ["gopls", "serve"],
    "c": ["clangd", "--background-index", "--limit-references=0", "--log=error"],
}


def server(language, folder):
    """Returns the command of a language's server for a project's folder."""
    path, *rest = SERVERS[language]
    if language in ("python", "typescript"):
        return ["node", str(ROOT / "tests" / "node_modules" / path), *rest]
    if language == "c":
        rest.append(f"--compile-commands-dir={compile_commands(folder)}")
    return [installed(path), *rest]


def installed(program):
    """Returns the path of a program; rustup's stand-in for a component that is not there is none."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = shutil.which(program, path=folder)
        if path and (program != "rust-analyzer" or subprocess.run([path, "--version"], capture_output=True).returncode == 0):
            return path
    raise SystemExit(f"{program} is not installed; CONTRIBUTING.md says from where it comes")


def options(language):
    """Returns what a language's server is told when it starts."""
    if language == "typescript":
        # A server that has read but a file answers with nothing.
        return {"tsserver": {"useSyntaxServer": "never"}}
    if language != "rust":
        return {}
    cargo = {"features": "all", "buildScripts": {"enable": False}}
    # Debian's sources of the standard library stand apart from its compiler.
    library = sorted(glob.glob("/usr/src/rustc-*/library"))
    if library:
        cargo["sysrootSrc"] = library[-1]
    return {"cargo": cargo, "procMacro": {"enable": False}, "checkOnSave": False, "cachePriming": {"enable": False}}


def compile_commands(folder):
    """Writes how a project of C is compiled, each file with all folders of headers, and returns the folder of that."""
    folder = pathlib.Path(folder)
    headers = sorted({path.parent for path in folder.rglob("*.h")})
    flags = [f"-I{path}" for path in headers]
    commands = [{"directory": str(folder), "file": str(path), "arguments": ["cc", "-std=gnu11", *flags, "-c", str(path)]}
                for path in sorted(folder.rglob("*.c"))]
    target = CACHE / "compile" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    target.mkdir(parents=True, exist_ok=True)
    (target / "compile_commands.json").write_text(json.dumps(commands), encoding="utf-8")
    return target


def folders(language):
    """Fetches a language's projects where that is not done, and returns their folders."""
    return [fetched(language, name, digest) for name, digest in PROJECTS[language].items()]


def fetched(language, name, digest):
    name, _, inner = name.partition(":")
    plain = name.strip("@").replace("/", "-").replace("@", "-").replace("==", "-").replace("=", "-")
    folder = CACHE / plain
    if folder.is_dir():
        return folder
    parts = CACHE / f"{plain}.part"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    archive = download(language, name, parts)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise SystemExit(f"{name}: the archive's SHA-256 is {found}, not {digest}")
    project = unpacked(language, archive, parts)
    if language == "go":
        module = project / "usr" / "share" / "gocode" / "src" / inner
        # A package of before modules tells its path by its folder alone.
        if not (module / "go.mod").is_file():
            (module / "go.mod").write_text(f"module {inner}\n\ngo 1.16\n", encoding="utf-8")
        project = module
    elif inner:
        project = project / inner
    manifest = project / "Cargo.toml"
    if language == "rust" and "[workspace]" not in manifest.read_text(encoding="utf-8"):
        # It lies below this project's own workspace and is no part of it.
        with manifest.open("a", encoding="utf-8") as file:
            file.write("\n[workspace]\n")
    if language == "c":
        # What builds the crate is no part of the project.
        for path in project.rglob("*.rs"):
            path.unlink()
    project.rename(folder)
    shutil.rmtree(parts)
    return folder


def download(language, name, parts):
    """Downloads an archive by its registry's own client, and returns its path."""
    if language == "python":
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--only-binary", ":all:", "--platform", "manylinux2014_x86_64", "--platform", "any",
                        "-d", parts, name], check=True)
    elif language == "typescript":
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", parts, name], check=True, stdout=subprocess.DEVNULL)
    elif language == "go":
        subprocess.run(["apt-get", "download", "-qq", name], cwd=parts, check=True)
    else:
        # Cargo keeps what it tells of.
        subprocess.run(["cargo", "info", "--quiet", "--registry", "crates-io", name], cwd=parts, check=True,
                       stdout=subprocess.DEVNULL)
        home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        (archive,) = home.glob(f"registry/cache/*/{name.replace('@', '-')}.crate")
        return pathlib.Path(shutil.copy(archive, parts))
    (archive,) = parts.iterdir()
    return archive


def unpacked(language, archive, parts):
    """Unpacks an archive, and returns the folder of the project in it."""
    if language == "python":
        zipfile.ZipFile(archive).extractall(parts / "project")
        return parts / "project"
    if language == "go":
        subprocess.run(["dpkg-deb", "-x", archive, parts / "project"], check=True)
        return parts / "project"
    with tarfile.open(archive) as tar:
        tar.extractall(parts, filter="data")
    if language != "typescript":
        return parts / archive.name.removesuffix(".crate")
    # What was made of the sources would define all a second time.
    for path in (parts / "package").iterdir():
        if path.is_dir() and path.name != "src":
            shutil.rmtree(path)
    return parts / "package"
