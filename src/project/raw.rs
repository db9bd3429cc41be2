//! `secrets.toml` as it is written, before anything is believed. Unknown keys are refused: a misspelled `readers` must not
//! mean nobody noticed.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawProject {
    pub version: u32,
    pub project: String,
    pub root: Option<String>,
    #[serde(default)]
    pub members: Ordered<RawMember>,
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub environments: Ordered<RawEnvironment>,
    #[serde(default)]
    pub values: BTreeMap<String, RawValue>,
    #[serde(default)]
    pub stores: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub former: Ordered<RawFormer>,
    #[serde(default)]
    pub policy: RawPolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `recipients` and `removed`")]
pub struct RawFormer {
    pub recipients: Vec<String>,
    pub removed: String,
    #[serde(default)]
    pub rotate: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ former_grace = \"14d\" }`")]
pub struct RawPolicy {
    pub former_grace: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `recipients`")]
pub struct RawMember {
    pub recipients: Vec<String>,
    #[serde(default)]
    pub kind: MemberKind,
    pub until: Option<String>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum MemberKind {
    /// A server, a job, a bot.
    Machine,
    /// Somebody.
    #[default]
    Person,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `readers`")]
pub struct RawEnvironment {
    pub extends: Option<String>,
    pub file: Option<String>,
    #[serde(default)]
    pub readers: Vec<String>,
    #[serde(default)]
    pub plain: Vec<String>,
    #[serde(default)]
    pub from: Ordered<serde_json::Value>,
    #[serde(default)]
    pub expose: Expose,
}

/// Who gets values, from the fewest on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase", expecting = "`run` or `shell`")]
pub enum Expose {
    /// Only what `secrets run` starts.
    Run,
    /// A hooked shell too, and all that it starts.
    #[default]
    Shell,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a reference, or a table such as `{ ref = \"vault://…\", optional = true }`")]
pub struct RawFrom {
    #[serde(rename = "ref")]
    pub reference: String,
    #[serde(default)]
    pub optional: bool,
    // Read by the stages that keep remote values and know several stores of one kind.
    pub ttl: Option<String>,
    #[serde(rename = "store")]
    pub _store: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ required = true }`")]
pub struct RawValue {
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub runs_code: bool,
    #[serde(rename = "description")]
    pub _description: Option<String>,
    pub max_age: Option<String>,
    // Read by the stage that rotates values.
    #[serde(rename = "generate")]
    pub _generate: Option<IgnoredAny>,
    pub rotator: Option<serde_json::Value>,
}

/// A table in the order in which it stands: the first environment is the default.
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
