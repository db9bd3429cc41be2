//! Between a sealed file and our dotenv.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;
use crate::dotenv::Document;
use crate::dotenv::Line;
use crate::sops::Draft;
use crate::sops::Row;

/// Returns the rows that a plain file gives: comments, blank lines and order are kept; a remark behind a value, which a
/// sealed file has no place for, goes onto a line above it.
pub fn rows_of(document: &Document) -> Vec<Row> {
    let mut rows = Vec::with_capacity(document.lines().len());
    for line in document.lines() {
        match line {
            Line::Blank(_) => rows.push(Row::Blank),
            Line::Comment { text, .. } => rows.push(Row::Comment(text.duplicate())),
            Line::Entry(entry) => {
                rows.extend(entry.remark.as_ref().map(|remark| Row::Comment(remark.duplicate())));
                rows.push(Row::Entry(entry.name.clone(), entry.value.duplicate()));
            }
        }
    }
    rows
}

/// Returns a draft as a plain file, quoted where it must be.
///
/// # Errors
/// `Kind::Failed` for a value with a NUL byte, which no `.env` can hold.
pub fn document_of(draft: &Draft) -> Result<Document> {
    let mut document = Document::default();
    for row in &draft.rows {
        match row {
            Row::Blank => document.push_blank(),
            Row::Comment(text) => document.push_comment(&without_carriage_returns(text)),
            Row::Entry(name, value) => {
                check_no_nul(name.as_str(), value)?;
                document.push_entry(name.clone(), value.duplicate());
            }
        }
    }
    Ok(document)
}

/// Refuses a value that a text file cannot hold.
///
/// # Errors
/// `Kind::Failed`.
pub fn check_no_nul(name: &str, value: &Value) -> Result<()> {
    if value.expose().contains(&0) {
        return Err(Error::new(Kind::Failed, format!("the value of `{name}` has a NUL byte"))
            .hint(format!("`secrets get {name}` prints it as it is")));
    }
    Ok(())
}

/// A comment that sops took from a file with CR LF ends in CR.
fn without_carriage_returns(text: &Value) -> Value {
    let kept: Vec<u8> = text.expose().iter().copied().filter(|b| *b != b'\r').collect();
    Value::from(kept)
}
