use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A home with files, each given by path and text.
fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

fn plan(home: &Path, reach: Reach, env: &[(&str, &str)]) -> Caches {
    Caches::plan(&Place {
        home,
        root: &home.join("work/project"),
        caches: &home.join(".cache/distiq/sandbox"),
        shown: &[home.join(".local/share/distiq/outputs")],
        reach,
        env: &|name| env.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value)),
    })
}

/// The readable paths, from the home on.
fn read(home: &Path, caches: &Caches) -> Vec<String> {
    let below = caches.read.iter().filter_map(|path| path.strip_prefix(home).ok());
    let mut below: Vec<String> = below.map(|path| path.display().to_string()).collect();
    below.sort();
    below
}

#[test]
fn toolchains_are_read_and_keys_never() {
    let home = home(&[
        (".cargo/bin/cargo", ""),
        (".cargo/registry/cache/x", ""),
        (".cargo/credentials.toml", "[registry]\ntoken = \"k\""),
        (".cargo/config.toml", "[build]\njobs = 2"),
        (".rustup/settings.toml", ""),
        (".ssh/id_ed25519", ""),
        (".aws/credentials", ""),
        (".netrc", ""),
        (".npmrc", "//registry.npmjs.org/:_authToken=k"),
        (".gitconfig", "[user]\nname = A\nemail = a@b.example"),
        (".config/git/config", "[url \"https://me:k@host/\"]\ninsteadOf = x"),
        (".config/gh/hosts.yml", ""),
        (".m2/settings.xml", "<password>k</password>"),
        (".m2/repository/a.jar", ""),
        (".local/share/keyrings/login.keyring", ""),
        (".local/bin/tool", ""),
        ("opt/node/bin/node", ""),
        ("opt/node/lib/x.js", ""),
        ("bin/own", ""),
        ("work/Cargo.toml", "[workspace]"),
        ("work/notes.txt", ""),
        ("notes.txt", ""),
    ]);
    let path = home.path();
    let bins = ["bin", "opt/node/bin", ".local/bin"].map(|bin| path.join(bin));
    let bins = std::env::join_paths(bins).unwrap().into_string().unwrap();
    let caches = plan(path, Reach::Nothing, &[("PATH", &bins)]);
    assert_eq!(
        read(path, &caches),
        [
            ".cargo/bin",
            ".cargo/config.toml",
            ".cargo/registry",
            ".gitconfig",
            ".local/bin",
            ".m2/repository",
            ".rustup",
            "bin",
            "opt/node",
            "opt/node/bin",
            "work/Cargo.toml",
        ]
    );
    let withheld: Vec<_> = caches.withheld.iter().map(|p| p.strip_prefix(path).unwrap()).collect();
    assert_eq!(withheld, [".config/git/config", ".npmrc", ".m2/settings.xml"].map(Path::new));
}

#[test]
fn variables_follow_what_can_be_reached() {
    let home = home(&[(".cargo/bin/cargo", ""), ("go/pkg/mod/cache/download/x", ""), ("py/x", "")]);
    let path = home.path();
    let env = [("PYTHONUSERBASE", path.join("py").display().to_string())];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shown = |reach| {
        let caches = plan(path, reach, &env);
        let folder = caches.folder.display().to_string();
        let text = |value: &OsString| value.to_string_lossy().replace(&folder, "OWN");
        let text = |value| text(value).replace(&path.display().to_string(), "~");
        let names = ["HOME", "CARGO_HOME", "CARGO_NET_OFFLINE", "GOMODCACHE", "GOPROXY"];
        names.map(|name| caches.set.get(name).map(text).unwrap_or_default())
    };
    assert_eq!(shown(Reach::Nothing), ["OWN/home", "~/.cargo", "true", "~/go/pkg/mod", "off"]);
    for reach in [Reach::Proxy, Reach::All] {
        assert_eq!(
            shown(reach),
            [
                "OWN/home",
                "OWN/cargo",
                "",
                "OWN/go/mod",
                "file://~/go/pkg/mod/cache/download,https://proxy.golang.org,direct",
            ]
        );
    }
    let caches = plan(path, Reach::Nothing, &env);
    let base = path.join("py");
    assert_eq!(caches.set.get("PYTHONUSERBASE"), None, "nothing of it may be read");
    assert!(!caches.may_read(&base));
    assert!(caches.unset.contains(&"HTTPS_PROXY") && caches.unset.contains(&"SSH_AUTH_SOCK"));
    assert!(!plan(path, Reach::All, &[]).unset.contains(&"HTTPS_PROXY"));
}

#[test]
fn a_variable_that_names_the_home_opens_nothing() {
    let home = home(&[("secret", "")]);
    let text = home.path().display().to_string();
    for value in [text.as_str(), "/", "relative", ""] {
        let names = ["PYENV_ROOT", "JAVA_HOME", "GOPATH", "PATH", "CARGO_HOME"];
        let caches = plan(home.path(), Reach::Nothing, &names.map(|name| (name, value)));
        assert_eq!(read(home.path(), &caches), [""; 0], "{value}");
    }
}

#[test]
fn the_home_has_the_toolchains_under_their_names() {
    let home = home(&[
        (".cargo/bin/cargo", ""),
        (".cargo/registry/cache/index-1/a-1.crate", "old"),
        (".cargo/registry/index/index-1/config.json", "{}"),
        (".pyenv/shims/python", "py"),
        ("work/project/x", "mine"),
    ]);
    let caches = plan(home.path(), Reach::Proxy, &[]);
    caches.prepare().unwrap();
    let own = |path: &str| caches.folder.join(path);
    assert_eq!(fs::read_to_string(own("home/.pyenv/shims/python")).unwrap(), "py");
    assert_eq!(fs::read_to_string(own("home/work/project/x")).unwrap(), "mine");
    assert!(!own("home/.cargo/credentials.toml").exists());
    let crates = own("cargo/registry/cache/index-1");
    assert_eq!(fs::read_to_string(crates.join("a-1.crate")).unwrap(), "old");
    assert!(crates.join("a-1.crate").is_symlink() && !crates.is_symlink());

    // What commands add stays; what the user adds or removes is followed.
    fs::write(crates.join("b-1.crate"), "new").unwrap();
    let users = home.path().join(".cargo/registry/cache/index-1");
    fs::remove_file(users.join("a-1.crate")).unwrap();
    fs::write(users.join("c-1.crate"), "").unwrap();
    plan(home.path(), Reach::Proxy, &[]).prepare().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(&crates).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["b-1.crate", "c-1.crate"]);
}

#[test]
fn links_that_a_command_left_are_not_followed() {
    let home = home(&[(".pyenv/x", ""), (".cache/ms-playwright/x", ""), ("work/project/x", "")]);
    let outside = tempfile::tempdir().unwrap();
    let caches = plan(home.path(), Reach::Nothing, &[]);
    caches.prepare().unwrap();
    for path in ["home/.cache", "home/work", "home/.local", "go"] {
        let path = caches.folder.join(path);
        fs::rename(&path, path.with_extension("old")).unwrap();
        symlink(outside.path(), &path).unwrap();
    }
    let pyenv = caches.folder.join("home/.pyenv");
    fs::remove_file(&pyenv).unwrap();
    symlink(outside.path(), &pyenv).unwrap();
    caches.prepare().unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(fs::read_link(pyenv).unwrap(), home.path().join(".pyenv"));
    assert!(caches.folder.join("home/work/project/x").exists());
}

#[test]
fn homes_long_unused_are_removed() {
    let home = home(&[("work/project/x", "")]);
    let caches = plan(home.path(), Reach::Nothing, &[]);
    let above = caches.folder.parent().unwrap();
    fs::create_dir_all(above.join("old/home")).unwrap();
    fs::create_dir_all(above.join("young/home")).unwrap();
    for (name, days) in [("old", 31), ("young", 29)] {
        let stamp = fs::File::create(above.join(name).with_extension("stamp")).unwrap();
        let age = std::time::Duration::from_secs(days * 24 * 3600);
        stamp.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    caches.prepare().unwrap();
    assert!(!above.join("old").exists() && !above.join("old.stamp").exists());
    assert!(above.join("young/home").exists());
    assert!(caches.folder.with_extension("stamp").exists());
}

#[test]
fn keys_are_seen_in_settings() {
    for (text, wanted) in [
        ("[user]\nemail = a@b.example", false),
        ("registry=https://registry.corp/npm/", false),
        ("url = ssh://git@host/x", false),
        ("//registry.npmjs.org/:_authToken=x", true),
        ("index-url = https://user:pass@host/simple", true),
        ("[http]\nextraheader = AUTHORIZATION: basic x", true),
        ("<password>{x}</password>", true),
    ] {
        assert_eq!(holds_key(text), wanted, "{text}");
    }
}
