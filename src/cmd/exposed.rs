//! What somebody who loses access has seen, and what of it must get a new value.

use std::collections::BTreeMap;
use std::collections::HashSet;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::hex;
use crate::base::quoted_list;
use crate::history::Repository;
use crate::project::Project;
use crate::project::Settings;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::team;
use crate::team::Job;
use crate::team::Pasts;
use crate::team::Site;

use super::context::Context;

/// Recipients that files are to lose, by their owner's name.
#[derive(Default)]
pub struct Losing {
    /// Each owner's recipients: the key that it is compared by, and the label.
    owners: BTreeMap<String, BTreeMap<String, String>>,
}

/// What one owner has seen and still works.
pub struct Exposed {
    /// A member, or `unknown-…` for a recipient that no secrets.toml names.
    pub name: String,
    labels: Vec<String>,
    /// The names, by environment ([`Project::label`]).
    pub names: BTreeMap<String, Vec<Name>>,
    /// The names in files that no environment has any more, by path.
    gone: BTreeMap<String, Vec<Name>>,
}

impl Losing {
    /// Adds those who stand in a file and for whom the job makes no wrap.
    pub fn add(&mut self, job: &Job<'_>) {
        let Ok(file) = SealedFile::parse(&job.before) else { return };
        let kept: HashSet<String> = job.rewrap.recipients().iter().map(Recipient::key_text).collect();
        for label in file.recipients() {
            let key = crate::sops::key_of(label);
            if !kept.contains(&key) {
                self.add_key(owner(job.site.project, &key), key, label.to_string());
            }
        }
    }

    /// Adds one recipient of an owner.
    pub fn add_key(&mut self, owner: String, key: String, label: String) {
        self.owners.entry(owner).or_default().insert(key, label);
    }

    /// Leaves an owner out: who takes away an own old key still reads.
    pub fn forget(&mut self, owner: &str) {
        self.owners.remove(owner);
    }

    /// Tells whether nobody loses anything.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Computes what each owner has seen of these files.
    pub fn exposed(&self, context: &Context<'_>, sites: &[Site<'_>], pasts: &Pasts) -> Vec<Exposed> {
        let exposed = |(name, keys): (&String, &BTreeMap<String, String>)| {
            let held: HashSet<String> = keys.keys().cloned().collect();
            let mut names = BTreeMap::new();
            for (site, past) in sites.iter().zip(&pasts.files) {
                let current = past.exposure(&held, &mut context.keyring()).current;
                if !current.is_empty() {
                    names.insert(site.label(), current);
                }
            }
            let seen =
                pasts.gone.iter().map(|(path, past)| (path.clone(), past.exposure(&held, &mut context.keyring()).seen));
            let gone = seen.filter(|(_, names)| !names.is_empty()).collect();
            Exposed { name: name.clone(), labels: keys.values().cloned().collect(), names, gone }
        };
        self.owners.iter().map(exposed).collect()
    }
}

impl Exposed {
    /// Returns how many values must get a new one.
    pub fn count(&self) -> usize {
        self.names.values().map(Vec::len).sum()
    }

    /// Says what must get a new value, and why.
    pub fn report(&self, context: &Context<'_>) {
        let (name, count) = (&self.name, self.count());
        for (path, names) in &self.gone {
            context.ui.warn(format!(
                "{name} has seen values of `{path}`, which no environment has any more: {}",
                quoted_list(names.iter().map(Name::as_str).collect::<Vec<_>>().as_slice())
            ));
        }
        if count == 0 {
            context.ui.done(format!("{name} has seen no value that still works"));
            return;
        }
        context.ui.warn(format!("{name} can still read every version in git up to today"));
        let these = if count == 1 { "this value, which" } else { "these values, which" };
        context.ui.warn(format!("{name} has seen {these} still work{}:", if count == 1 { "s" } else { "" }));
        for (environment, names) in &self.names {
            context.ui.warn(format!(
                "  {environment}: {}",
                quoted_list(names.iter().map(Name::as_str).collect::<Vec<_>>().as_slice())
            ));
        }
        context.ui.hint("give each a new value with `secrets set NAME`; `secrets status` lists them until then");
    }
}

/// Reads the past of these files.
///
/// # Errors
/// As [`team::pasts`].
pub fn pasts(context: &Context<'_>, sites: &[Site<'_>]) -> Result<Pasts> {
    let now = sites.iter().map(Site::read).collect::<Result<Vec<_>>>()?;
    pasts_of(context, sites, &now)
}

/// As [`pasts`], of files that were read; warns where git has only the end of their history.
///
/// # Errors
/// As [`team::pasts`].
pub fn pasts_of(context: &Context<'_>, sites: &[Site<'_>], now: &[Option<Vec<u8>>]) -> Result<Pasts> {
    let repository = sites.first().and_then(|site| Repository::of(context.world, &site.project.home));
    let pasts = team::pasts(sites, now, repository.as_ref())?;
    if pasts.is_cut {
        context.ui.warn("git has only the end of the history here, so more may have been seen than is listed");
        context.ui.hint("`git fetch --unshallow`, and ask again");
    }
    Ok(pasts)
}

/// Writes down who lost access and what is to be rotated.
pub fn write_down(exposed: &[Exposed], settings: &mut Settings, now: Timestamp) {
    let today = now.to_string();
    let today = today.get(..10).unwrap_or_default();
    for exposed in exposed {
        settings.retire(&exposed.name, &exposed.labels, today);
        settings.mark(&exposed.name, &exposed.names);
    }
}

/// Returns the member, former or present, whom a recipient belongs to; else a name made of its digest.
fn owner(project: &Project, key: &str) -> String {
    let is_own = |member: &&crate::project::Member| member.recipients.iter().any(|r| r.key_text() == key);
    let former = project.former.iter().find(|former| former.keys.iter().any(|own| own == key));
    match (project.members.iter().find(is_own), former) {
        (Some(member), _) => member.name.clone(),
        (None, Some(former)) => former.name.clone(),
        (None, None) => format!("unknown-{}", hex(&Sha256::digest(key)[..4])),
    }
}
