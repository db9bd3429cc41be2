//! One data key more hands: wraps for newcomers, and nothing else changed.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::metadata::SEAL_NAME;
use super::opened::Opened;
use super::recipient::Recipient;
use super::seal::Seal;
use super::text::Text;
use super::write::Written;
use super::write::assemble;
use super::write::kept_lines;
use super::write::read_back;
use super::write::wrap_lines;
use super::write::wraps_for;

impl Opened {
    /// Wraps the data key for recipients whom the file does not have yet; `None` if it has them all.
    ///
    /// Every other line keeps its bytes, but for the seal, which counts one up.
    ///
    /// # Errors
    /// `Kind::Refused` for a file whose key is shared among groups. `Kind::Bug` as [`super::Draft::rewrite`].
    pub fn with_recipients(&self, recipients: &[Recipient]) -> Result<Option<Written>> {
        let file = &self.file;
        let present = file.recipient_keys();
        let new: Vec<Recipient> =
            recipients.iter().filter(|recipient| !present.contains(&recipient.key_text())).cloned().collect();
        if new.is_empty() {
            return Ok(None);
        }
        if file.metadata.groups.len() != 1 || file.metadata.shamir_threshold.is_some() {
            return Err(Error::new(Kind::Refused, "its data key is shared among groups of keys")
                .hint("add the recipient with `sops`"));
        }
        let mut metadata = kept_lines(file, |name| name != SEAL_NAME);
        metadata.extend(wrap_lines(&wraps_for(&new, &self.key)?, present.len()));
        let mut items = Vec::with_capacity(file.text.items.len() * 128);
        for item in &file.text.items {
            items.extend_from_slice(&item.line);
            items.push(b'\n');
        }
        if let Some(next) = self.next_seal() {
            let text = Text::parse(&assemble(&items, &mut metadata))?;
            metadata.push(Seal::make(&text, &self.key, next)?.to_line());
        }
        let bytes = assemble(&items, &mut metadata);
        let opened = read_back(&bytes, &self.key)?;
        Ok(Some(Written { bytes, version: opened.version() }))
    }
}
