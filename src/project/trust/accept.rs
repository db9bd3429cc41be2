//! Whether a version that was opened and proved is one that this machine may take: `docs/trust.md`, "Versions".

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::sops::Bytes32;
use crate::sops::Seal;
use crate::sops::Version;

use super::record::FileRecord;

/// What stands in the history of `HEAD` of one path. Claims: nothing of it was checked.
pub struct Claims {
    /// The commit and seal of each version.
    pub seals: Vec<(String, Seal)>,
    /// Whether the history goes on where nobody looked: no git, a shallow clone, the bound.
    pub is_cut: bool,
}

/// Why a version was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing was known of the file.
    First,
    /// It is newer than what was seen, or the same.
    Newest,
    /// It has the highest number that was seen, and is another version: from another branch.
    Sibling,
    /// It is older, and its history has nothing newer.
    Older { is_replaced_key: bool, is_sure: bool },
    /// Its data key follows the trusted one.
    Rekeyed,
}

/// Decides over a version; `look` reads the history, and is asked only where it matters.
///
/// # Errors
/// `Kind::Refused` for an unknown data key, and for an older version that was put on top of a newer one.
pub fn judge(record: &FileRecord, version: &Version, look: impl FnOnce() -> Result<Claims>) -> Result<Verdict> {
    let Some(trusted) = record.trusted() else { return Ok(Verdict::First) };
    let Some(position) = record.position(&version.commitment) else {
        let link = trusted.commitment().zip(trusted.link());
        let proof = link.and_then(|(old, link)| {
            let (_, tag) = version.links.iter().find(|(named, _)| *named == old)?;
            Some(link.proves(&version.place, &old, &version.commitment, tag))
        });
        return if proof == Some(true) { Ok(Verdict::Rekeyed) } else { Err(unknown_key()) };
    };
    let is_trusted_key = position + 1 == record.keys.len();
    let is_seen = trusted.digest.as_deref() == Some(crate::sops::to_base64(&version.digest).as_str());
    // What was seen last is taken without a look: git costs more than all the rest of `run`.
    if is_trusted_key && version.seq == trusted.seq && is_seen {
        return Ok(Verdict::Newest);
    }
    let claims = look()?;
    if let Some((commit, newer)) = newer(record, position, version, &claims) {
        return Err(brought_back(version, commit, newer));
    }
    if is_trusted_key && version.seq >= trusted.seq {
        return Ok(if version.seq > trusted.seq { Verdict::Newest } else { Verdict::Sibling });
    }
    Ok(Verdict::Older { is_replaced_key: !is_trusted_key, is_sure: !claims.is_cut })
}

/// Finds a version in the history that is newer than the one at hand.
fn newer<'a>(
    record: &FileRecord,
    position: usize,
    version: &Version,
    claims: &'a Claims,
) -> Option<(&'a str, &'a Seal)> {
    let own_link = record.keys[position].link();
    let is_later_key = |commitment: &Bytes32| record.position(commitment).is_some_and(|at| at > position);
    let is_successor = |seal: &Seal| {
        let tag = seal.links.iter().find(|(old, _)| *old == version.commitment);
        tag.zip(own_link.as_ref())
            .is_some_and(|((old, tag), link)| link.proves(&version.place, old, &seal.commitment, tag))
    };
    let is_newer = |seal: &Seal| {
        (seal.commitment == version.commitment && seal.seq > version.seq)
            || is_later_key(&seal.commitment)
            || is_successor(seal)
    };
    claims.seals.iter().find(|(_, seal)| is_newer(seal)).map(|(commit, seal)| (commit.as_str(), seal))
}

fn unknown_key() -> Error {
    Error::new(Kind::Refused, "it is sealed under a data key that this machine does not know")
        .because("whoever made the file had no proof of the key before; anybody who can write to the repository could be that")
        .hint("if it is meant so: `secrets allow`")
        .short("is not sealed by a known key; see `secrets status`")
}

fn brought_back(version: &Version, commit: &str, newer: &Seal) -> Error {
    let (seq, short) = (version.seq, commit.get(..12).unwrap_or(commit));
    let cause = if newer.commitment == version.commitment {
        format!("it is version {seq}, and commit {short} has version {}", newer.seq)
    } else {
        format!("its data key was replaced: commit {short} has version {} under a newer one", newer.seq)
    };
    Error::new(Kind::Refused, "it is an older version that was brought back on top of a newer one")
        .because(cause)
        .hint("if that was meant, as after `git revert`: `secrets reseal`")
        .short(format!("was put back ({seq}; {} in {short}); `secrets reseal` if it was meant", newer.seq))
}
