//! The little of CBOR that authenticators speak: what is read is one item whole, within its bytes.
//!
//! # Source
//! RFC 8949, in the form of CTAP 2.1 section 8: lengths are always given, so that an item without one is none.

/// How deep items may lie within one another. Authenticators need four.
const DEEPEST: u8 = 8;

/// One item, or the head of one that holds others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// So many items follow.
    List(u64),
    /// So many pairs follow.
    Map(u64),
    /// True, false, nothing or a fraction: nobody here asks for one.
    Simple,
}

/// Reads items one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// What kind of item, and its number: a value, a length or a count.
    fn head(&mut self) -> Option<(u8, u64)> {
        let first = *self.take(1)?.first()?;
        let more = match first & 0x1f {
            small @ 0..=23 => return Some((first >> 5, u64::from(small))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        let number = self.take(more)?.iter();
        let number = number.fold(0, |number, byte| (number << 8) | u64::from(*byte));
        Some((first >> 5, number))
    }

    /// The next item. `None` where there is none whole.
    pub(super) fn item(&mut self) -> Option<Item<'a>> {
        let (kind, number) = self.head()?;
        let length = usize::try_from(number).ok()?;
        Some(match kind {
            0 => Item::Number(i64::try_from(number).ok()?),
            1 => Item::Number(-1 - i64::try_from(number).ok()?),
            2 => Item::Bytes(self.take(length)?),
            3 => Item::Text(std::str::from_utf8(self.take(length)?).ok()?),
            4 => Item::List(number),
            5 => Item::Map(number),
            7 => Item::Simple,
            _ => return None,
        })
    }

    /// Passes over the next item, with all that lies within it.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_within(DEEPEST)
    }

    fn skip_within(&mut self, deep: u8) -> Option<()> {
        let inside = match self.item()? {
            Item::List(count) => count,
            Item::Map(count) => count.checked_mul(2)?,
            _ => return Some(()),
        };
        let deep = deep.checked_sub(1)?;
        // Each takes a byte at least: what claims more than there is ends soon.
        (0..inside).try_for_each(|_| self.skip_within(deep))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_in_every_length_that_is_given() {
        let mut reader = Reader::new(&[
            0x17, 0x18, 0xff, 0x19, 0x01, 0x00, 0x26, 0x39, 0x01, 0x00, 0x42, 1, 2, 0x61, b'a',
            0x82, 0xa1, 0xf5,
        ]);

        let read: Vec<_> = std::iter::from_fn(|| reader.item()).collect();

        assert_eq!(
            read,
            [
                Item::Number(23),
                Item::Number(255),
                Item::Number(256),
                Item::Number(-7),
                Item::Number(-257),
                Item::Bytes(&[1, 2]),
                Item::Text("a"),
                Item::List(2),
                Item::Map(1),
                Item::Simple,
            ]
        );
    }

    #[test]
    fn what_is_cut_off_too_deep_or_claims_more_than_there_is_is_no_item() {
        let deep = [0x81; 64];
        let wrong: [&[u8]; 7] = [
            &[],
            &[0x42, 1],
            &[0x19, 1],
            &[0x5f, 0x41, 1, 0xff],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &deep,
        ];

        for bytes in wrong {
            assert_eq!(Reader::new(bytes).skip(), None, "{bytes:02x?}");
        }
    }
}
