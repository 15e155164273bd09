//! Stored corpora, and what random numbers make of them.

use std::path::Path;

/// Pieces that decoders stumble over.
const PIECES: &[&str] = &[
    "null",
    "-1",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "\n\n",
    "\r",
    "\u{FEFF}",
    "99999999999999999999",
    ",",
    "\"type\":\"error\",",
    "\"index\":5,",
    "data: {}\n\n",
    "data: 7\n\n",
    "data: [DONE]\n\n",
    "\\ud800",
    "\\u0000",
    "true",
    "[[[[[[[[",
    "{\"a\":",
    "\"",
    "\\",
    "\u{1F980}",
    "data:image/png;base64,",
];

/// Returns the stored inputs of a folder in the order of their names; none where there is no folder.
pub fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Changes one of the seeds, once for every number: flips, cuts, repeats, inserts, or joins two seeds.
pub fn mutate(seeds: &[Vec<u8>], dice: &[u64]) -> Vec<u8> {
    let pick = |number: u64| {
        let at = number as usize % seeds.len().max(1);
        seeds.get(at).map(Vec::as_slice).unwrap_or_default()
    };
    let Some((first, rest)) = dice.split_first() else { return Vec::new() };
    let mut bytes = pick(*first).to_vec();
    for number in rest {
        let at = (number >> 8) as usize % (bytes.len() + 1);
        let end = (at + (number >> 40) as usize % 400).min(bytes.len());
        match number % 8 {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= (number >> 48) as u8;
                }
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let other = pick(number >> 32);
                bytes.truncate(at);
                bytes.extend(other.iter().skip(at));
            }
            _ => {
                let piece = PIECES.get((number >> 40) as usize % PIECES.len()).unwrap_or(&"");
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}
