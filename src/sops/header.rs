//! What a sealed file says to somebody without a key: names, lines, recipients.

use super::cipher::Encrypted;
use super::codec::SealedFile;
use super::metadata::Wrap;
use super::recipient::key_of;
use super::text::Content;
use super::text::Item;

impl SealedFile {
    /// Returns the names, in file order; readable without a key.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.text.items.iter().filter_map(Item::name)
    }

    /// Returns each name with its value as it stands, in file order.
    pub fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.text.items.iter().filter_map(|item| match item.content() {
            Content::Entry(name, text) => Some((name, text)),
            Content::Blank | Content::Comment(_) => None,
        })
    }

    /// Returns the line's number, the name, and the value as it stands, in file order.
    pub fn numbered_lines(&self) -> impl Iterator<Item = (usize, &[u8], &[u8])> {
        self.text.items.iter().filter_map(|item| match item.content() {
            Content::Entry(name, text) => Some((item.number, name, text)),
            Content::Blank | Content::Comment(_) => None,
        })
    }

    /// Returns the numbers of the lines with a comment in clear.
    pub fn clear_comment_lines(&self) -> Vec<usize> {
        let is_clear = |item: &&Item| matches!(item.content(), Content::Comment(text) if !text.is_empty() && !Encrypted::is_meant(text));
        self.text.items.iter().filter(is_clear).map(|item| item.number).collect()
    }

    /// Returns what of the wraps can be seen to be wrong without a key.
    pub fn wrap_defects(&self) -> Vec<String> {
        self.metadata.wraps().filter_map(super::wrap::defect).collect()
    }

    /// Returns each name with the number of comments above it; the last one has no name.
    pub fn comments_above(&self) -> impl Iterator<Item = (Option<&[u8]>, usize)> {
        let mut comments = 0;
        let mut rows = Vec::new();
        for item in &self.text.items {
            match item.content() {
                Content::Comment(_) => comments += 1,
                Content::Entry(name, _) => rows.push((Some(name), std::mem::take(&mut comments))),
                Content::Blank => {}
            }
        }
        rows.push((None, comments));
        rows.into_iter()
    }

    /// Tells whether a value as it stands in a file is meant to be encrypted.
    pub fn is_encrypted(text: &[u8]) -> bool {
        Encrypted::is_meant(text)
    }

    /// Returns the labels of the recipients, in file order.
    pub fn recipients(&self) -> Vec<&str> {
        self.metadata.wraps().map(|wrap: &Wrap| wrap.recipient.as_str()).collect()
    }

    /// Returns the recipients as the keys that they are compared by; a label that is no recipient stands as it is.
    pub fn recipient_keys(&self) -> Vec<String> {
        self.recipients().into_iter().map(key_of).collect()
    }
}
