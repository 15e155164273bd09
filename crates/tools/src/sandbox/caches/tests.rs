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

struct Case<'a> {
    home: &'a Path,
    in_place: bool,
    reach: Reach,
    env: &'a [(&'a str, &'a str)],
}

impl Case<'_> {
    fn plan(&self) -> Caches {
        let read = [".cargo", ".rustup", ".pyenv", "go/pkg/mod"].map(|name| self.home.join(name));
        Caches::plan(&Place {
            home: self.home,
            root: &self.home.join("work/project"),
            homes: &self.home.join(".cache/distiq/homes"),
            in_place: self.in_place,
            read: &read,
            reach: self.reach,
            env: &|name| self.env.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)),
        })
    }
}

fn case(home: &Path, in_place: bool, reach: Reach) -> Case<'_> {
    Case { home, in_place, reach, env: &[] }
}

#[test]
fn settings_are_shown_where_they_hold_no_key() {
    let home = home(&[
        (".cargo/config.toml", "[build]\njobs = 2"),
        (".npmrc", "//registry.npmjs.org/:_authToken=k"),
        (".config/pip/pip.conf", "[global]\nindex-url = https://mirror.example/simple"),
        (".m2/settings.xml", "<password>k</password>"),
        (".ssh/config", ""),
        ("work/Cargo.toml", "[workspace]"),
        ("work/.npmrc", "//registry.npmjs.org/:_password=k"),
        ("work/notes.txt", ""),
        (".gitignore", "*.o"),
        ("package.json", "{}"),
    ]);
    let caches = case(home.path(), true, Reach::Nothing).plan();
    let below = |list: &[PathBuf]| {
        let below = list.iter().filter_map(|path| path.strip_prefix(home.path()).ok());
        below.map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        below(&caches.read),
        [
            ".cargo/config.toml",
            ".config/pip/pip.conf",
            "work/Cargo.toml",
            "package.json",
            ".gitignore"
        ]
    );
    assert_eq!(below(&caches.withheld), [".m2/settings.xml", ".npmrc", "work/.npmrc"]);
}

#[test]
fn variables_follow_what_can_be_reached() {
    let home =
        home(&[(".cargo/bin/cargo", ""), ("go/pkg/mod/cache/download/x", ""), ("other/x", "")]);
    let path = home.path();
    let shown = |in_place, reach| {
        let caches = case(path, in_place, reach).plan();
        let folder = caches.folder.display().to_string();
        let text = |value: &OsString| value.to_string_lossy().replace(&folder, "OWN");
        let text = |value| text(value).replace(&path.display().to_string(), "~");
        let names = ["HOME", "CARGO_HOME", "CARGO_NET_OFFLINE", "GOMODCACHE", "GOPROXY", "GOCACHE"];
        names.map(|name| caches.set.get(name).map(text).unwrap_or_default())
    };
    assert_eq!(
        shown(true, Reach::Nothing),
        ["~", "~/.cargo", "true", "~/go/pkg/mod", "off", "~/.distiq/go/build"]
    );
    assert_eq!(
        shown(false, Reach::Nothing),
        ["OWN", "~/.cargo", "true", "~/go/pkg/mod", "off", "OWN/.distiq/go/build"]
    );
    let proxy = "file://~/go/pkg/mod/cache/download,https://proxy.golang.org,direct";
    for reach in [Reach::Proxy, Reach::All] {
        assert_eq!(
            shown(true, reach),
            ["~", "~/.distiq/cargo", "", "~/.distiq/go/mod", proxy, "~/.distiq/go/build"]
        );
    }
    // Only what may be read is named, wherever the user has it.
    let other = path.join("other").display().to_string();
    let named = [("CARGO_HOME", other.as_str()), ("RUSTUP_HOME", "relative")];
    let caches = Case { env: &named, ..case(path, true, Reach::Nothing) }.plan();
    assert_eq!((caches.set.get("CARGO_HOME"), caches.set.get("RUSTUP_HOME")), (None, None));
    assert!(caches.unset.contains(&"HTTPS_PROXY") && caches.unset.contains(&"XDG_CACHE_HOME"));
    assert!(!case(path, true, Reach::All).plan().unset.contains(&"HTTPS_PROXY"));
}

#[test]
fn java_is_told_the_home_beside_what_the_user_told_it() {
    let home = home(&[(".m2/repository/x", "")]);
    let env = [("MAVEN_OPTS", "-Xmx1g")];
    let caches = Case { env: &env, ..case(home.path(), false, Reach::Nothing) }.plan();
    let (own, users) = (caches.folder.display(), home.path().display());
    assert_eq!(
        caches.set["MAVEN_OPTS"].to_str().unwrap(),
        format!(
            "-Xmx1g -Duser.home={own} -Dmaven.repo.local={own}/.distiq/maven \
             -Dmaven.repo.local.tail={users}/.m2/repository"
        )
    );
}

#[test]
fn the_home_has_the_toolchains_under_their_names() {
    let home = home(&[
        (".cargo/registry/cache/index-1/a-1.crate", "old"),
        (".cargo/registry/index/index-1/config.json", "{}"),
        (".pyenv/shims/python", "py"),
        ("work/project/x", "mine"),
        ("work/.editorconfig", "root = true"),
    ]);
    let caches = case(home.path(), false, Reach::Proxy).plan();
    caches.prepare().unwrap();
    let own = |path: &str| caches.folder.join(path);
    assert_eq!(fs::read_to_string(own(".pyenv/shims/python")).unwrap(), "py");
    assert_eq!(fs::read_to_string(own("work/project/x")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(own("work/.editorconfig")).unwrap(), "root = true");
    let crates = own(".distiq/cargo/registry/cache/index-1");
    assert_eq!(fs::read_to_string(crates.join("a-1.crate")).unwrap(), "old");
    assert!(crates.join("a-1.crate").is_symlink() && !crates.is_symlink());

    // What commands add stays; what the user adds or removes is followed.
    fs::write(crates.join("b-1.crate"), "new").unwrap();
    let users = home.path().join(".cargo/registry/cache/index-1");
    fs::remove_file(users.join("a-1.crate")).unwrap();
    fs::write(users.join("c-1.crate"), "").unwrap();
    case(home.path(), false, Reach::Proxy).plan().prepare().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(&crates).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["b-1.crate", "c-1.crate"]);
}

#[test]
fn a_home_in_place_has_folders_to_mount_on() {
    let home = home(&[
        (".cargo/bin/cargo", ""),
        ("work/project/x", ""),
        (".config/pip/pip.conf", "[global]"),
    ]);
    let caches = case(home.path(), true, Reach::Nothing).plan();
    caches.prepare().unwrap();
    for path in [".cargo", "work/project", ".config/pip", ".cache", ".distiq"] {
        let path = caches.folder.join(path);
        assert!(path.is_dir() && !path.is_symlink(), "{path:?}");
        assert!(!path.join("bin").exists());
    }
}

#[test]
fn links_that_a_command_left_are_not_followed() {
    let home = home(&[(".pyenv/x", ""), ("work/project/x", "")]);
    for in_place in [false, true] {
        let outside = tempfile::tempdir().unwrap();
        let caches = case(home.path(), in_place, Reach::Nothing).plan();
        caches.prepare().unwrap();
        for path in [".cache", "work", ".local", ".pyenv"] {
            let path = caches.folder.join(path);
            fs::rename(&path, path.with_extension("old")).unwrap();
            symlink(outside.path(), &path).unwrap();
        }
        caches.prepare().unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(caches.folder.join("work").is_dir() && !caches.folder.join("work").is_symlink());
        if !in_place {
            let pyenv = caches.folder.join(".pyenv");
            assert_eq!(fs::read_link(pyenv).unwrap(), home.path().join(".pyenv"));
        }
        fs::remove_dir_all(&caches.folder).unwrap();
    }
}

#[test]
fn homes_long_unused_are_removed() {
    let home = home(&[("work/project/x", "")]);
    let caches = case(home.path(), true, Reach::Nothing).plan();
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
