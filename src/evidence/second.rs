//! The lines of the second ledger: each is one record, and the hash that ties it to the line before.

use super::chain::{self, GENESIS, Hash};

/// What a file of such lines holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The records' texts, in order, as far as each is what was written.
    pub texts: Vec<String>,
    /// How many bytes they take up.
    pub length: usize,
    /// Hash of the last of them.
    pub head: Hash,
    /// What comes after them.
    pub rest: Rest,
}

/// What comes after the last line that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// A line that was not written to its end: nobody was told that it was, and nothing was sent on it.
    Torn,
    /// A line that is not what was written.
    Changed,
}

/// A record as a line, and the hash up to and with it. The text is JSON without line breaks.
pub fn line(previous: &Hash, text: &str) -> (String, Hash) {
    let hash = chain::link(previous, &chain::text_hash(text));
    let hex = chain::to_hex(&hash);
    (format!("{{\"hash\":\"{hex}\",\"record\":{text}}}\n"), hash)
}

/// Reads lines up to the first that is not whole.
pub fn read(bytes: &[u8]) -> Lines {
    let mut lines = Lines {
        texts: Vec::new(),
        length: 0,
        head: GENESIS,
        rest: Rest::Nothing,
    };
    for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some((text, hash)) = whole(&lines.head, bytes) else {
            lines.rest = if bytes.ends_with(b"\n") {
                Rest::Changed
            } else {
                Rest::Torn
            };
            break;
        };
        lines.texts.push(text.to_owned());
        lines.length += bytes.len();
        lines.head = hash;
    }
    lines
}

/// The text of a line and its hash, if it is exactly what [`line`] made of that text.
fn whole<'a>(previous: &Hash, bytes: &'a [u8]) -> Option<(&'a str, Hash)> {
    let written = std::str::from_utf8(bytes).ok()?;
    let (_, text) = written.split_once(",\"record\":")?;
    let text = text.strip_suffix("}\n")?;
    let (again, hash) = line(previous, text);
    (again == written).then_some((text, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> String {
        let (first, head) = line(&GENESIS, r#"{"n":1,"record":"x"}"#);
        let (second, head) = line(&head, r#"{"n":2}"#);
        let (third, _) = line(&head, r#"{"n":3}"#);
        [first, second, third].concat()
    }

    #[test]
    fn lines_come_back_as_they_were_written() {
        let written = three();

        let lines = read(written.as_bytes());

        assert_eq!(
            lines.texts,
            [r#"{"n":1,"record":"x"}"#, r#"{"n":2}"#, r#"{"n":3}"#]
        );
        assert_eq!((lines.length, lines.rest), (written.len(), Rest::Nothing));
    }

    #[test]
    fn a_file_cut_anywhere_is_read_up_to_its_last_whole_line() {
        let written = three();
        for cut in 0..written.len() {
            let whole = written[..cut].matches('\n').count();

            let lines = read(&written.as_bytes()[..cut]);

            assert_eq!(lines.texts.len(), whole, "cut at {cut}");
            let ends = cut == 0 || written[..cut].ends_with('\n');
            assert_eq!(lines.rest == Rest::Nothing, ends, "cut at {cut}");
            assert_ne!(lines.rest, Rest::Changed, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_was_changed_taken_out_or_moved_is_told() {
        let written = three();
        let (first, others) = written.split_once('\n').unwrap();
        let (second, third) = others.split_once('\n').unwrap();

        for wrong in [
            written.replace("\"n\":2", "\"n\":7"),
            format!("{first}\n{third}"),
            format!("{first}\n{third}{second}\n"),
        ] {
            let lines = read(wrong.as_bytes());

            assert_eq!((lines.texts.len(), lines.rest), (1, Rest::Changed));
        }
    }
}
