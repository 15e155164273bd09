//! Pictures for the model to see.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use distiq_base::{Content, ErrorKind, ImageSource, Message, Role};

use crate::failure::Failure;

/// The largest picture; the vendors take no larger one.
pub const MAX_IMAGE_BYTES: u64 = 5 << 20;

/// Most pictures of one message.
pub const MAX_IMAGES: usize = 20;

/// Makes the user's message: the pictures, then the words.
pub fn message(words: String, images: &[PathBuf]) -> Result<Message, Failure> {
    if images.len() > MAX_IMAGES {
        return Err(Failure::new(ErrorKind::Usage, format!("More than {MAX_IMAGES} pictures")));
    }
    let mut content = images.iter().map(|path| image(path)).collect::<Result<Vec<_>, _>>()?;
    content.push(Content::text(words));
    Ok(Message { role: Role::User, content })
}

fn image(path: &Path) -> Result<Content, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::io(format!("Cannot read {}", path.display()), &error))?;
    if bytes.len() as u64 > MAX_IMAGE_BYTES {
        let message = format!("{} is larger than {MAX_IMAGE_BYTES} bytes", path.display());
        return Err(Failure::new(ErrorKind::User, message).with_hint("Make the picture smaller"));
    }
    let Some(media_type) = media_type(&bytes) else {
        let message = format!("{} is no picture that models see", path.display());
        return Err(
            Failure::new(ErrorKind::User, message).with_hint("They see PNG, JPEG, GIF and WebP")
        );
    };
    let data = STANDARD.encode(&bytes);
    Ok(Content::Image { source: ImageSource::Base64 { media_type: media_type.to_owned(), data } })
}

/// Tells a picture's type by its first bytes; its name may lie.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
