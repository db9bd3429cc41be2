//! Which commands a difference from the record stops: the table of `docs/trust.md`.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Timestamp;
use crate::project::Environment;
use crate::project::Project;
use crate::sops::Recipient;

use super::Difference;
use super::Matter;
use super::Trust;

impl Trust {
    /// Checks what reading an environment depends on; returns what to warn of.
    ///
    /// # Errors
    /// `Kind::Refused` where values would come from elsewhere, or other code would run, than what was accepted.
    pub fn check_reading(&self, project: &Project, environment: &Environment) -> Result<Vec<String>> {
        if self.is_digest_demanded() {
            return Ok(Vec::new());
        }
        let layers = project.layers(environment)?;
        let concerns = |difference: &Difference| match &difference.environment {
            None => true,
            Some(name) => layers.iter().any(|layer| layer.name == *name),
        };
        let found: Vec<Difference> = self.differences(project).into_iter().filter(concerns).collect();
        let stops = |difference: &&Difference| matches!(difference.matter, Matter::Running | Matter::Place);
        refuse(found.iter().filter(stops), "depends on something that this machine has not accepted")?;
        let unmet = layers.iter().find(|layer| !layer.references.is_empty() && !self.is_trusted(project, layer));
        if let Some(layer) = unmet {
            let name = &layer.name;
            return Err(Error::new(
                Kind::Refused,
                format!("`{name}` has references to stores, and this machine has not accepted them"),
            )
            .because("with a reference somebody could send a store's token, or another value, elsewhere")
            .hint("`secrets allow` shows them and accepts them"));
        }
        Ok(found
            .iter()
            .filter(|d| d.matter == Matter::Readers)
            .map(|d| format!("{}; `secrets allow` accepts it", d.text))
            .collect())
    }

    /// Checks what writing an environment's file depends on.
    ///
    /// # Errors
    /// `Kind::Refused` if readers or plain names changed: the next write would leak.
    pub fn check_writing(&self, project: &Project, environment: &Environment) -> Result<()> {
        let found = self.differences(project);
        let is_own = |d: &Difference| d.environment.as_ref().is_none_or(|name| *name == environment.name);
        let concerns = |d: &&Difference| matches!(d.matter, Matter::Readers | Matter::Place) && is_own(d);
        refuse(found.iter().filter(concerns), "changed, and the next write would follow it")
    }

    /// Checks that the settings lie where this machine expects them.
    ///
    /// # Errors
    /// `Kind::Refused` where `root` leads elsewhere, or a project is new inside one that is known.
    pub fn check_place(&self) -> Result<()> {
        refuse(self.misplaced.iter(), "is not what this machine has accepted")
    }

    /// Checks that a person accepted the readers and plain names of an environment. Without a seal nothing says that a file is
    /// this environment's: it may be a copy of another one, declared with readers of somebody's choice.
    ///
    /// # Errors
    /// `Kind::Refused` if the environment was only seen.
    pub fn check_accepted(&self, project: &Project, environment: &Environment) -> Result<()> {
        if self.is_trusted(project, environment) || self.is_digest_demanded() {
            return Ok(());
        }
        let name = &environment.name;
        Err(Error::new(
            Kind::Refused,
            format!("its file has no seal of this place, and this machine has not accepted who reads `{name}`"),
        )
        .because("a copy of another file, with other readers, would look the same")
        .hint("`secrets allow` shows readers and plain names, and accepts them"))
    }

    /// Returns the recipients of an environment's readers, all of whom this machine knows.
    ///
    /// # Errors
    /// As [`Project::recipients`]; `Kind::Refused` with those whom nobody accepted here.
    pub fn known_recipients(
        &self,
        project: &Project,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Vec<Recipient>> {
        let recipients = project.recipients(environment, now)?;
        let is_known = |recipient: &&Recipient| self.knows_reader(project, environment, recipient);
        let unknown: Vec<&str> = recipients.iter().filter(|r| !is_known(r)).map(Recipient::label).collect();
        if unknown.is_empty() {
            return Ok(recipients);
        }
        let names = project.who(&unknown).join(", ");
        Err(Error::new(Kind::Refused, format!("{names} would read it, whom this machine has not accepted"))
            .hint("`secrets allow` shows who is new and accepts them"))
    }
}

fn refuse<'a>(differences: impl Iterator<Item = &'a Difference>, what: &str) -> Result<()> {
    let texts: Vec<&str> = differences.map(|difference| difference.text.as_str()).collect();
    let Some(first) = texts.first() else { return Ok(()) };
    let more = if texts.len() > 1 { format!(" (and {} more)", texts.len() - 1) } else { String::new() };
    Err(Error::new(Kind::Refused, format!("secrets.toml {what}: {first}{more}"))
        .because("whoever can write to the repository can change secrets.toml")
        .hint("`secrets allow` shows all of it and accepts it")
        .short(format!("not accepted: {first}{more}; `secrets allow`")))
}
