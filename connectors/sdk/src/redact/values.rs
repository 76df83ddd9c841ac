//! What gives itself away by its look.

use super::GONE;

/// Most digits and separators that a number of interest has.
const LONGEST_NUMBER: usize = 40;

/// Shortest run of mixed letters and digits that is taken for a key.
const SHORTEST_KEY: usize = 32;

/// A word as it may be kept: an e-mail address loses its name, a token or key goes whole.
pub fn word(word: &str) -> String {
    if is_jwt(word) || is_key(word) {
        return GONE.to_owned();
    }
    match word.rsplit_once('@') {
        Some((name, domain)) if !name.is_empty() && domain.contains('.') => {
            format!("{GONE}@{domain}")
        }
        _ => word.to_owned(),
    }
}

/// Says whether the next word is a credential: the name of a scheme of `Authorization`.
pub fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "negotiate", "ssws"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// How long the social security or card number is that this text begins with.
pub fn number_at_start(text: &str) -> Option<usize> {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'-' || byte == b' ';
    let run = text
        .bytes()
        .take(LONGEST_NUMBER)
        .take_while(|byte| is_part(*byte))
        .count();
    let number = text[..run].trim_end_matches(['-', ' ']);
    if is_ssn(number) || is_card(number) {
        return Some(number.len());
    }
    // A social security number with something else after it.
    let head = number.get(..11)?;
    (is_ssn(head) && !number[11..].starts_with(|letter: char| letter.is_ascii_digit()))
        .then_some(11)
}

fn is_ssn(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 11
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            3 | 6 => matches!(byte, b'-' | b' '),
            _ => byte.is_ascii_digit(),
        })
}

/// A payment card's number: 13 to 19 digits with a check digit, in groups or not.
pub fn is_card(number: &str) -> bool {
    let digits: Vec<u32> = number
        .chars()
        .filter_map(|letter| letter.to_digit(10))
        .collect();
    let is_number = number
        .chars()
        .all(|letter| letter.is_ascii_digit() || letter == '-' || letter == ' ');
    is_number && (13..=19).contains(&digits.len()) && luhn(&digits)
}

/// # Source
/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let weighted =
        digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| match (place % 2, digit * 2) {
                (0, _) => *digit,
                (_, twice) if twice > 9 => twice - 9,
                (_, twice) => twice,
            });
    weighted.sum::<u32>().is_multiple_of(10)
}

fn is_jwt(word: &str) -> bool {
    word.find("eyJ").is_some_and(|at| word[at..].contains('.'))
}

/// A long run of mixed letters and digits is a key more often than a word; a UUID is an id.
fn is_key(word: &str) -> bool {
    word.len() >= SHORTEST_KEY
        && !is_uuid(word)
        && word
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-+/=~.".contains(letter))
        && word.chars().any(|letter| letter.is_ascii_digit())
        && word.chars().any(|letter| letter.is_ascii_alphabetic())
        && !word.contains("//")
}

fn is_uuid(word: &str) -> bool {
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12]
        && word
            .chars()
            .all(|letter| letter.is_ascii_hexdigit() || letter == '-')
}
