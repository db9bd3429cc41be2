//! The environment that the program gets.

use std::collections::HashMap;
use std::ffi::CString;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::base::Env;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::Value;
use crate::base::quoted_list;

/// Our own variables, each by its name, and sops'. A project's `SECRETS_BUCKET` is a name like any other.
const OURS: [&str; 5] = ["SECRETS_ENV", "SECRETS_IDENTITY", "SECRETS_IDENTITY_FILE", "SECRETS_TRUST", "__SECRETS"];
/// Set anew for every program.
const RUN_MARK: &str = "SECRETS_RUN";
const OURS_PREFIX: &str = "SOPS_AGE_";

/// What stays of the caller's environment with `--pure`.
const PURE: [&str; 13] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "LANG", "LC_*", "TZ", "TMPDIR", "SSH_AUTH_SOCK",
    "CI",
];

/// Linux: one string of the environment, with its NUL, has at most 32 pages.
const MOST_ONE: usize = 128 << 10;
/// Linux: three quarters of the default stack are the most that arguments and environment can have together.
const MOST_ALL: u64 = 6 << 20;

/// How much of the caller's environment the program inherits.
pub enum Inherit {
    /// Everything.
    All,
    /// What every program needs, and the names that were kept.
    Pure { keep: Vec<Pattern> },
}

/// What happens when a name replaces a different value of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Conflict {
    /// Refuse to start.
    Error,
    /// Replace, and say so once.
    Replace,
}

/// What happens to our own variables of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ours {
    /// The program gets them: it is `secrets` again, or starts it.
    Pass,
    /// They are removed.
    Strip,
}

/// An environment in the making: inherited strings, then the project's.
pub struct Environ {
    strings: Vec<CString>,
    /// Names whose different value of the caller was replaced.
    pub replaced: Vec<String>,
}

impl Environ {
    /// Lays `values` over the caller's environment; `left_out` names are removed from it.
    ///
    /// # Errors
    /// `Kind::Failed`, naming all of them: values with a NUL, and values too long for the system. `Kind::Refused` if a
    /// name replaces another value and `conflict` is [`Conflict::Error`].
    pub fn new(
        caller: &Env,
        inherit: &Inherit,
        ours: Ours,
        values: Vec<(Name, Value)>,
        left_out: &[Name],
        conflict: Conflict,
    ) -> Result<Self> {
        check_values(&values)?;
        let given: HashMap<&[u8], &Value> = values.iter().map(|(name, value)| (name.as_bytes(), value)).collect();
        let mut strings = Vec::with_capacity(values.len() + 64);
        let mut replaced = Vec::new();
        for (name, theirs) in caller.iter() {
            if let Some(ours) = given.get(name.as_bytes()) {
                if ours.expose() != theirs.as_bytes() {
                    replaced.push(name.to_string_lossy().into_owned());
                }
                continue;
            }
            let is_left_out = left_out.iter().any(|left_out| left_out.as_bytes() == name.as_bytes());
            let is_taken = if is_ours(name) { ours == Ours::Pass } else { inherit.takes(name) };
            if is_taken && !is_left_out && name != RUN_MARK {
                strings.extend(joined(name.as_bytes(), theirs.as_bytes()));
            }
        }
        if conflict == Conflict::Error && !replaced.is_empty() {
            let names = quoted_list(&replaced);
            return Err(Error::new(Kind::Refused, format!("your environment has other values for {names}"))
                .hint("unset them, or say `--preserve-env` to keep yours"));
        }
        for (name, value) in &values {
            strings.extend(joined(name.as_bytes(), value.expose()));
        }
        Ok(Self { strings, replaced })
    }

    /// Adds a variable of our own.
    pub fn push(&mut self, name: &str, value: &str) {
        self.strings.extend(joined(name.as_bytes(), value.as_bytes()));
    }

    /// Checks that the system takes arguments and environment together, before anything is started.
    ///
    /// # Errors
    /// `Kind::Failed` with the largest names.
    pub fn check_size(&self, arguments: &[CString]) -> Result<()> {
        let size = |s: &CString| s.as_bytes_with_nul().len() as u64 + size_of::<usize>() as u64;
        let total: u64 = self.strings.iter().chain(arguments).map(size).sum();
        let most = most_all();
        if total <= most {
            return Ok(());
        }
        let mut largest: Vec<&CString> = self.strings.iter().collect();
        largest.sort_by_key(|s| std::cmp::Reverse(s.as_bytes().len()));
        let names: Vec<String> = largest
            .iter()
            .take(3)
            .map(|s| {
                String::from_utf8_lossy(s.as_bytes().split(|b| *b == b'=').next().unwrap_or_default()).into_owned()
            })
            .collect();
        Err(Error::new(
            Kind::Failed,
            format!("the environment has {} KiB, and the system takes {} KiB", total >> 10, most >> 10),
        )
        .hint(format!("the largest are {}; leave some out with `--only` or `--except`", quoted_list(&names))))
    }

    /// Returns the strings, `NAME=value` each.
    pub fn strings(&self) -> &[CString] {
        &self.strings
    }
}

impl Inherit {
    fn takes(&self, name: &OsStr) -> bool {
        match self {
            Self::All => true,
            Self::Pure { keep } => {
                let fits = |pattern: &str| crate::base::glob(pattern.as_bytes(), name.as_bytes());
                PURE.iter().any(|pattern| fits(pattern)) || keep.iter().any(|pattern| fits(pattern.as_str()))
            }
        }
    }
}

fn is_ours(name: &OsStr) -> bool {
    OURS.iter().any(|ours| name == *ours) || name.as_bytes().starts_with(OURS_PREFIX.as_bytes())
}

fn check_values(values: &[(Name, Value)]) -> Result<()> {
    let names = |bad: &dyn Fn(&Name, &Value) -> bool| -> Vec<&str> {
        values.iter().filter(|(name, value)| bad(name, value)).map(|(name, _)| name.as_str()).collect()
    };
    let with_nul = names(&|_, value| value.expose().contains(&0));
    if !with_nul.is_empty() {
        return Err(Error::new(Kind::Failed, format!("{} has a NUL byte", quoted_list(&with_nul)))
            .because("an environment variable cannot hold one")
            .hint("leave it out with `--except`, or encode the value"));
    }
    let too_long = names(&|name, value| name.as_bytes().len() + value.len() + 2 > MOST_ONE);
    if !too_long.is_empty() {
        return Err(Error::new(Kind::Failed, format!("{} is longer than 128 KiB", quoted_list(&too_long)))
            .because("the system takes no longer variable")
            .hint("leave it out with `--except`"));
    }
    Ok(())
}

fn most_all() -> u64 {
    let stack = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
    stack.map_or(MOST_ALL, |stack| (stack / 4).min(MOST_ALL))
}

/// `None` for what cannot stand in an environment, which nothing inherited can be.
fn joined(name: &[u8], value: &[u8]) -> Option<CString> {
    let mut string = Vec::with_capacity(name.len() + value.len() + 2);
    string.extend_from_slice(name);
    string.push(b'=');
    string.extend_from_slice(value);
    CString::new(string).ok()
}
