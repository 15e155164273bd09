//! Keys that `setup` stored: one file that only the user can read. A key stands under the name of
//! the environment variable that would hold it, and the environment wins.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::PathBuf;

use distiq_base::paths::Home;
use distiq_base::{ErrorKind, Secret, atomic};
use toml_edit::DocumentMut;

use crate::failure::Failure;

/// Stored keys by variable.
pub type Keys = BTreeMap<String, Secret>;

/// Returns the file.
pub fn path(home: &Home) -> PathBuf {
    home.config.join("keys.toml")
}

/// Reads the stored keys; none where there is no file.
pub fn read(home: &Home) -> Result<Keys, Failure> {
    let document = document(home)?;
    let keys = document.get("keys").and_then(|item| item.as_table_like());
    let keys = keys.map(|table| {
        table
            .iter()
            .filter_map(|(variable, item)| Some((variable.to_owned(), Secret::new(item.as_str()?))))
            .collect()
    });
    Ok(keys.unwrap_or_default())
}

/// Stores a key, in place of an older one.
pub fn store(home: &Home, variable: &str, key: &Secret) -> Result<(), Failure> {
    let mut document = document(home)?;
    let keys = document.entry("keys").or_insert_with(toml_edit::table);
    let Some(keys) = keys.as_table_like_mut() else { return Err(broken(home)) };
    keys.insert(variable, toml_edit::value(key.expose()));
    let path = path(home);
    atomic::create_private_dir(&home.config)
        .and_then(|()| atomic::write(&path, document.to_string().as_bytes(), None))
        .map_err(|error| Failure::io(format!("Cannot write {}", path.display()), &error))
}

fn document(home: &Home) -> Result<DocumentMut, Failure> {
    let path = path(home);
    match fs::read_to_string(&path) {
        // The parser's own words would quote the line, and with it a key.
        Ok(text) => text.parse().map_err(|_| broken(home)),
        Err(error) if error.kind() == IoErrorKind::NotFound => Ok(DocumentMut::new()),
        Err(error) => Err(Failure::io(format!("Cannot read {}", path.display()), &error)
            .with_kind(ErrorKind::Config)),
    }
}

fn broken(home: &Home) -> Failure {
    let message = format!("Bad TOML in {}", path(home).display());
    Failure::new(ErrorKind::Config, message)
        .with_hint("Mend it or remove it, then run `distiq setup` again")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_stored_for_the_user_alone_and_never_shown_in_errors() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        let home = Home { config: below("c"), data: below("d"), cache: below("e") };
        assert!(read(&home).unwrap().is_empty());
        store(&home, "A_KEY", &Secret::new("sk-first")).unwrap();
        store(&home, "A_KEY", &Secret::new("sk-1234567")).unwrap();
        store(&home, "B_KEY", &Secret::new("sk-other")).unwrap();
        let keys = read(&home).unwrap();
        assert_eq!(keys.get("A_KEY").unwrap().expose(), "sk-1234567");
        assert_eq!(keys.len(), 2);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path(&home)), mode(home.config.clone())), (0o600, 0o700));
        fs::write(path(&home), "keys = sk-1234567").unwrap();
        let failure = read(&home).unwrap_err();
        assert!(!format!("{failure:?}").contains("sk-1234567"));
    }
}
