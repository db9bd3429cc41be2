//! Patterns with the meaning that they have in Go, where sops compiles them.

use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

/// The longest pattern; the file is not trusted yet when it is compiled.
const LONGEST_PATTERN: usize = 4 << 10;

/// Compiles a pattern with the meaning that it has in Go: ASCII classes, `\Q…\E`, a bare `{`.
///
/// # Errors
/// `Kind::Refused` if it is longer than 4 KiB; `Kind::Failed` if it is no pattern.
pub fn compile(name: &str, pattern: &[u8]) -> Result<Regex> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(Error::new(Kind::Refused, format!("the pattern in `sops_{name}` is longer than 4 KiB")));
    }
    let refused = || {
        Error::new(Kind::Failed, format!("the pattern in `sops_{name}` does not compile"))
            .hint("sops takes such a pattern for one that never matches; set another selector and encrypt again")
    };
    let pattern = std::str::from_utf8(pattern).map_err(|error| refused().because(error))?;
    // The parser's own message would quote the pattern, which is foreign text of any length.
    RegexBuilder::new(&in_rust(pattern))
        .size_limit(1 << 20)
        .build()
        .map_err(|_| refused().because("it is not a regular expression as Go's RE2 has them"))
}

/// Rewrites what Go and Rust read differently. Not covered: `\C`, which Rust refuses.
fn in_rust(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // Go's Perl classes and word border are ASCII; Rust's are Unicode unless told.
                Some(class @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) if in_class => {
                    out.push_str(ascii_class(class));
                }
                Some(class @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B')) => {
                    out.push_str(&format!("(?-u:\\{class})"));
                }
                Some('Q') => {
                    let rest: String = chars.clone().collect();
                    let (literal, skip) = match rest.find("\\E") {
                        Some(end) => (&rest[..end], rest[..end].chars().count() + 2),
                        None => (rest.as_str(), rest.chars().count()),
                    };
                    out.push_str(&regex::escape(literal));
                    for _ in 0..skip {
                        chars.next();
                    }
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                // A `]` that comes first is a literal in both.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            // Rust has set operations and nested classes, Go does not.
            '[' if chars.peek() != Some(&':') => out.push_str("\\["),
            '[' => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '&' | '~' if in_class => out.extend(['\\', c]),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '{' if !in_class && !is_repetition(chars.clone()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    out
}

fn ascii_class(class: char) -> &'static str {
    match class {
        'd' => "0-9",
        'D' => "[^0-9]",
        'w' => "0-9A-Za-z_",
        'W' => "[^0-9A-Za-z_]",
        's' => "\\t\\n\\f\\r ",
        _ => "[^\\t\\n\\f\\r ]",
    }
}

/// Tells whether `{` begins `{n}`, `{n,}` or `{n,m}`; anything else is a literal in Go.
fn is_repetition(rest: impl Iterator<Item = char>) -> bool {
    let inner: String = rest.take_while(|c| *c != '}').take(16).collect();
    let mut parts = inner.splitn(2, ',');
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let first = parts.next().unwrap_or_default();
    !first.is_empty() && digits(first) && parts.next().is_none_or(digits)
}
