//! Where the record lies: `<state>/secrets/projects/<digest of the folder>/trust.json`, for this user alone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::hex;
use crate::base::printable;
use crate::base::random;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::project::Project;

use super::facts::Difference;
use super::facts::Matter;
use super::record::Record;

const VERSION: u32 = 1;
const FILE: &str = "trust.json";
/// A thousand services of a hundred environments each would fit.
const MOST_RECORD: Limit = Limit(64 << 20);

/// Returns the record's path for a folder; `None` where this user has no state folder.
pub fn path_of(world: &World, folder: &Path) -> Option<PathBuf> {
    let state = world.folders.state.as_ref()?;
    Some(below(&state.join("secrets/projects"), folder))
}

/// Returns the record's path below the folder of all records.
fn below(records: &Path, folder: &Path) -> PathBuf {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let digest = Sha256::digest(real.as_os_str().as_encoded_bytes());
    records.join(hex(&digest[..16])).join(FILE)
}

/// Reads a record; `None` if there is none.
///
/// # Errors
/// `Kind::Refused` if others could have written it; `Kind::Failed` if it is damaged or of a later version.
pub fn read(path: &Path) -> Result<Option<Record>> {
    // Whoever can write to the folder could have taken the record away, too.
    check_private(path)?;
    if !path.exists() {
        return Ok(None);
    }
    let shown = printable_path(path);
    let bytes = disk::read(path, MOST_RECORD)?;
    let wrong = |error: serde_json::Error| {
        Error::new(Kind::Failed, format!("the trust record `{shown}` cannot be understood"))
            .because(error)
            .hint("move it away, and `secrets allow` makes a new one")
    };
    let record = serde_json::from_slice::<Record>(&bytes);
    // A later version may have other fields.
    let version = match &record {
        Ok(record) => Some(record.version),
        Err(_) => serde_json::from_slice(&bytes).ok().map(|head: Head| head.version),
    };
    if version.is_some_and(|version| version != VERSION) {
        return Err(Error::new(Kind::Refused, format!("a newer version of `secrets` wrote `{shown}`"))
            .hint("install that version"));
    }
    record.map(Some).map_err(wrong)
}

/// What every version of the record begins with.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// The record, its folder, and the folders up to ours are this user's, and nobody else writes there.
fn check_private(path: &Path) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    for part in path.ancestors().take(4) {
        let Ok(found) = fs::symlink_metadata(part) else { continue };
        if found.uid() != own || found.mode() & 0o022 != 0 {
            let shown = printable_path(part);
            return Err(Error::new(Kind::Refused, format!("others could have written `{shown}`"))
                .because("what this machine trusts is read from there")
                .hint(format!("`chmod go-w {shown}`, if it is yours")));
        }
    }
    Ok(())
}

/// Makes the record of a project that was never met.
///
/// # Errors
/// As [`random`].
pub fn new_record(folder: &Path) -> Result<Record> {
    Ok(Record { version: VERSION, id: hex(&random::<16>()?), folder: printable_path(folder), ..Record::default() })
}

/// Makes a change on what the file holds now, so that two processes lose nothing.
///
/// # Errors
/// `Kind::Failed` if it cannot be written.
pub fn update(path: &Path, otherwise: &Record, change: impl FnOnce(&mut Record)) -> Result<()> {
    if let Some(folder) = path.parent() {
        disk::make_private_folder(folder)?;
    }
    let lock = Lock::for_file(path)?;
    let before = read(path)?;
    let mut record = before.clone().unwrap_or_else(|| otherwise.clone());
    change(&mut record);
    if before.as_ref() == Some(&record) {
        return Ok(());
    }
    let mut bytes = serde_json::to_vec_pretty(&record)
        .map_err(|error| Error::new(Kind::Bug, "cannot write JSON").because(error))?;
    bytes.push(b'\n');
    disk::write_over(&lock, &bytes, None)
}

/// Remembers for a service's own folder where its `root` led.
///
/// # Errors
/// As [`update`].
pub fn point_home(home: &Path, project: &Project, id: &str) -> Result<()> {
    if project.prefix.is_empty() {
        return Ok(());
    }
    let Some(records) = home.parent().and_then(Path::parent) else { return Ok(()) };
    let root = printable_path(&project.home);
    let folder = printable_path(&project.folder);
    let pointer =
        Record { version: VERSION, id: id.to_string(), folder, root: Some(root.clone()), ..Record::default() };
    update(&below(records, &project.folder), &pointer, |record| {
        record.root = Some(root);
        record.is_left = false;
    })
}

/// Tells how the settings lie where this machine would not expect them; `home` is the record of the members' folder, `own` that of
/// the project's own, and `emptied` what [`emptied`] returned.
pub fn misplaced(
    world: &World,
    project: &Project,
    home: Option<&Record>,
    own: Option<&Record>,
    emptied: &[Emptied],
) -> Option<Difference> {
    let outer = match home {
        None => known_above(world, &project.home),
        Some(record) => record.is_new_inside(&project.prefix).then(|| project.home.clone()),
    };
    let text = match outer {
        Some(outer) => {
            let outer = printable_path(&outer);
            Some(format!("it is new inside the project in `{outer}`, which this machine knows"))
        }
        None => moved(project, own),
    };
    let gone = emptied.first().map(|gone| format!("`{}` had a secrets.toml of its own, and has none", gone.folder));
    text.or(gone).map(|text| Difference { matter: Matter::Place, environment: None, text })
}

/// Finds a folder above with a record, in the same repository: a commit could have put `folder` into it.
fn known_above(world: &World, folder: &Path) -> Option<PathBuf> {
    let real = folder.canonicalize().ok()?;
    let is_border = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok();
    let inside = real.ancestors().take_while(|folder| !is_border(folder)).count();
    real.ancestors().take(inside + 1).skip(1).find(|folder| is_known(world, folder)).map(Path::to_path_buf)
}

/// A folder that had settings of its own when this machine met it.
pub struct Emptied {
    /// The way from the project's home.
    folder: String,
    record: PathBuf,
}

impl Emptied {
    /// Returns where the record of the folder is.
    pub fn record(&self) -> &Path {
        &self.record
    }
}

/// Returns such folders between the working directory and the project: without their own settings, commands follow the
/// project's. None whose going was accepted.
pub fn emptied(world: &World, project: &Project) -> Vec<Emptied> {
    let (Ok(cwd), Ok(top)) = (world.cwd().map(Path::to_path_buf), project.folder.canonicalize()) else {
        return Vec::new();
    };
    let cwd = cwd.canonicalize().unwrap_or(cwd);
    if cwd == top || !cwd.starts_with(&top) {
        return Vec::new();
    }
    let emptied = |folder: &Path| {
        let record = path_of(world, folder)?;
        let is_left = |record: &Path| read(record).is_ok_and(|found| found.is_some_and(|found| found.is_left));
        let way = folder.strip_prefix(&top).ok().filter(|_| record.exists() && !is_left(&record))?;
        Some(Emptied { folder: project.below_home(&printable_path(way)), record })
    };
    cwd.ancestors().take_while(|folder| **folder != *top).filter_map(emptied).collect()
}

/// Remembers that a folder has no settings any more, until it has some again.
///
/// # Errors
/// As [`update`].
pub fn leave(emptied: &Emptied) -> Result<()> {
    update(&emptied.record, &Record::default(), |record| record.is_left = true)
}

fn is_known(world: &World, folder: &Path) -> bool {
    path_of(world, folder).is_some_and(|path| path.exists())
}

fn printable_path(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// Tells how `root` leads elsewhere than the record of the project's own folder says; nothing where there is none.
fn moved(project: &Project, own: Option<&Record>) -> Option<String> {
    let before = &own?.root;
    let now = (!project.prefix.is_empty()).then(|| printable_path(&project.home));
    let show = |root: &Option<String>| root.as_ref().map_or("nowhere".to_string(), |root| format!("to `{root}`"));
    (*before != now).then(|| format!("`root` led {}, and leads {}", show(before), show(&now)))
}
