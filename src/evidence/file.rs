//! What somebody may sign with: a photo or a scan, told by its first bytes and not by its name.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{chain, pack::SignedFile};

/// The most bytes of a file: a photo of a phone, or a scan of some pages.
pub const MOST_BYTES: usize = 5 * 1024 * 1024;

/// The most letters of its name that are kept.
const MOST_LETTERS: usize = 100;

/// Why a file cannot be signed with. The text is for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has nothing in it.
    #[error("the file is empty: choose another")]
    Empty,
    /// It is too large.
    #[error("the file is larger than 5 MB: choose a smaller one")]
    TooLarge,
    /// It is no photo and no PDF.
    #[error("the file is no photo (JPEG, PNG, WebP, HEIC) and no PDF: choose another")]
    Kind,
}

/// What a file is, as its first bytes say; `None` for anything that cannot be signed with.
pub fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, text: &[u8]| bytes.get(from..from + text.len()) == Some(text);
    if at(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some("image/webp")
    } else if at(4, b"ftyp")
        && [&b"heic"[..], b"heix", b"mif1", b"msf1"]
            .iter()
            .any(|brand| at(8, brand))
    {
        Some("image/heic")
    } else if at(0, b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

/// A file as it is kept.
///
/// # Errors
/// When it cannot be signed with.
pub fn take(name: &str, bytes: &[u8]) -> Result<SignedFile, Unfit> {
    if bytes.is_empty() {
        return Err(Unfit::Empty);
    }
    if bytes.len() > MOST_BYTES {
        return Err(Unfit::TooLarge);
    }
    let kind = kind_of(bytes).ok_or(Unfit::Kind)?;
    Ok(SignedFile {
        file: chain::to_hex(&chain::sha256(bytes)),
        name: plain(name),
        kind: kind.to_owned(),
        content: STANDARD.encode(bytes),
    })
}

/// Its bytes; `None` if what was kept makes no sense.
pub fn bytes_of(file: &SignedFile) -> Option<Vec<u8>> {
    STANDARD.decode(&file.content).ok()
}

/// A name without a folder, and without what a file system or a header could take for something else.
fn plain(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            letter if letter.is_alphanumeric() => letter,
            '.' | '-' | '_' | ' ' => letter,
            _ => '_',
        })
        .take(MOST_LETTERS)
        .collect();
    let plain = plain.trim_matches(['.', ' ']);
    if plain.is_empty() { "file" } else { plain }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say_whatever_it_is_called() {
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0 a photo"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n and so on", Some("image/png")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"\0\0\0\x18ftypheic and so on", Some("image/heic")),
            (b"%PDF-1.7 and so on", Some("application/pdf")),
            (b"<!doctype html><script>", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\">", None),
            (b"MZ a program", None),
            (b"PK\x03\x04 an archive", None),
            (b"\0\0\0\x18ftypisom a film", None),
            (b"RIFF", None),
        ] {
            assert_eq!(kind_of(bytes), kind);
            assert_eq!(take("photo.jpg", bytes).is_ok(), kind.is_some());
        }
    }

    #[test]
    fn what_is_kept_is_the_very_file() {
        let bytes = b"\xff\xd8\xff a photo of the card";

        let kept = take("C:\\photos\\card.jpg", bytes).unwrap();

        assert_eq!(kept.name, "card.jpg");
        assert_eq!(kept.file, chain::to_hex(&chain::sha256(bytes)));
        assert_eq!(bytes_of(&kept).unwrap(), bytes);
    }

    #[test]
    fn an_empty_file_and_one_too_large_are_refused() {
        let mut large = b"%PDF-".to_vec();
        large.resize(MOST_BYTES + 1, b' ');

        assert_eq!(take("a.pdf", b""), Err(Unfit::Empty));
        assert_eq!(take("a.pdf", &large), Err(Unfit::TooLarge));
        assert!(take("a.pdf", &large[..MOST_BYTES]).is_ok());
    }

    #[test]
    fn a_name_is_only_a_name() {
        for (name, plain_name) in [
            ("../../etc/passwd", "passwd"),
            ("card\".jpg\r\nX: y", "card_.jpg__X_ y"),
            ("..", "file"),
            ("", "file"),
            ("Karte für Ärzte.jpg", "Karte für Ärzte.jpg"),
        ] {
            assert_eq!(plain(name), plain_name);
        }
    }
}
