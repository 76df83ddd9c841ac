//! When a certificate ends: the one thing of it that is read here.
//!
//! # Source
//! RFC 5280 section 4.1: the order of the fields, and how times are written.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a DER certificate; `None` for what is no certificate.
pub fn not_after(mut der: &[u8]) -> Option<Timestamp> {
    let mut certificate = sequence(&mut der)?;
    let mut fields = sequence(&mut certificate)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    for _serial_signature_issuer in 0..3 {
        element(&mut fields)?;
    }
    let mut validity = sequence(&mut fields)?;
    let _not_before = element(&mut validity)?;
    time(element(&mut validity)?)
}

fn sequence<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (tag, content) = element(rest)?;
    (tag == SEQUENCE).then_some(content)
}

/// Takes the next element: its tag and its content.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = if first < 0x80 {
        (usize::from(first), after)
    } else {
        let (bytes, after) = after.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        let length = bytes
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte));
        (length, after)
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}

fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let whole = match tag {
        // Years of two digits are those from 1950 to 2049.
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ending(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["bridge.elm.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 3, 9);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_however_its_year_is_written() {
        for year in [2020, 2049, 2050, 2120] {
            let end = not_after(&ending(year)).unwrap();

            assert_eq!(end.to_string(), format!("{year}-03-09T00:00:00Z"));
        }
    }

    #[test]
    fn a_certificate_cut_anywhere_before_its_end_says_nothing() {
        let whole = ending(2030);
        for cut in 0..whole.len() {
            assert_eq!(not_after(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(not_after(b"no certificate at all"), None);
    }
}
