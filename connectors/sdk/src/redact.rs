//! What keeps passwords, tokens and patient data out of receipts.

/// Cuts the text to at most `max_bytes` after taking out what must not be stored.
pub fn excerpt(text: &str, max_bytes: usize) -> String {
    let _ = (text, max_bytes);
    String::new()
}
