//! How many tokens a picture is.
//!
//! Vendors count by area: Anthropic a token for each 750 pixels after scaling to 1,568 a side, OpenAI
//! by tiles of 512 or patches of 32 pixels.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use distiq_base::ImageSource;

/// How many tokens a picture is, and the most it can be at any vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageTokens {
    /// What vendors count on average.
    pub usual: u64,
    /// More than any of them counts.
    pub most: u64,
}

/// A picture of full size.
const FULL: u64 = 1_600;
/// The dearest full size: OpenAI's patches with its smallest models' factor.
const MOST: u64 = 3_800;
const LONGEST_SIDE: u64 = 1_568;
const PIXELS_PER_TOKEN: u64 = 750;
/// Characters of base64 in which a head is looked for.
const HEAD_CHARACTERS: usize = 64 * 1024;

/// Estimates a picture by its size in pixels; where that does not show, at full size.
pub fn tokens(source: &ImageSource) -> ImageTokens {
    let ImageSource::Base64 { data, .. } = source else {
        return ImageTokens { usual: FULL, most: MOST };
    };
    let head = data.get(..data.len().min(HEAD_CHARACTERS) / 4 * 4).unwrap_or_default();
    let size = STANDARD.decode(head).ok().and_then(|bytes| pixels(&bytes));
    let Some((width, height)) = size else { return ImageTokens { usual: FULL, most: MOST } };
    let longest = width.max(height).max(1);
    let (mut width, mut height) = (width, height);
    if longest > LONGEST_SIDE {
        width = width * LONGEST_SIDE / longest;
        height = height * LONGEST_SIDE / longest;
    }
    let usual = (width * height).div_ceil(PIXELS_PER_TOKEN).clamp(85, FULL);
    // Tiles are paid whole, so small pictures cost more than their area.
    ImageTokens { usual, most: (3 * usual + 512).min(MOST) }
}

/// Reads width and height from the head of a PNG, GIF, JPEG or WebP file.
fn pixels(bytes: &[u8]) -> Option<(u64, u64)> {
    let big = |at: usize, length: usize| number(bytes.get(at..at + length)?.iter());
    let little = |at: usize, length: usize| number(bytes.get(at..at + length)?.iter().rev());
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((big(16, 4)?, big(20, 4)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((little(6, 2)?, little(8, 2)?));
    }
    if bytes.starts_with(b"RIFF") {
        return match bytes.get(12..16)? {
            b"VP8 " => Some((little(26, 2)? & 0x3fff, little(28, 2)? & 0x3fff)),
            b"VP8L" => {
                let packed = little(21, 4)?;
                Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
            }
            b"VP8X" => Some((little(24, 3)? + 1, little(27, 3)? + 1)),
            _ => None,
        };
    }
    if !bytes.starts_with(b"\xff\xd8") {
        return None;
    }
    // JPEG: segments of a marker and a length, up to the one that starts a frame.
    let mut at = 2;
    loop {
        let &[0xff, marker] = bytes.get(at..at + 2)? else { return None };
        match marker {
            0xff => at += 1,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((big(at + 7, 2)?, big(at + 5, 2)?));
            }
            _ => at += 2 + usize::try_from(big(at + 2, 2)?).ok()?,
        }
    }
}

fn number<'a>(bytes: impl Iterator<Item = &'a u8>) -> Option<u64> {
    Some(bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(bytes: &[u8]) -> ImageTokens {
        tokens(&ImageSource::Base64 {
            media_type: "image/png".into(),
            data: STANDARD.encode(bytes),
        })
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes
    }

    #[test]
    fn sizes_are_read_from_every_format() {
        let gif = b"GIF89a\x20\x03\x58\x02";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x0b\x08\x02\x58\x03\x20\x03";
        let mut lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".to_vec();
        lossless.extend_from_slice(&((799_u32) | 599 << 14).to_le_bytes());
        let mut extended = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0".to_vec();
        extended.extend_from_slice(&[0x1f, 0x03, 0, 0x57, 0x02, 0]);
        let mut lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a".to_vec();
        lossy.extend_from_slice(&[0x20, 0x03, 0x58, 0x02]);
        for bytes in [&png(800, 600)[..], gif, jpeg, &lossless, &extended, &lossy] {
            assert_eq!(pixels(bytes), Some((800, 600)), "{bytes:?}");
            assert_eq!(image(bytes).usual, 640);
        }
    }

    #[test]
    fn what_cannot_be_read_is_taken_at_full_size() {
        let full = ImageTokens { usual: FULL, most: MOST };
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xe0\xff\xff", b"RIFF", b"%PDF-1.7"] {
            assert_eq!(image(bytes), full, "{bytes:?}");
        }
        assert_eq!(tokens(&ImageSource::Url { url: "https://a/b.png".into() }), full);
        assert_eq!(image(&png(u32::MAX, u32::MAX)).usual, FULL);
        assert_eq!(image(&png(0, 0)), ImageTokens { usual: 85, most: 767 });
    }

    proptest::proptest! {
        #[test]
        fn never_panics(mut bytes in proptest::collection::vec(0_u8.., 0..64), kind in 0..4) {
            let magic: &[u8] = match kind {
                0 => b"\xff\xd8\xff",
                1 => b"RIFF\0\0\0\0WEBPVP8X",
                2 => b"\x89PNG\r\n\x1a\n",
                _ => b"GIF8",
            };
            bytes.splice(..0, magic.iter().copied());
            let _ = image(&bytes);
        }
    }
}
