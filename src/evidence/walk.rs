//! Recomputing a whole chain as its records come, so that none of it has to be held at once.

use super::{
    chain::{self, GENESIS, Hash},
    pack::StoredRecord,
};

/// A walk from the first record of a chain to a head that was noted elsewhere.
#[derive(Debug)]
pub struct Walk {
    previous: Hash,
    at: i64,
    head: (i64, String),
}

impl Walk {
    /// A walk to this head: its sequence and hash.
    pub const fn to(head: (i64, String)) -> Self {
        Self {
            previous: GENESIS,
            at: 0,
            head,
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The sequence of the first record that was changed, or is missing.
    pub fn take(&mut self, record: &StoredRecord) -> Result<(), i64> {
        self.at += 1;
        if record.sequence != self.at {
            return Err(self.at);
        }
        self.previous = chain::link(&self.previous, &chain::text_hash(&record.text));
        let is_head = record.sequence == self.head.0;
        if chain::to_hex(&self.previous) != record.hash || (is_head && record.hash != self.head.1) {
            return Err(record.sequence);
        }
        Ok(())
    }

    /// Ends the walk; answers how many records it came by. More may have been written since the head was
    /// noted.
    ///
    /// # Errors
    /// The sequence of the first record that is missing at the end.
    pub fn end(self) -> Result<i64, i64> {
        if self.at < self.head.0 {
            Err(self.at + 1)
        } else {
            Ok(self.at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<StoredRecord> {
        let mut previous = GENESIS;
        (1..=4)
            .map(|sequence| {
                let text = format!("{{\"sequence\":{sequence}}}");
                previous = chain::link(&previous, &chain::text_hash(&text));
                StoredRecord {
                    sequence,
                    text,
                    hash: chain::to_hex(&previous),
                    is_theirs: false,
                }
            })
            .collect()
    }

    fn walk(records: &[StoredRecord], head: (i64, &str)) -> Result<i64, i64> {
        let mut walk = Walk::to((head.0, head.1.to_owned()));
        for record in records {
            walk.take(record)?;
        }
        walk.end()
    }

    #[test]
    fn a_chain_without_its_end_or_a_link_is_broken_where_that_is_missing() {
        let whole = records();
        let head = (4, whole[3].hash.as_str());
        let without_third = [&whole[..2], &whole[3..]].concat();

        assert_eq!(walk(&whole, head), Ok(4));
        assert_eq!(walk(&whole, (3, &whole[2].hash)), Ok(4));
        assert_eq!(walk(&whole[..2], head), Err(3));
        assert_eq!(walk(&[], head), Err(1));
        assert_eq!(walk(&without_third, head), Err(3));
        assert_eq!(walk(&whole, (4, "another")), Err(4));
    }

    #[test]
    fn a_record_that_was_changed_is_named() {
        let mut changed = records();
        changed[1].text.push(' ');
        let hash = changed[3].hash.clone();

        assert_eq!(walk(&changed, (4, &hash)), Err(2));
    }
}
