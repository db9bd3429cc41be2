//! Who belongs to a project.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::sops::Recipient;

use super::parse;
use super::parse::member;
use super::raw::MemberKind;
use super::raw::Ordered;
use super::raw::RawFormer;
use super::raw::RawMember;

/// The most recipients of all members: the file comes from the repository and costs time before any trust.
const MOST_RECIPIENTS: usize = 1_000;

/// A person or machine with its recipients.
pub struct Member {
    /// The member's name.
    pub name: String,
    /// One for each machine.
    pub recipients: Vec<Recipient>,
    /// Somebody or something.
    pub kind: MemberKind,
    /// The last day of access, as `2027-01-31`.
    pub until: Option<String>,
}

/// Somebody whose access ended.
pub struct Former {
    /// The name that the member had.
    pub name: String,
    /// The recipients, as the keys that they are compared by.
    pub keys: Vec<String>,
    /// The day of the removal, as `2026-11-23`.
    pub removed: String,
    /// The names whose values the member has seen and that still work, by environment ([`Project::label`]).
    pub rotate: BTreeMap<String, Vec<Name>>,
}

/// Who belongs to a project, and its stores: what a service takes from the folder that `root` names.
pub(super) struct Team {
    pub(super) members: Vec<Member>,
    pub(super) groups: BTreeMap<String, Vec<String>>,
    pub(super) former: Vec<Former>,
    pub(super) stores: BTreeMap<String, String>,
}

/// The folder that `root` names.
pub(super) struct Home {
    pub(super) folder: PathBuf,
    pub(super) prefix: String,
    pub(super) team: Team,
}

impl Team {
    pub(super) fn new(
        members: Ordered<RawMember>,
        groups: BTreeMap<String, Vec<String>>,
        former: Ordered<RawFormer>,
        stores: BTreeMap<String, serde_json::Value>,
    ) -> Result<Self> {
        let recipients = members.0.iter().map(|(_, member)| member.recipients.len()).sum();
        check_count(recipients, MOST_RECIPIENTS, "recipients")?;
        check_count(former.0.len(), MOST_RECIPIENTS, "former members")?;
        Ok(Self {
            members: members.0.into_iter().map(|(name, m)| member(name, m)).collect::<Result<_>>()?,
            groups,
            former: former.0.into_iter().map(|(name, f)| parse::former(name, f)).collect::<Result<_>>()?,
            stores: stores.into_iter().map(|(name, store)| (name, parse::as_text(store))).collect(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.groups.is_empty() && self.former.is_empty() && self.stores.is_empty()
    }
}

impl Member {
    /// Tells whether the last day of access is not past.
    pub fn is_current(&self, now: Timestamp) -> bool {
        let today = now.to_string();
        self.until.as_deref().is_none_or(|last| today.get(..10).is_some_and(|today| today <= last))
    }
}

pub(super) fn check_count(found: usize, most: usize, what: &str) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    Err(Error::new(Kind::Refused, format!("secrets.toml has {found} {what}; the limit is {most}")))
}
