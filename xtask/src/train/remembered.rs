//! A model whose vectors are kept: embedding all trees takes hours.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use distiq_base::{Embed, EmbedError, EmbedRole};
use distiq_ml::Transformer;
use distiq_ml::kernels::quantize;

/// A text's key: the first half of its hash.
type Key = [u8; 16];

/// A model, and what it has made for a tree.
#[derive(Debug)]
pub struct Remembered {
    model: Transformer,
    width: usize,
    kept: Mutex<Kept>,
}

/// A file of records: a text's key, what a step is worth, and a step for each dimension.
#[derive(Debug)]
struct Kept {
    file: File,
    vectors: HashMap<Key, Vec<f32>>,
}

impl Remembered {
    /// Opens a model, and what is kept of it in files that begin as `kept` does.
    pub fn new(model: &Path, kept: &Path) -> Result<Self> {
        let model = Transformer::open(model)?.with_threads(1);
        let width = model.vectors(&["a"], EmbedRole::Query).first().map_or(0, Vec::len);
        if let Some(folder) = kept.parent() {
            fs::create_dir_all(folder)?;
        }
        let path = PathBuf::from(format!("{}-{}", kept.display(), model.id()));
        let bytes = fs::read(&path).unwrap_or_default();
        let records = bytes.chunks_exact(20 + width);
        let broken = records.remainder().len();
        let vectors = records.filter_map(vector).collect();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("Cannot write `{}`", path.display()))?;
        // Where it was ended while it wrote, the last record is not whole.
        file.set_len(u64::try_from(bytes.len() - broken)?)?;
        Ok(Self { model, width, kept: Mutex::new(Kept { file, vectors }) })
    }
}

fn vector(record: &[u8]) -> Option<(Key, Vec<f32>)> {
    let (key, rest) = record.split_first_chunk()?;
    let (scale, steps) = rest.split_first_chunk()?;
    let scale = f32::from_le_bytes(*scale);
    Some((*key, steps.iter().map(|step| f32::from(step.cast_signed()) * scale).collect()))
}

fn key(text: &str) -> Key {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

impl Embed for Remembered {
    fn id(&self) -> &str {
        self.model.id()
    }

    fn is_local(&self) -> bool {
        true
    }

    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |text: &&str| !kept.vectors.contains_key(&key(text));
        let new: Vec<&str> = texts.iter().copied().filter(is_new).collect();
        let mut record = Vec::with_capacity(20 + self.width);
        for (text, vector) in new.iter().zip(self.model.vectors(&new, role)) {
            let mut steps = vec![0; vector.len()];
            let scale = quantize(&vector, &mut steps);
            record.clear();
            record.extend(key(text));
            record.extend(scale.to_le_bytes());
            record.extend(steps.iter().map(|step| step.cast_unsigned()));
            kept.file.write_all(&record).map_err(EmbedError::asked)?;
            kept.vectors.insert(key(text), vector);
        }
        let vector = |text: &&str| kept.vectors.get(&key(text)).cloned().unwrap_or_default();
        Ok(texts.iter().map(vector).collect())
    }
}
