//! What in a `secrets.toml` must agree: names that stand for somebody, layers without a circle, one owner for a recipient.

use std::collections::BTreeMap;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::config::Environment;
use super::config::Project;

impl Project {
    /// Checks that members, groups and environments agree.
    ///
    /// # Errors
    /// `Kind::Failed` with the first thing that does not.
    pub(super) fn check(&self) -> Result<()> {
        let failed = |message: String| Err(Error::new(Kind::Failed, message));
        let is_member = |name: &str| self.members.iter().any(|member| member.name == name);
        if self.environments.is_empty() {
            return failed("secrets.toml has no environment".to_string());
        }
        for (group, names) in &self.groups {
            if is_member(group) {
                return failed(format!("`{group}` is both a member and a group"));
            }
            if let Some(unknown) = names.iter().find(|name| !is_member(name)) {
                return failed(format!("`{unknown}` in the group `{group}` is not a member"));
            }
        }
        for environment in &self.environments {
            let name = &environment.name;
            let known = |reader: &&String| is_member(reader) || self.groups.contains_key(*reader);
            if let Some(unknown) = environment.readers.iter().find(|reader| !known(reader)) {
                return failed(format!("`{unknown}`, a reader of `{name}`, is neither a member nor a group"));
            }
            if environment.readers.is_empty() {
                return failed(format!("the environment `{name}` has no `readers`"));
            }
            self.check_extends(environment)?;
            let same = self.environments.iter().find(|other| other.name != *name && other.file == environment.file);
            if let Some(other) = same {
                return failed(format!("the environments `{name}` and `{}` have the same file", other.name));
            }
        }
        self.check_owners()
    }

    fn check_extends(&self, environment: &Environment) -> Result<()> {
        let mut seen = vec![environment.name.as_str()];
        let mut next = environment.extends.as_deref();
        while let Some(name) = next {
            if seen.contains(&name) {
                let start = &environment.name;
                return Err(Error::new(Kind::Failed, format!("`extends` of `{start}` leads in a circle")));
            }
            seen.push(name);
            next = self.environment(Some(name))?.extends.as_deref();
        }
        Ok(())
    }

    fn check_owners(&self) -> Result<()> {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for member in &self.members {
            for recipient in &member.recipients {
                if let Some(other) = owners.insert(recipient.key_text(), &member.name)
                    && other != member.name
                {
                    let name = &member.name;
                    return Err(Error::new(
                        Kind::Failed,
                        format!("the members `{other}` and `{name}` have the same recipient"),
                    ));
                }
            }
        }
        Ok(())
    }
}
