//! Files that begin with what they are and with a checksum of the rest, so that one that is damaged, or is something else, is told
//! from what was written.
//!
//! ```text
//! magic ┊ checksum of the rest, little-endian ┊ the rest
//! ```

/// What a file begins with; the last byte is the format's version.
pub(crate) type Magic = [u8; 8];

/// Bytes before the rest.
pub(crate) const HEAD: usize = size_of::<Magic>() + size_of::<u32>();

/// Begins a file: what is in it is added, then [`seal`] writes the checksum.
pub(crate) fn begin(magic: &Magic) -> Vec<u8> {
    let mut file = magic.to_vec();
    file.resize(HEAD, 0);
    file
}

/// Writes the checksum of what is in a file.
pub(crate) fn seal(file: &mut [u8]) {
    let Some((head, rest)) = file.split_at_mut_checked(HEAD) else { return };
    if let Some((_, checksum)) = head.split_last_chunk_mut::<4>() {
        *checksum = crc32fast::hash(rest).to_le_bytes();
    }
}

/// Returns what is in a file; `None` where it is not what was written.
pub(crate) fn unseal<'f>(file: &'f [u8], magic: &Magic) -> Option<&'f [u8]> {
    let (checksum, rest) = file.strip_prefix(magic)?.split_first_chunk::<4>()?;
    (crc32fast::hash(rest) == u32::from_le_bytes(*checksum)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_was_written_is_told() {
        let magic = b"DISTIQ?\x01";
        let mut file = begin(magic);
        file.extend(b"kept");
        assert_eq!(unseal(&file, magic), None);
        seal(&mut file);
        assert_eq!(unseal(&file, magic), Some(&b"kept"[..]));
        assert_eq!(unseal(&file, b"DISTIQ?\x02"), None);
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 1;
            assert_eq!(unseal(&other, magic), None, "{at}");
            assert_eq!(unseal(&file[..at], magic), None, "{at}");
        }
    }
}
