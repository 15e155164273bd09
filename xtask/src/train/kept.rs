//! Rows as they were read once: reading all repositories takes minutes. Kept for this very program alone,
//! since another one may tell other things of a candidate.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::rows::{Asked, Read as Question};

/// Where the rows of a repository's questions lie.
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// Returns the place for the questions `questions`, one text for all.
    pub fn new(folder: &Path, name: &str, questions: &str) -> Result<Self> {
        let program = fs::read(std::env::current_exe()?).context("Cannot read this program")?;
        let mut key = DefaultHasher::new();
        key.write(&program);
        key.write(questions.as_bytes());
        let folder = folder.join("rows");
        fs::create_dir_all(&folder)?;
        Ok(Self { path: folder.join(format!("{name}-{:016x}.rows", key.finish())) })
    }

    /// Reads what was kept.
    pub fn read(&self) -> Option<Vec<Question>> {
        let bytes = fs::read(&self.path).ok()?;
        let mut rest = bytes.as_slice();
        let mut questions = Vec::new();
        while !rest.is_empty() {
            questions.push(question(&mut rest).ok()?);
        }
        Some(questions)
    }

    /// Keeps rows.
    pub fn write(&self, questions: &[Question]) -> Result<()> {
        let mut bytes = Vec::new();
        for (asked, gains, values) in questions {
            let counts = [usize::from(asked.is_files), asked.wanted, gains.len(), values.len()];
            for count in counts {
                bytes.extend(u32::try_from(count)?.to_le_bytes());
            }
            for number in gains.iter().chain(values) {
                bytes.extend(number.to_le_bytes());
            }
            let paths = asked.paths.join("\n");
            bytes.extend(u32::try_from(paths.len())?.to_le_bytes());
            bytes.extend(paths.as_bytes());
        }
        fs::write(&self.path, bytes)
            .with_context(|| format!("Cannot write `{}`", self.path.display()))
    }
}

fn question(rest: &mut &[u8]) -> io::Result<Question> {
    let mut count = || {
        let mut bytes = [0; 4];
        rest.read_exact(&mut bytes)?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(io::Error::other)
    };
    let (is_files, wanted, gains, values) = (count()? > 0, count()?, count()?, count()?);
    let mut numbers = |many: usize| -> io::Result<Vec<f32>> {
        let mut bytes = vec![0; many * 4];
        rest.read_exact(&mut bytes)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let (gains, values) = (numbers(gains)?, numbers(values)?);
    let mut length = [0; 4];
    rest.read_exact(&mut length)?;
    let mut paths = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
    rest.read_exact(&mut paths)?;
    let paths = String::from_utf8(paths).map_err(io::Error::other)?;
    let paths = paths.split('\n').map(str::to_owned).filter(|_| !gains.is_empty()).collect();
    Ok((Asked { repo: String::new(), is_files, wanted, paths }, gains, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let folder = std::env::temp_dir().join(format!("xtask-kept-{}", std::process::id()));
        let kept = Kept::new(&folder, "a+b", "[]").unwrap();
        assert!(kept.read().is_none());
        let asked = |paths: &[&str]| Asked {
            repo: String::new(),
            is_files: true,
            wanted: 3,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let rows = [
            (asked(&["a.py", "b.py"]), vec![0.0, 1.0], vec![0.5, 2.0, -1.0, 0.0]),
            (asked(&[]), Vec::new(), Vec::new()),
        ];
        kept.write(&rows).unwrap();
        let back = kept.read().unwrap();
        assert_eq!(back.len(), 2);
        for ((asked, gains, values), (other, other_gains, other_values)) in rows.iter().zip(&back) {
            assert_eq!((&asked.paths, gains, values), (&other.paths, other_gains, other_values));
            assert_eq!((asked.is_files, asked.wanted), (other.is_files, other.wanted));
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
