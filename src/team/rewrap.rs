//! New wraps, or a new data key, for many files at once: prepared in parallel, written by nobody here.

use crate::base::Result;
use crate::base::Timestamp;
use crate::keys::Keyring;
use crate::sops::Bytes32;
use crate::sops::DataKey;
use crate::sops::Draft;
use crate::sops::Leniency;
use crate::sops::LinkKey;
use crate::sops::Links;
use crate::sops::NextSeal;
use crate::sops::Opened;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::sops::Selector;
use crate::sops::Version;
use crate::sops::Written;

use super::scope::Site;

/// What is to be done to one file.
pub struct Job<'a> {
    pub site: Site<'a>,
    /// What the file holds.
    pub before: Vec<u8>,
    pub rewrap: Rewrap,
}

/// New wraps or a new data key.
pub enum Rewrap {
    /// Wrap the data key for those whom the file does not have yet.
    Add(Vec<Recipient>),
    /// A new data key, for these and nobody else; `older` are the keys that can vouch for it, newest first.
    Rekey { recipients: Vec<Recipient>, older: Vec<(Bytes32, LinkKey)> },
}

impl Rewrap {
    /// Returns those whom a wrap is made for, to give them what they need for it.
    pub fn recipients_mut(&mut self) -> &mut [Recipient] {
        match self {
            Self::Add(recipients) | Self::Rekey { recipients, .. } => recipients,
        }
    }

    /// Returns those whom a wrap is made for.
    pub fn recipients(&self) -> &[Recipient] {
        match self {
            Self::Add(recipients) | Self::Rekey { recipients, .. } => recipients,
        }
    }
}

/// A file as it will be.
pub struct Prepared<'a> {
    pub site: Site<'a>,
    pub before: Vec<u8>,
    /// The version that was opened; `None` for a file without a seal.
    pub version: Option<Version>,
    /// Its data key.
    pub key: DataKey,
    /// The recipients in it, as the keys that they are compared by.
    pub readers: Vec<String>,
    /// The next version; `None` if nothing was to be done.
    pub written: Option<Written>,
}

/// Opens every file and makes its next version. Files are given to as many threads as there are processors.
///
/// # Errors
/// As [`Keyring::open`] and [`SealedFile::open`], with the first file that failed; nothing was written.
pub fn prepare<'a>(mut jobs: Vec<Job<'a>>, keyring: &mut Keyring, now: Timestamp) -> Result<Vec<Prepared<'a>>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    // The first one is opened as any other command would, so that no source of identities is read without need.
    let mut prepared = vec![ask(jobs.remove(0), keyring, now)?];
    let read = &*keyring;
    let attempts = in_parallel(jobs, |job| attempt(job, read, now));
    for attempt in attempts {
        prepared.push(match attempt {
            Ok(done) => done?,
            Err(job) => ask(job, keyring, now)?,
        });
    }
    Ok(prepared)
}

/// Makes the next version with whatever identity opens the file.
fn ask<'a>(job: Job<'a>, keyring: &mut Keyring, now: Timestamp) -> Result<Prepared<'a>> {
    let shown = job.site.path();
    let (file, _) = SealedFile::read(&job.before, Leniency::None, None).map_err(|error| error.in_file(&shown))?;
    let key = keyring.open(&file, &shown, &job.site.project.who(&file.recipients()))?;
    make(job, file, key, now)
}

/// Makes the next version with the identities that were read already; gives the job back if none of them opens the file.
fn attempt<'a>(job: Job<'a>, keyring: &Keyring, now: Timestamp) -> std::result::Result<Result<Prepared<'a>>, Job<'a>> {
    let shown = job.site.path();
    let read = SealedFile::read(&job.before, Leniency::None, None).map_err(|error| error.in_file(&shown));
    let (file, _) = match read {
        Ok(read) => read,
        Err(error) => return Ok(Err(error)),
    };
    match keyring.open_with_read(&file) {
        Ok(Some(key)) => Ok(make(job, file, key, now)),
        Ok(None) => Err(job),
        Err(error) => Ok(Err(error.in_file(&shown))),
    }
}

fn make<'a>(job: Job<'a>, file: SealedFile, key: DataKey, now: Timestamp) -> Result<Prepared<'a>> {
    let Job { site, before, rewrap } = job;
    let readers = file.recipient_keys();
    let written = file.check_place(&site.project.place_of(site.environment)).and_then(|()| {
        let opened = file.open(key)?;
        let written = match rewrap {
            Rewrap::Add(recipients) => opened.with_recipients(&recipients)?,
            Rewrap::Rekey { recipients, older } => Some(rekey(site, &opened, &recipients, older, now)?),
        };
        Ok((opened.version(), opened.into_data_key(), written))
    });
    let (version, key, written) = written.map_err(|error| error.in_file(&site.path()))?;
    Ok(Prepared { site, before, version, key, readers, written })
}

fn rekey(
    site: Site<'_>,
    opened: &Opened,
    recipients: &[Recipient],
    mut older: Vec<(Bytes32, LinkKey)>,
    now: Timestamp,
) -> Result<Written> {
    let own = opened.commitment();
    older.retain(|(commitment, _)| *commitment != own);
    older.insert(0, (own, opened.link_key()));
    let seal = opened.next_seal().map(|next| NextSeal { links: Links::Made(older), ..next });
    let selector = Selector::for_plain(&site.environment.plain)?;
    let now = now.later_of(opened.file().metadata().last_modified);
    Draft::of(opened)?.write(recipients, &selector, seal, now)
}

/// Does the same to every item, on as many threads as there are processors; the results are in the order of the items.
fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut hands: Vec<Vec<(usize, T)>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, item) in items.into_iter().enumerate() {
        hands[index % threads].push((index, item));
    }
    let work = &work;
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let started: Vec<_> = hands
            .into_iter()
            .map(|hand| scope.spawn(move || hand.into_iter().map(|(i, item)| (i, work(item))).collect::<Vec<_>>()))
            .collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
