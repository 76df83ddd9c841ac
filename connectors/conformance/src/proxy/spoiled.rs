//! What the proxy makes of the system's honest answer, and floods.

use tokio::{
    io::{self, AsyncWriteExt},
    net::TcpStream,
};

/// A body far larger than any honest answer, in bytes.
const FLOOD_BYTES: usize = 50 * 1024 * 1024;

/// What the bomb unpacks to, in bytes. More than anybody unpacks within the time of a call.
const BOMB_BYTES: usize = 1024 * 1024 * 1024;

/// What one piece of the bomb unpacks to, in bytes: eight repeats of 258 each.
const PIECE_BYTES: usize = 8 * 258;

/// Where head and body meet.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// The middle of the body, or of the head where there is no body.
pub fn middle(answer: &[u8]) -> usize {
    match end_of_head(answer) {
        Some(end) if end < answer.len() => end + (answer.len() - end) / 2,
        _ => answer.len() / 2,
    }
}

/// The answer with the first key in it twice, null at first: who takes the last one reads what the
/// system meant. An answer without a key stays as it is.
pub fn with_a_key_twice(answer: Vec<u8>) -> Vec<u8> {
    let Some(at) = first_key(&answer) else {
        return answer;
    };
    let Some(length) = answer[at + 1..].iter().position(|byte| *byte == b'"') else {
        return answer;
    };
    let twice = [&answer[at..at + length + 2], b":null,"].concat();
    with_inserted(&answer, at, &twice)
}

/// The answer with a text in it that says `café` in ISO 8859-1.
pub fn with_wrong_charset(answer: Vec<u8>) -> Vec<u8> {
    match first_key(&answer) {
        None => answer,
        Some(at) => with_inserted(&answer, at, b"\"note\":\"caf\xe9\","),
    }
}

/// Where the first key of the body begins, at its quotation mark.
fn first_key(answer: &[u8]) -> Option<usize> {
    let begin = end_of_head(answer)?;
    let mut bytes = answer.iter().enumerate().skip(begin);
    loop {
        bytes.find(|(_, byte)| **byte == b'{')?;
        let (at, first) = bytes
            .by_ref()
            .find(|(_, byte)| !byte.is_ascii_whitespace())?;
        if *first == b'"' {
            return Some(at);
        }
    }
}

fn with_inserted(answer: &[u8], at: usize, more: &[u8]) -> Vec<u8> {
    let begin = end_of_head(answer).unwrap_or(answer.len());
    // Without a length the body ends with the connection.
    let head = String::from_utf8_lossy(&answer[..begin]);
    let lines = head.split_inclusive("\r\n");
    let kept: String = lines
        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"))
        .collect();
    [kept.as_bytes(), &answer[begin..at], more, &answer[at..]].concat()
}

/// Writes a body that is far too large, for as long as anybody takes it.
pub async fn flood(client: &mut TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 Flood\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
                {\"users\":\"";
    client.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..FLOOD_BYTES / piece.len() {
        client.write_all(&piece).await?;
    }
    Ok(())
}

/// Writes a few bytes that unpack to far too much: a text that begins with `x` and never ends.
pub async fn bomb(client: &mut TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 Bomb\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\
                Connection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await?;
    client.write_all(&GZIP_HEADER).await?;
    let mut bits = bomb_bits();
    client.write_all(&packed(&mut bits, 3)).await?;
    // A repeat is 13 bits, so after 13 bytes the same ones come again.
    let pieces = packed(&mut bits, 13).repeat(1_000);
    for _ in 0..BOMB_BYTES / (1_000 * PIECE_BYTES) {
        client.write_all(&pieces).await?;
    }
    Ok(())
}

/// Deflated, without a name or a time.
///
/// # Source
/// RFC 1952 section 2.3.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// One last block of fixed codes: a quotation mark, an `x`, and without end "the last byte, 258 times".
///
/// # Source
/// RFC 1951 sections 3.2.3, 3.2.5 and 3.2.6.
fn bomb_bits() -> impl Iterator<Item = bool> {
    let (block, letters, repeat) = ("110", "0101001010101000", "1100010100000");
    let beginning = block.chars().chain(letters.chars());
    beginning
        .chain(repeat.chars().cycle())
        .map(|bit| bit == '1')
}

/// So many bytes of these bits, the first bit of each the lowest.
fn packed(bits: &mut impl Iterator<Item = bool>, bytes: usize) -> Vec<u8> {
    let mut byte = || {
        (0..8).fold(0, |byte, at| {
            byte | u8::from(bits.next() == Some(true)) << at
        })
    };
    (0..bytes).map(|_| byte()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoiled(spoil: fn(Vec<u8>) -> Vec<u8>, body: &str) -> (String, Vec<u8>) {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-A: b\r\n\r\n{body}");
        let answer = spoil(answer.into_bytes());
        let end = end_of_head(&answer).expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        (head, answer[end..].to_vec())
    }

    #[test]
    fn the_first_key_is_there_twice_and_the_last_one_means_what_it_meant() {
        let (head, body) = spoiled(with_a_key_twice, r#"[[{}, { "a{b" : 1}]]"#);

        assert_eq!(head, "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n");
        assert_eq!(body, br#"[[{}, { "a{b":null,"a{b" : 1}]]"#);
    }

    #[test]
    fn a_text_that_is_no_utf_8_is_put_in() {
        let (_, body) = spoiled(with_wrong_charset, r#"{"a":1}"#);

        assert_eq!(body, b"{\"note\":\"caf\xe9\",\"a\":1}");
    }

    #[test]
    fn an_answer_without_a_key_stays_as_it_is() {
        for spoil in [with_a_key_twice, with_wrong_charset] {
            let (head, body) = spoiled(spoil, "[1, {}]");

            assert!(head.contains("Content-Length"), "{head}");
            assert_eq!(body, b"[1, {}]");
        }
    }
}
