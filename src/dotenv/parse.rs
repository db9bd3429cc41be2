//! From bytes to lines.

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;

use super::cursor::Cursor;
use super::document::Document;
use super::document::Entry;
use super::document::Line;

/// What some editors put before the first line; it belongs to no name.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// As in a sealed file.
const MOST_LINES: usize = 50_000;

pub(super) fn document(file: &[u8]) -> Result<Document> {
    let body = file.strip_prefix(BOM);
    let mut cursor = Cursor { bytes: body.unwrap_or(file), at: 0, line: 1, line_start: 0 };
    let mut lines = Vec::new();
    while !cursor.is_at_end() {
        if lines.len() == MOST_LINES {
            return Err(Error::new(Kind::Refused, format!("it has more than {MOST_LINES} lines")));
        }
        lines.push(line(&mut cursor)?);
    }
    Ok(Document { has_bom: body.is_some(), lines })
}

fn line(cursor: &mut Cursor<'_>) -> Result<Line> {
    let start = cursor.at;
    cursor.skip_white_space();
    match cursor.peek() {
        None | Some(b'\n' | b'\r') => {
            cursor.take_line_end()?;
            Ok(Line::Blank(cursor.since(start)))
        }
        Some(b'#') => {
            let text = cursor.take_comment()?;
            cursor.take_line_end()?;
            Ok(Line::Comment { text, raw: cursor.since(start) })
        }
        Some(_) => entry(cursor, start).map(Line::Entry),
    }
}

fn entry(cursor: &mut Cursor<'_>, start: usize) -> Result<Entry> {
    let line = cursor.line;
    let name = name(cursor)?;
    cursor.skip_white_space();
    if cursor.peek() != Some(b'=') {
        return Err(no_entry(cursor, cursor.at - 1));
    }
    cursor.at += 1;
    let gap = cursor.skip_white_space();
    let before = cursor.since(start);
    let value_start = cursor.at;
    let value = match cursor.peek() {
        Some(quote @ (b'\'' | b'"' | b'`')) => quoted(cursor, quote, &name)?,
        // A `#` directly behind the `=` is a comment to node's dotenv and part of the value to bash.
        Some(b'#') if gap == 0 => {
            return Err(cursor
                .wrong(format!("the value of `{name}` begins with `#`"))
                .hint("put the value into quotes, or a space before a comment"));
        }
        Some(b'#') => Value::from(Vec::new()),
        _ => unquoted(cursor)?,
    };
    let written = cursor.since(value_start);
    let after_start = cursor.at;
    let remark = remark(cursor, &name)?;
    cursor.take_line_end()?;
    Ok(Entry { name, value, remark, line, before, written, after: cursor.since(after_start) })
}

/// Reads `NAME` or `export NAME`.
fn name(cursor: &mut Cursor<'_>) -> Result<Name> {
    let word = cursor.take_word();
    if word == b"export" && matches!(cursor.peek(), Some(b' ' | b'\t')) {
        cursor.skip_white_space();
        // `export = x` sets a name that is called so.
        if cursor.peek() != Some(b'=') {
            let start = cursor.at;
            let word = cursor.take_word();
            return legal_name(cursor, start, word);
        }
    }
    let start = cursor.at - word.len();
    legal_name(cursor, start, word)
}

fn legal_name(cursor: &Cursor<'_>, start: usize, word: &[u8]) -> Result<Name> {
    let stop = cursor.peek();
    if word.is_empty() && stop == Some(b'=') {
        return Err(cursor.wrong_at(start, "there is no name before the `=`"));
    }
    if !matches!(stop, Some(b'=' | b' ' | b'\t')) || !Name::is_legal(word) {
        return Err(no_entry(cursor, start));
    }
    Name::parse(word)
}

/// What stands there is not shown: a line without a name may be the second line of a secret.
fn no_entry(cursor: &Cursor<'_>, at: usize) -> Error {
    cursor
        .wrong_at(at, "here should be a name and `=`")
        .hint("a name has letters, digits and `_`; a value of several lines needs quotes around it")
}

/// Reads up to the line's end or to a comment after white space; white space around it falls away.
fn unquoted(cursor: &mut Cursor<'_>) -> Result<Value> {
    let start = cursor.at;
    let mut end = start;
    while let Some(byte) = cursor.peek() {
        match byte {
            b'\n' | b'\r' => break,
            b'#' if end < cursor.at => break,
            b' ' | b'\t' => {}
            0 => return Err(cursor.wrong("there is a NUL byte".to_string())),
            _ => end = cursor.at + 1,
        }
        cursor.at += 1;
    }
    cursor.at = end;
    Ok(Value::from(&cursor.bytes[start..end]))
}

/// Reads a quoted value: literal in single and back quotes, with escapes in double quotes.
fn quoted(cursor: &mut Cursor<'_>, quote: u8, name: &Name) -> Result<Value> {
    let open = cursor.at;
    cursor.at += 1;
    // Sized for the rest at most once: growing would leave copies of the plaintext behind.
    let rest = &cursor.bytes[cursor.at..];
    let size = memchr::memrchr(quote, rest).unwrap_or(rest.len());
    let mut value = Zeroizing::new(Vec::with_capacity(size.min(1 << 20)));
    loop {
        match cursor.peek() {
            None => {
                return Err(cursor.wrong_at(open, &format!("the quote around `{name}` is never closed")));
            }
            Some(byte) if byte == quote => break,
            Some(0) => return Err(cursor.wrong("there is a NUL byte".to_string())),
            Some(b'\n' | b'\r') => {
                cursor.take_line_end()?;
                value.push(b'\n');
                continue;
            }
            Some(b'\\') if quote == b'"' => {
                escape(cursor, &mut value)?;
                continue;
            }
            Some(byte) => value.push(byte),
        }
        cursor.at += 1;
    }
    cursor.at += 1;
    Ok(Value::from(value))
}

/// Reads a backslash and what follows it in double quotes. An escape that no reader knows stands for both its bytes, as it
/// does in all of them.
fn escape(cursor: &mut Cursor<'_>, value: &mut Vec<u8>) -> Result<()> {
    let next = cursor.bytes.get(cursor.at + 1).copied();
    match next {
        Some(b'n') => value.push(b'\n'),
        Some(b'r') => value.push(b'\r'),
        Some(b't') => value.push(b'\t'),
        Some(byte @ (b'\\' | b'"' | b'$' | b'`')) => value.push(byte),
        Some(b'\n' | b'\r') => {
            // A shell joins the two lines, the others keep the backslash.
            return Err(cursor.wrong("there is a backslash at the end of a line".to_string()));
        }
        Some(byte) => value.extend([b'\\', byte]),
        None => value.push(b'\\'),
    }
    cursor.at += 1 + usize::from(next.is_some());
    Ok(())
}

/// Reads what may stand behind a value: white space, and a comment with white space before it.
fn remark(cursor: &mut Cursor<'_>, name: &Name) -> Result<Option<Value>> {
    cursor.skip_white_space();
    match cursor.peek() {
        None | Some(b'\n' | b'\r') => Ok(None),
        Some(b'#') if matches!(cursor.bytes[cursor.at - 1], b' ' | b'\t') => cursor.take_comment().map(Some),
        Some(_) => Err(cursor
            .wrong(format!("something follows the closing quote of `{name}`"))
            .hint("put all of the value inside one pair of quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let document = Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(document.print().as_slice(), text.as_bytes());
        let entry = document.into_entries().next().unwrap();
        String::from_utf8(entry.value.expose().to_vec()).unwrap()
    }

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes()).err().unwrap_or_else(|| panic!("{text:?} parses")).to_string()
    }

    #[test]
    fn what_people_have_is_read() {
        for (text, want) in [
            ("A=b\n", "b"),
            ("A=b", "b"),
            ("A=\n", ""),
            ("A=''\n", ""),
            ("export A=b\n", "b"),
            ("  A = b  \n", "b"),
            ("A=b c  # note\n", "b c"),
            ("A= # note\n", ""),
            ("A=a#b=c\n", "a#b=c"),
            ("A='a # b'\n", "a # b"),
            ("A='a\\nb'\n", "a\\nb"),
            ("A=\"a\\nb\\\"c\\\\d\\$e\\`f\\tg\" # x\n", "a\nb\"c\\d$e`f\tg"),
            ("A=\"C:\\dir\"\n", "C:\\dir"),
            ("A=`it's \"so\"`\n", "it's \"so\""),
            ("A='one\ntwo'\nB=c\n", "one\ntwo"),
            ("A=\"one\r\ntwo\"\r\n", "one\ntwo"),
            ("A={\"a\": \"b\"}\n", "{\"a\": \"b\"}"),
            ("A=it's\n", "it's"),
            ("A=$B${C}\n", "$B${C}"),
            ("A=a\\b\n", "a\\b"),
            ("\u{feff}A=b\r\n", "b"),
            ("# c\n\n \t\nA=b\n", "b"),
            ("A=größe\n", "größe"),
            ("export=b\n", "b"),
            ("A=ENC[AES256_GCM]\n", "ENC[AES256_GCM]"),
        ] {
            assert_eq!(value(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_is_broken_is_named_by_line_and_column() {
        for (text, want) in [
            ("A=b\nhunter2\n", "line 2, column 1: here should be a name and `=`"),
            ("A\n", "line 1, column 1: here should be a name and `=`"),
            ("=b\n", "line 1, column 1: there is no name before the `=`"),
            ("1A=b\n", "line 1, column 1: here should be a name and `=`"),
            ("A-B=c\n", "line 1, column 1: here should be a name and `=`"),
            ("A b=c\n", "line 1, column 2: here should be a name and `=`"),
            ("A: b\n", "line 1, column 1: here should be a name and `=`"),
            ("X=1\nA='b\nc\n", "line 2, column 3: the quote around `A` is never closed"),
            ("A='b'c\n", "line 1, column 6: something follows the closing quote of `A`"),
            ("A='b'#c\n", "line 1, column 6: something follows the closing quote of `A`"),
            ("A='it\\'s'\n", "line 1, column 8: something follows the closing quote of `A`"),
            ("A=#b\n", "line 1, column 3: the value of `A` begins with `#`"),
            ("A=b\rc\n", "line 1, column 4: there is a carriage return that ends no line"),
            ("A=\"b\\\nc\"\n", "line 1, column 5: there is a backslash at the end of a line"),
            ("A=b\0c\n", "line 1, column 4: there is a NUL byte"),
            ("A=b\nB=c\nA=d\n", "`A` is set twice, on lines 1 and 3"),
            ("export A\n", "line 1, column 8: here should be a name and `=`"),
        ] {
            assert_eq!(error(text), want, "{text:?}");
        }
    }
}
