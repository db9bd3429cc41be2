//! What of a value is worth hiding from a log, and how a CI service is told.

use crate::base::Value;

/// Shorter values turn up in a log by chance.
const SHORTEST: usize = 6;
/// Each line of a longer value that has at least so many bytes is hidden by itself.
const SHORTEST_LINE: usize = 8;
/// Numbers below this many digits are ports, counts and years.
const SHORTEST_NUMBER: usize = 12;
/// Values that are words, not secrets.
const WORDS: [&str; 11] = [
    "localhost", "disabled", "enabled", "development", "staging", "production", "default", "warning", "verbose",
    "127.0.0.1", "0.0.0.0",
];

/// Returns the parts of a value that a log must not show: the whole, and each longer line of it.
///
/// None for a value that is too short, a word, or a plain number of less than 12 digits.
pub fn worth_masking(value: &Value) -> Vec<&[u8]> {
    let bytes = value.expose();
    let is_number = bytes.iter().all(u8::is_ascii_digit) && bytes.len() < SHORTEST_NUMBER;
    let is_word = std::str::from_utf8(bytes).is_ok_and(|text| WORDS.contains(&text.to_ascii_lowercase().as_str()));
    if bytes.len() < SHORTEST || is_number || is_word {
        return Vec::new();
    }
    let mut parts = vec![bytes];
    if bytes.contains(&b'\n') {
        let lines = bytes.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        parts.extend(lines.filter(|line| line.len() >= SHORTEST_LINE));
    }
    parts
}

/// Appends GitHub's workflow command that hides `part`, its data escaped as the runner reads it.
pub fn add_mask(part: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"::add-mask::");
    for byte in part {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            other => out.push(*other),
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_words_and_ports_are_not_masked() {
        for (value, parts) in [
            ("a", 0),
            ("12345", 0),
            ("12345678901", 0),
            ("123456789012", 1),
            ("localhost", 0),
            ("hunter2", 1),
            ("line one\nshort\nline three", 3),
        ] {
            assert_eq!(worth_masking(&Value::from(value.to_string())).len(), parts, "{value}");
        }
        let mut out = Vec::new();
        add_mask(b"a%\r\nb", &mut out);
        assert_eq!(out, b"::add-mask::a%25%0D%0Ab\n");
    }
}
