//! One file that gives values: read and checked, but still closed.

use std::path::Path;

use crate::base::Error;
use crate::base::Name;
use crate::base::Reference;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Limit;
use crate::dotenv::Document;
use crate::keys::keychain::Item;
use crate::project::Environment;
use crate::project::Project;
use crate::project::Referenced;
use crate::project::Trust;
use crate::sops::Leniency;
use crate::sops::Notes;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::short;

use super::stored::Stored;

/// A file with names.
pub struct Layer {
    /// The path as messages show it.
    pub shown: String,
    /// The environment that the file belongs to; `None` for a file that no secrets.toml declares.
    pub environment: Option<String>,
    /// Who could open it, for the error when nobody here does.
    pub readers: Vec<String>,
    /// The file.
    pub source: Source,
}

/// Where a layer's values are.
pub enum Source {
    /// A plain `.env`, read as configuration.
    Plain(Document),
    /// A sealed file.
    Sealed { file: Box<SealedFile>, notes: Notes },
    /// References to stores.
    Stored(Vec<Stored>),
}

impl Layer {
    /// Reads a plain `.env`.
    ///
    /// # Errors
    /// As [`disk::read`] and [`Document::parse`].
    pub fn plain(path: &Path) -> Result<Self> {
        let shown = printable(path.as_os_str().as_encoded_bytes());
        let bytes = disk::read(path, Limit::SEALED_FILE)?;
        if crate::sops::is_sealed_file(&bytes) {
            return Err(Error::new(crate::base::Kind::Failed, format!("`{shown}` is a sealed file"))
                .hint(format!("to read it: `--file {shown}`")));
        }
        let document = Document::parse(&bytes).map_err(|error| error.in_file(&shown))?;
        Ok(Self { shown, environment: None, readers: Vec::new(), source: Source::Plain(document) })
    }

    /// Reads a sealed file outside any project, or one that `secrets.toml` does not declare.
    ///
    /// # Errors
    /// As [`disk::read`] and [`SealedFile::check`].
    pub fn undeclared(path: &Path) -> Result<Self> {
        let bytes = disk::read(path, Limit::SEALED_FILE)?;
        let shown = printable(path.as_os_str().as_encoded_bytes());
        sealed(&bytes, shown, |labels| labels.iter().map(|label| short(label)).collect(), None)
    }

    /// Reads the sealed file of an environment: below the project's folder, sealed for its place.
    ///
    /// # Errors
    /// As [`disk::read_beneath`], [`SealedFile::check`] and [`SealedFile::check_place`].
    pub fn of(project: &Project, environment: &Environment) -> Result<Self> {
        let bytes =
            disk::read_beneath(&project.folder, Path::new(&environment.file), Limit::SEALED_FILE).map_err(|error| {
                let name = &environment.name;
                let is_missing = project.path_of(environment).symlink_metadata().is_err();
                if is_missing { error.hint(format!("to make it: `secrets set NAME --env {name}`")) } else { error }
            })?;
        sealed_layer(&bytes, project, environment)
    }

    /// As [`Self::of`], for an environment that may consist of references alone: `None` if it has some and no file, and never had
    /// one that this machine knows of.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_any(project: &Project, environment: &Environment, trust: &Trust) -> Result<Option<Self>> {
        let is_missed = || trust.file(&project.below_home(&environment.file)).is_some();
        let is_there = || project.path_of(environment).symlink_metadata().is_ok();
        if !environment.references.is_empty() && !is_missed() && !is_there() {
            return Ok(None);
        }
        Self::of(project, environment).map(Some)
    }

    /// Takes the references of an environment; `None` without any.
    pub fn references(project: &Project, environment: &Environment) -> Option<Self> {
        let stored = |own: &Referenced| Stored {
            name: own.name.clone(),
            reference: own.reference.clone(),
            // What is required and absent stops a program, whatever its reference says.
            is_optional: own.is_optional && !project.value(&own.name).required,
            is_personal: false,
            environment: environment.name.clone(),
        };
        let stored: Vec<Stored> = environment.references.iter().map(stored).collect();
        let shown = format!("the references of `{}`", environment.name);
        Self::stored(shown, stored)
    }

    /// Takes the values that this person keeps for himself, in an environment; `None` without any.
    pub fn personal(project: &Project, environment: &Environment, trust: &Trust) -> Option<Self> {
        let stored = |name: Name| Stored {
            reference: personal_reference(project, environment, trust, &name),
            name,
            is_optional: false,
            is_personal: true,
            environment: environment.name.clone(),
        };
        let stored = trust.personal(project, environment).into_iter().map(stored).collect();
        Self::stored("your own values".to_string(), stored)
    }

    fn stored(shown: String, stored: Vec<Stored>) -> Option<Self> {
        let source = Source::Stored(stored);
        let layer = Self { shown, environment: None, readers: Vec::new(), source };
        (!layer.is_empty()).then_some(layer)
    }

    /// Returns where a listing says that a name comes from.
    pub fn origin(&self) -> &str {
        match &self.source {
            Source::Stored(_) if self.is_personal() => "personal",
            Source::Stored(_) => "reference",
            Source::Plain(_) | Source::Sealed { .. } => &self.shown,
        }
    }

    /// Returns the names, in file order.
    pub fn names(&self) -> Vec<&str> {
        match &self.source {
            Source::Plain(document) => document.entries().map(|entry| entry.name.as_str()).collect(),
            // The strict reader let only ASCII names through.
            Source::Sealed { file, .. } => {
                file.names().map(|name| std::str::from_utf8(name).unwrap_or_default()).collect()
            }
            Source::Stored(stored) => stored.iter().map(|stored| stored.name.as_str()).collect(),
        }
    }

    /// Returns how many names there are.
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Plain(document) => document.entries().count(),
            Source::Sealed { file, .. } => file.names().count(),
            Source::Stored(stored) => stored.len(),
        }
    }

    /// Tells whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether nobody who can write to the repository alone gives its values: a seal, or references that this machine
    /// accepted one by one.
    pub fn is_covered(&self) -> bool {
        self.seal().is_some() || matches!(self.source, Source::Stored(_))
    }

    /// Tells whether these are a person's own values.
    pub fn is_personal(&self) -> bool {
        matches!(&self.source, Source::Stored(stored) if stored.iter().any(|stored| stored.is_personal))
    }

    /// Returns the seal that the file claims.
    pub fn seal(&self) -> Option<&Seal> {
        match &self.source {
            Source::Sealed { file, .. } => file.seal(),
            Source::Plain(_) | Source::Stored(_) => None,
        }
    }

    /// Returns what should be said of values that somebody without a key could have changed; `None` if nothing.
    pub fn warning(&self) -> Option<String> {
        match &self.source {
            Source::Sealed { file, notes } if file.seal().is_none() => unsealed_warning(&self.shown, notes),
            Source::Sealed { .. } | Source::Plain(_) | Source::Stored(_) => None,
        }
    }
}

/// Returns where a person's own value of a name is: under the random id that this machine gave the project, so that another
/// project of the same name reaches nothing.
pub fn personal_reference(project: &Project, environment: &Environment, trust: &Trust, name: &Name) -> Reference {
    Item::own(trust.id(), format!("{}/{name}", project.label(environment))).reference()
}

/// Returns what should be said of an unsealed file; `None` if all of it is covered by sops' own mac.
pub fn unsealed_warning(shown: &str, notes: &Notes) -> Option<String> {
    let mut parts = Vec::new();
    for (names, what) in [(&notes.clear, "in clear"), (&notes.empty, "empty"), (&notes.typed, "not a string")] {
        if !names.is_empty() {
            parts.push(format!("{what}: {}", quoted_list(names)));
        }
    }
    if notes.clear_comments > 0 {
        parts.push(format!("comments in clear: {}", notes.clear_comments));
    }
    if notes.mac_only_encrypted {
        parts.push("its mac covers encrypted values only".to_string());
    }
    (!parts.is_empty()).then(|| format!("`{shown}` is not sealed; {}", parts.join("; ")))
}

/// Reads the bytes of an environment's sealed file.
///
/// # Errors
/// As [`SealedFile::check`] and [`SealedFile::check_place`].
pub fn sealed_layer(bytes: &[u8], project: &Project, environment: &Environment) -> Result<Layer> {
    let shown = environment.file.clone();
    let layer = sealed(bytes, shown, |labels| project.who(labels), Some(environment))?;
    if let Source::Sealed { file, .. } = &layer.source {
        file.check_place(&project.place_of(environment)).map_err(|error| error.in_file(&layer.shown))?;
    }
    Ok(layer)
}

fn sealed(
    bytes: &[u8],
    shown: String,
    who: impl Fn(&[&str]) -> Vec<String>,
    environment: Option<&Environment>,
) -> Result<Layer> {
    let plain = environment.map(|environment| environment.plain.as_slice());
    let (file, notes) = SealedFile::read(bytes, Leniency::None, plain).map_err(|error| error.in_file(&shown))?;
    let mut readers = who(&file.recipients());
    readers.dedup();
    let environment = environment.map(|environment| environment.name.clone());
    Ok(Layer { shown, environment, readers, source: Source::Sealed { file: Box::new(file), notes } })
}

/// Tells whether a name may stand in an environment; the strict reader let only legal ones through.
pub(super) fn legal(name: &[u8]) -> Result<Name> {
    Name::parse(name)
}
