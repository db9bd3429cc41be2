//! What hooked shells get of a project, and how long what a person accepted counts.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;
use time::OffsetDateTime;

use crate::base::Pattern;
use crate::base::Timestamp;
use crate::project::Environment;
use crate::project::Expose;
use crate::project::Project;

use super::Trust;

/// What is remembered of that, for one `secrets.toml`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Exposure {
    /// Whether a person denied it: hooked shells say nothing of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_denied: bool,
    /// The most that shells get.
    #[serde(default)]
    most: Expose,
    /// Patterns of the names that shells get; empty for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    only: BTreeSet<String>,
    /// When what was accepted ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
}

/// The end of an acceptance.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limit {
    /// Seconds since 1970.
    pub until: i64,
    /// The span as a person gave it.
    pub span: String,
}

/// What a person says with an acceptance; what is not said of shells stays as it was.
#[derive(Default)]
pub struct Wish {
    /// The most that shells get.
    pub most: Option<Expose>,
    /// The names that shells get; all of them where it is empty.
    pub only: Option<Vec<Pattern>>,
    /// When it ends; never, if nothing is said.
    pub limit: Option<Limit>,
}

impl Exposure {
    /// Tells whether there is nothing to remember.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what counts after an acceptance.
    #[must_use]
    pub fn after(self, wish: &Wish) -> Self {
        let only = wish.only.as_ref().map(|patterns| patterns.iter().map(ToString::to_string).collect());
        Self {
            is_denied: false,
            most: wish.most.unwrap_or(self.most),
            only: only.unwrap_or(self.only),
            limit: wish.limit.clone(),
        }
    }

    /// Notes that a person denied it; an end has nothing to end any more.
    pub fn deny(&mut self) {
        self.is_denied = true;
        self.limit = None;
    }

    /// Returns the end, if it is past.
    pub fn past(&self, now: Timestamp) -> Option<&Limit> {
        self.limit.as_ref().filter(|limit| limit.until <= now.seconds())
    }
}

impl Trust {
    /// Tells whether a person denied a project.
    pub fn is_denied(&self, project: &Project) -> bool {
        self.exposure(project).is_some_and(|exposure| exposure.is_denied)
    }

    /// Returns the span that a person gave an acceptance that has ended since.
    pub fn expired(&self) -> Option<&str> {
        self.expired.as_deref()
    }

    /// Returns when the acceptance ends, in seconds since 1970; `None` for never.
    pub fn until(&self, project: &Project) -> Option<i64> {
        self.exposure(project)?.limit.as_ref().map(|limit| limit.until)
    }

    /// Returns the most that hooked shells get of these environments: the repository can ask for less than a person accepted,
    /// and for no more.
    pub fn most_exposed(&self, project: &Project, environments: &[&Environment]) -> Expose {
        let facts = |name: &str| self.record.services.get(&project.prefix)?.environments.get(name);
        let of_one = |own: &&Environment| own.expose.min(facts(&own.name).map_or(own.expose, |facts| facts.expose));
        let accepted = self.exposure(project).map_or(Expose::default(), |exposure| exposure.most);
        environments.iter().map(of_one).fold(accepted, Expose::min)
    }

    /// Returns the patterns of the names that hooked shells get; empty for all.
    pub fn for_shells(&self, project: &Project) -> Vec<Pattern> {
        let only = self.exposure(project).into_iter().flat_map(|exposure| &exposure.only);
        // A pattern that nobody could have given matches nothing: the list must not become one of all.
        let parse = |text: &String| Pattern::parse(text).or_else(|_| Pattern::parse("__SECRETS")).ok();
        only.filter_map(parse).collect()
    }

    /// Tells, as a person reads it, how hooked shells get less than everything for good; `None` where they do not.
    pub fn shown_for_shells(&self, project: &Project, environments: &[&Environment]) -> Option<String> {
        if self.is_denied(project) {
            return Some("denied: hooked shells get nothing and say nothing".to_string());
        }
        if let Some(span) = self.expired() {
            return Some(format!("expired after {span}: `secrets allow` accepts it again"));
        }
        let until = self.until(project).and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
        let until = until.map(|until| format!("until {}", Timestamp::from(until)));
        if self.most_exposed(project, environments) == Expose::Run {
            let until = until.map_or_else(String::new, |until| format!(", {until}"));
            return Some(format!("nothing: for `secrets run` alone{until}"));
        }
        let only = self.for_shells(project).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let only = (!only.is_empty()).then(|| format!("{only} alone"));
        let parts: Vec<String> = only.into_iter().chain(until).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn exposure(&self, project: &Project) -> Option<&Exposure> {
        self.record.services.get(&project.prefix).map(|service| &service.exposure)
    }
}
