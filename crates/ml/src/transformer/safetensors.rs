//! Weights in a safetensors file: eight bytes of length, that much JSON, then the tensors' bytes.
//!
//! The format: <https://github.com/huggingface/safetensors#format>. Nothing that the file says is believed before it is held
//! against the file's own length.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::TransformerError;

/// Longest header that is read, as in the format's own library.
const MOST_HEADER: u64 = 100_000_000;
/// Most values of one tensor, and of all that are read.
const MOST_VALUES: u64 = 1 << 29;

/// An open file of weights.
#[derive(Debug)]
pub(super) struct Weights {
    path: PathBuf,
    file: File,
    /// Where the tensors' bytes begin.
    start: u64,
    /// How many bytes they have.
    len: u64,
    tensors: HashMap<String, Entry>,
    /// How many values may still be read.
    left: u64,
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl Weights {
    pub fn open(path: &Path) -> Result<Self, TransformerError> {
        let io = |error| TransformerError::io(path, error);
        // Opening a pipe would wait for somebody who writes.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(TransformerError::damaged(path, "it is no file"));
        }
        let file = File::open(path).map_err(io)?;
        let all = file.metadata().map_err(io)?.len();
        let mut length = [0; 8];
        if all < 8 {
            return Err(TransformerError::damaged(path, "it is too short"));
        }
        file.read_exact_at(&mut length, 0).map_err(io)?;
        let length = u64::from_le_bytes(length);
        if length > MOST_HEADER || length > all - 8 {
            let what = format!("its header would be {length} bytes long");
            return Err(TransformerError::damaged(path, what));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut header, 8).map_err(io)?;
        let json = |source| TransformerError::Json { path: path.to_path_buf(), source };
        let mut raw: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(json)?;
        raw.remove("__metadata__");
        let tensors = raw
            .into_iter()
            .map(|(name, value)| Ok((name, serde_json::from_value::<Entry>(value).map_err(json)?)));
        let tensors = tensors.collect::<Result<_, _>>()?;
        let start = 8 + length;
        let path = path.to_path_buf();
        Ok(Self { path, file, start, len: all - start, tensors, left: MOST_VALUES })
    }

    /// Sees that the file goes on to the end of its last tensor.
    pub fn check_length(&self) -> Result<(), TransformerError> {
        let end = self.tensors.values().map(|entry| entry.data_offsets[1]).max();
        match end {
            Some(end) if end <= self.len => Ok(()),
            Some(_) => Err(TransformerError::damaged(&self.path, "it ends within its tensors")),
            None => Err(TransformerError::damaged(&self.path, "it has no tensors")),
        }
    }

    /// Tells whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Reads a tensor, whose shape must be the one given.
    pub fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TransformerError> {
        let damaged = |what: String| TransformerError::damaged(&self.path, what);
        let entry = self.tensors.get(name);
        let entry = entry.ok_or_else(|| damaged(format!("it has no tensor `{name}`")))?;
        let wanted: Vec<u64> =
            shape.iter().map(|n| u64::try_from(*n).unwrap_or(u64::MAX)).collect();
        if entry.shape != wanted {
            let what = format!("`{name}` has the shape {:?}, not {shape:?}", entry.shape);
            return Err(damaged(what));
        }
        let values = wanted.iter().try_fold(1_u64, |product, n| product.checked_mul(*n));
        let values = values.filter(|values| *values <= self.left);
        let values = values.ok_or_else(|| damaged("it is too large".into()))?;
        let width = match entry.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => {
                return Err(damaged(format!("`{name}` has numbers of the kind `{other:.20}`")));
            }
        };
        let [begin, end] = entry.data_offsets;
        if begin > end || end > self.len || end - begin != values * width {
            return Err(damaged(format!("`{name}` lies where it cannot")));
        }
        let mut bytes = vec![0; usize::try_from(end - begin).unwrap_or(0)];
        let read = self.file.read_exact_at(&mut bytes, self.start + begin);
        read.map_err(|error| TransformerError::io(&self.path, error))?;
        let numbers = numbers(&entry.dtype, &bytes);
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(damaged(format!("`{name}` holds what is no number")));
        }
        self.left -= values;
        Ok(numbers)
    }
}

fn numbers(dtype: &str, bytes: &[u8]) -> Vec<f32> {
    let (halves, _) = bytes.as_chunks::<2>();
    let bits = halves.iter().map(|half| u16::from_le_bytes(*half));
    match dtype {
        "BF16" => bits.map(|bits| f32::from_bits(u32::from(bits) << 16)).collect(),
        "F16" => bits.map(half).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
    }
}

/// Reads a number of 16 bits (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-14),
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        _ => sign * (1.0 + fraction) * 2.0_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(header: &str, data: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let mut bytes = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn numbers_of_all_widths_are_read() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
            "b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},
            "c":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}}"#;
        let data = [
            0, 0, 0x20, 0x40, // 2.5
            0, 0x3c, 0, 0xc1, 1, 0, 0xff, 0x7b, // 1, -2.5, 2^-24, 65504
            0x20, 0x40, // 2.5
        ];
        let (_folder, path) = file(header, &data);
        let mut weights = Weights::open(&path).unwrap();
        assert_eq!(weights.read("a", &[1]).unwrap(), [2.5]);
        assert_eq!(weights.read("b", &[2, 2]).unwrap(), [1.0, -2.5, 2.0_f32.powi(-24), 65504.0]);
        assert_eq!(weights.read("c", &[1]).unwrap(), [2.5]);
        assert_eq!((weights.has("a"), weights.has("d")), (true, false));
    }

    #[test]
    fn hostile_files_are_refused_in_words() {
        let check = |header: &str, name: &str, shape: &[usize], expected: &str| {
            let (_folder, path) = file(header, &[0; 8]);
            let error = Weights::open(&path).and_then(|mut weights| weights.read(name, shape));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let entry = |dtype: &str, shape: &str, offsets: &str| {
            format!(
                "{{\"t\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}"
            )
        };
        check(&entry("F32", "[2]", "[0,8]"), "u", &[2], "no tensor `u`");
        check(&entry("F32", "[2]", "[0,8]"), "t", &[3], "has the shape [2], not [3]");
        check(&entry("F32", "[2]", "[8,0]"), "t", &[2], "lies where it cannot");
        check(&entry("F32", "[2]", "[0,80000]"), "t", &[2], "lies where it cannot");
        check(&entry("F32", "[4]", "[0,16]"), "t", &[4], "lies where it cannot");
        check(&entry("I64", "[1]", "[0,8]"), "t", &[1], "numbers of the kind `I64`");
        let huge = usize::MAX / 2;
        let shape = format!("[{huge},{huge}]");
        check(&entry("F32", &shape, "[0,8]"), "t", &[huge, huge], "too large");
        check(&entry("F32", "[-1]", "[0,8]"), "t", &[1], "not what it should be");
        check("[]", "t", &[1], "not what it should be");
        check("{", "t", &[1], "not what it should be");
        let (_folder, path) = file("", &[]);
        std::fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
        assert!(Weights::open(&path).unwrap_err().to_string().contains("header would be"));
        std::fs::write(&path, [1, 2]).unwrap();
        assert!(Weights::open(&path).unwrap_err().to_string().contains("too short"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let header = r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let (_folder, path) = file(header, &[0xff; 8]);
        let error = Weights::open(&path).unwrap().read("t", &[2]).unwrap_err();
        assert!(error.to_string().contains("no number"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_error_or_tensors(bytes in prop::collection::vec(any::<u8>(), 0..200), header in 0_u64..64) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("m");
            let mut all = header.to_le_bytes().to_vec();
            all.extend(&bytes);
            std::fs::write(&path, &all).unwrap();
            if let Ok(mut weights) = Weights::open(&path) {
                let _ = weights.read("t", &[1]);
            }
        }
    }
}
