//! Which folders are never looked through: a home, and what holds one.

use std::path::Path;

/// Folders of the system; each holds far more than one project.
const SYSTEM: [&str; 20] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var", "/Users",
];

/// Returns why a root is not covered; `None` where it is.
pub fn refusal(root: &Path, user_home: Option<&Path>) -> Option<String> {
    let home = user_home.map(|home| home.canonicalize().unwrap_or_else(|_| home.to_owned()));
    if home.as_deref() == Some(root) || root.parent() == Some(Path::new("/home")) {
        return Some(format!("{} is a home folder", root.display()));
    }
    if SYSTEM.iter().any(|folder| root == Path::new(folder)) {
        return Some(format!("{} is a folder of the system", root.display()));
    }
    if home.is_some_and(|home| home.starts_with(root)) {
        return Some(format!("{} holds your home folder", root.display()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_and_what_holds_them_are_refused() {
        let check =
            |root: &str| refusal(Path::new(root), Some(Path::new("/data/people/ann"))).is_some();
        for root in
            ["/", "/home", "/home/bob", "/data", "/data/people", "/data/people/ann", "/tmp", "/usr"]
        {
            assert!(check(root), "{root}");
        }
        for root in
            ["/data/people/ann/project", "/work", "/home/bob/src", "/tmp/project", "/data/other"]
        {
            assert!(!check(root), "{root}");
        }
    }
}
