//! How far a long command is, for whoever watches it.

use std::io::{IsTerminal as _, Stderr, Write};

/// From how many records on anybody waits long enough to want to know.
const LONG: usize = 10_000;

/// Back to the beginning of the line, and away with what stood there.
const CLEAR: &str = "\r\x1b[K";

/// One line on a terminal that says how much is done. It is gone when the command has something to say.
#[derive(Debug)]
pub struct Progress<W: Write = Stderr> {
    /// `None` when nobody watches.
    out: Option<W>,
    /// What is being done: `checked`.
    done: &'static str,
    /// The share that was said last, in percent.
    said: Option<usize>,
}

impl Progress {
    /// On the terminal, if standard error is one: a log or a script wants none of it.
    pub fn on_stderr(done: &'static str, is_wanted: bool) -> Self {
        let stderr = std::io::stderr();
        let out = (is_wanted && stderr.is_terminal()).then_some(stderr);
        Self::to(out, done)
    }
}

impl<W: Write> Progress<W> {
    const fn to(out: Option<W>, done: &'static str) -> Self {
        Self {
            out,
            done,
            said: None,
        }
    }

    /// Says that so many records of so many are done, whenever that is another share of them.
    pub fn tell(&mut self, records: usize, of: usize) {
        let Some(out) = self.out.as_mut().filter(|_| of >= LONG) else {
            return;
        };
        let share = records.saturating_mul(100) / of;
        if self.said == Some(share) {
            return;
        }
        self.said = Some(share);
        let done = self.done;
        // A terminal that went away is no reason to stop.
        let _ = write!(out, "{CLEAR}{done} {records} of {of} records, {share} %");
        let _ = out.flush();
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if let (Some(out), Some(_)) = (&mut self.out, self.said) {
            let _ = out.write_all(CLEAR.as_bytes());
            let _ = out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal was sent while so many records were read one by one.
    fn sent(of: usize) -> String {
        let mut sent = Vec::new();
        let mut progress = Progress::to(Some(&mut sent), "read");
        for records in 1..=of {
            progress.tell(records, of);
        }
        drop(progress);
        String::from_utf8(sent).unwrap()
    }

    #[test]
    fn each_share_is_said_once_and_the_line_is_left_empty() {
        let sent = sent(LONG * 2);

        assert_eq!(sent.matches(" records, ").count(), 101);
        assert!(sent.contains("\r\x1b[Kread 10000 of 20000 records, 50 %"));
        assert!(sent.ends_with("read 20000 of 20000 records, 100 %\r\x1b[K"));
    }

    #[test]
    fn nothing_is_said_of_what_takes_no_time_or_where_nobody_watches() {
        let mut unwatched: Progress<Vec<u8>> = Progress::to(None, "read");
        unwatched.tell(LONG, LONG);

        assert_eq!(sent(LONG - 1), "");
        assert_eq!(unwatched.said, None);
    }
}
