//! `secrets reseal`

mod merge;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::git;
use crate::git::Side;
use crate::history::Repository;
use crate::project::trust::Verdict;
use crate::resolve::Selected;
use crate::sops::Draft;
use crate::sops::Leniency;
use crate::sops::Links;
use crate::sops::NextSeal;
use crate::sops::Opened;
use crate::sops::Recipient;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::Selector;
use crate::sops::Version;
use crate::sops::Written;
use crate::team::Site;
use crate::term::Terminal;

use super::change::SEALED_FILE_MODE;
use super::change::check_writing;
use super::context::Context;
use super::diff;
use super::judge;
use super::past;
use super::target::Target;
use super::target::TargetArguments;

/// Show what changed since a file was last sealed, and seal it again
///
/// For a file that sops wrote, that was never sealed, that `git revert` brought back, or that was merged line by line: then
/// the merge is made again by name.
#[derive(clap::Args)]
pub struct Arguments {
    /// Take this environment; the first one in secrets.toml is the default
    #[arg(long, short, value_name = "ENV")]
    env: Option<String>,
    /// Every environment that needs it
    #[arg(long, conflicts_with = "env")]
    all: bool,
    /// Where both sides of a merge changed a name, keep our value
    #[arg(long, conflicts_with = "theirs")]
    ours: bool,
    /// Where both sides of a merge changed a name, take their value
    #[arg(long)]
    theirs: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let names: Vec<Option<String>> = if arguments.all {
        context.project()?.environments.iter().map(|environment| Some(environment.name.clone())).collect()
    } else {
        vec![arguments.env.clone()]
    };
    for name in names {
        let target = Target::choose(context, &TargetArguments { env: name, file: None })?;
        if arguments.all && target.path().symlink_metadata().is_err() {
            continue;
        }
        reseal(context, arguments, &target)?;
    }
    Ok(())
}

fn reseal(context: &Context<'_>, arguments: &Arguments, target: &Target) -> Result<()> {
    check_writing(target)?;
    let lock = target.lock()?;
    // While this one waited a member may have been removed, or a change of several files interrupted.
    let target = &target.again(context.world)?;
    check_writing(target)?;
    let Some(selected) = target.selected() else { return Err(Error::new(Kind::Bug, "a project was found")) };
    let site = Site { project: selected.project, environment: selected.environment };
    let bytes = site.read()?.ok_or_else(|| {
        Error::new(Kind::Failed, format!("there is no `{}`", site.path())).hint("`secrets set NAME` makes it")
    })?;
    let repository = Repository::of(context.world, &site.project.folder);
    let work = Work { context, arguments, selected: &selected, site, repository };
    let Some(written) = work.next(&bytes)? else { return Ok(()) };
    disk::write_over(&lock, &written.bytes, Some(SEALED_FILE_MODE))?;
    drop(lock);
    if let Some(version) = written.version {
        let seq = version.seq;
        selected.trust.borrow_mut().learn_anew(site.path(), version);
        context.ui.done(format!("sealed `{}` as version {seq}", site.path()));
    }
    judge::remember(context, &selected);
    if work.repository.as_ref().is_some_and(|git| matches!(git.conflict(&site.environment.file), Ok(Some(_)))) {
        context.ui.hint(format!("to end the merge: `git add {}`", site.environment.file));
    }
    Ok(())
}

const REPLACED: &str = "its data key was replaced, so it gets a new one";

/// What is known of a file's sealed versions.
struct Past {
    /// The last one that is right.
    last: Option<Opened>,
    /// The highest number of the record and of that version; 0 if there is none.
    seq: u64,
}

/// What one file is resealed with.
struct Work<'w> {
    context: &'w Context<'w>,
    arguments: &'w Arguments,
    selected: &'w Selected<'w>,
    site: Site<'w>,
    repository: Option<Repository>,
}

impl Work<'_> {
    /// Makes the next version; `None` if the file is in order, or the person says no.
    fn next(&self, bytes: &[u8]) -> Result<Option<Written>> {
        if let Some(git) = &self.repository
            && let Some(sides) = git.conflict(&self.site.environment.file)?
        {
            return self.redo(&sides).map(Some);
        }
        let shown = self.site.path();
        let in_file = |error: Error| error.in_file(&shown);
        let (mut file, _) = SealedFile::read(bytes, Leniency::None, None).map_err(in_file)?;
        let readers = self.site.project.who(&file.recipients());
        let seal = file.set_seal_aside();
        let key = self.context.keyring().open(&file, &shown, &readers)?;
        self.context.warn_of_identities();
        let opened = match file.open(key) {
            Ok(opened) => opened,
            Err(error) => {
                return self.redo_last_merge(bytes)?.map_or_else(|| Err(in_file(error)), |written| Ok(Some(written)));
            }
        };
        match seal {
            Some(seal) => self.check_seal(bytes, opened, seal),
            None => self.seal_again(&opened, "it has no seal"),
        }
    }

    /// A file with a seal: right and in its place, or wrong, or right and brought back.
    fn check_seal(&self, bytes: &[u8], mut opened: Opened, seal: Seal) -> Result<Option<Written>> {
        if let Err(error) = opened.take_seal_back(seal.clone()) {
            if let Some(written) = self.redo_last_merge(bytes)? {
                return Ok(Some(written));
            }
            self.context.ui.warn(format!("`{}`: {}", self.site.path(), error.message()));
            let why = "its seal is wrong: somebody without the key, or another program, changed it";
            return self.seal_again(&opened, why);
        }
        if seal.place != self.site.project.place_of(self.site.environment) {
            return self.seal_again(&opened, "it is sealed for another place");
        }
        let name = &self.site.environment.name;
        match judge::accept(self.context, self.selected, name, &opened) {
            Ok(Verdict::Older { is_replaced_key: true, .. }) => self.rekey(&opened, REPLACED),
            Ok(_) => {
                self.context.ui.done(format!("`{}` is sealed; nothing was changed", self.site.path()));
                judge::remember(self.context, self.selected);
                Ok(None)
            }
            Err(error) if self.is_replaced_key(&seal) => {
                self.context.ui.warn(format!("`{}`: {}", self.site.path(), error.message()));
                self.rekey(&opened, REPLACED)
            }
            Err(error) => {
                self.context.ui.warn(format!("`{}`: {}", self.site.path(), error.message()));
                self.seal_again(&opened, "it was brought back, or its data key is not known here")
            }
        }
    }

    fn open(&self, bytes: &[u8]) -> Result<Opened> {
        past::open(self.context, bytes, &self.site.path())
    }

    /// Looks for the last sealed version, and the highest number that a right seal has.
    fn past(&self) -> Result<Past> {
        let git = self.repository.as_ref();
        let last = git.map(|git| past::last_sealed(self.context, git, &self.site)).transpose()?.flatten();
        let last = last.map(|(_, opened)| opened);
        let trust = self.selected.trust.borrow();
        let known = trust.file(&self.site.path()).into_iter().flat_map(|file| &file.keys).map(|key| key.seq);
        let seq = known.chain(last.as_ref().and_then(Opened::version).map(|version| version.seq)).max().unwrap_or(0);
        Ok(Past { last, seq })
    }

    /// Tells whether the record has a newer data key than the seal's.
    fn is_replaced_key(&self, seal: &Seal) -> bool {
        let trust = self.selected.trust.borrow();
        let known = trust.file(&self.site.path());
        known.is_some_and(|file| file.position(&seal.commitment).is_some_and(|at| at + 1 < file.keys.len()))
    }

    /// Shows what changed against the last sealed version, asks, and seals.
    fn seal_again(&self, opened: &Opened, why: &str) -> Result<Option<Written>> {
        if let Some(odd) = self.not_to_bless(opened) {
            self.context.ui.warn(format!("`{}`: {odd}", self.site.path()));
            return self.rekey(opened, why);
        }
        let past = self.past()?;
        self.show(opened, past.last.as_ref(), why);
        if !self.confirm("Seal the file as it is?")? {
            return Ok(None);
        }
        self.seal(opened, &past).map(Some)
    }

    /// Seals what was opened as it is, as the version after those that are known.
    fn seal(&self, opened: &Opened, past: &Past) -> Result<Written> {
        self.check_accepted(std::slice::from_ref(opened))?;
        let place = self.site.project.place_of(self.site.environment);
        let trust = self.selected.trust.borrow();
        let known = trust.links(&self.site.path());
        let links = match past.last.as_ref().and_then(Opened::version) {
            Some(last) if last.commitment == opened.commitment() && last.place == place => Links::Carried(last.links),
            _ => Links::Made(known),
        };
        let prev = past.last.as_ref().and_then(Opened::digest).unwrap_or_default();
        let seal = NextSeal { place, seq: past.seq.saturating_add(1), prev, links };
        let selector = Selector::for_plain(&self.site.environment.plain)?;
        Draft::of(opened)?.rewrite(opened, Some(&selector), Some(seal), self.context.world.now)
    }

    /// Readers and plain names of secrets.toml are followed where a person accepted them, or where a version under a data key
    /// that this machine knows is sealed for this place.
    fn check_accepted(&self, versions: &[Opened]) -> Result<()> {
        let Site { project, environment } = self.site;
        let trust = self.selected.trust.borrow();
        let place = project.place_of(environment);
        let is_known = |version: Version| {
            let known = trust.file(&place.path).is_some_and(|file| file.position(&version.commitment).is_some());
            known && version.place == place
        };
        if versions.iter().filter_map(Opened::version).any(is_known) {
            return Ok(());
        }
        trust.check_accepted(project, environment)
    }

    /// Tells why a file is not sealed as it is, whoever says yes: its data key or its readers are nobody's whom this machine
    /// knows. A seal would make them as good as any other.
    fn not_to_bless(&self, opened: &Opened) -> Option<String> {
        let Site { project, environment } = self.site;
        let trust = self.selected.trust.borrow();
        let known = trust.file(&self.site.path()).filter(|file| !file.keys.is_empty());
        if known.is_some_and(|file| file.position(&opened.commitment()).is_none()) {
            return Some("this machine does not know its data key, so it gets a new one".to_string());
        }
        let readers = opened.file().recipients();
        let is_known = |label: &&&str| {
            let recipient = Recipient::parse(label);
            recipient.is_ok_and(|recipient| trust.knows_reader(project, environment, &recipient))
        };
        let unknown: Vec<&str> = readers.iter().filter(|label| !is_known(label)).copied().collect();
        let who = project.who(&unknown).join(", ");
        (!unknown.is_empty())
            .then(|| format!("{who} could read it, whom this machine has not accepted: it gets a new data key without"))
    }

    /// A file under a replaced data key is not blessed: whoever was removed holds that key.
    fn rekey(&self, opened: &Opened, why: &str) -> Result<Option<Written>> {
        let past = self.past()?;
        self.show(opened, past.last.as_ref(), why);
        if !self.confirm("Seal the file as it is, under a new data key?")? {
            return Ok(None);
        }
        self.write_anew(&Draft::of(opened)?, std::slice::from_ref(opened), past.seq.saturating_add(1)).map(Some)
    }

    /// Writes under a new data key, for the readers whom this machine has accepted.
    fn write_anew(&self, draft: &Draft, sides: &[Opened], seq: u64) -> Result<Written> {
        self.check_accepted(sides)?;
        let Site { project, environment } = self.site;
        let trust = self.selected.trust.borrow();
        let recipients = trust.known_recipients(project, environment, self.context.world.now)?;
        let mut older: Vec<_> = sides.iter().map(|side| (side.commitment(), side.link_key())).collect();
        older.extend(trust.links(&self.site.path()));
        let prev = sides.last().and_then(Opened::digest).unwrap_or_default();
        let seal = NextSeal { place: project.place_of(environment), seq, prev, links: Links::Made(older) };
        let selector = Selector::for_plain(&environment.plain)?;
        let latest =
            sides.iter().fold(self.context.world.now, |now, side| now.later_of(side.file().metadata().last_modified));
        draft.write(&self.context.connected(recipients), &selector, Some(seal), latest)
    }

    /// Says which names changed, and who reads: never a value.
    fn show(&self, opened: &Opened, last: Option<&Opened>, why: &str) {
        let ui = self.context.ui;
        ui.warn(format!("`{}`: {why}", self.site.path()));
        let Some(last) = last else {
            let count = opened.file().names().count();
            ui.warn(format!("no sealed version of it is known; it has {count} names"));
            return;
        };
        let changes = git::compare(&Side::of(last), &Side::of(opened));
        if changes.is_empty() {
            ui.warn("no name changed since it was last sealed");
        }
        for line in diff::lines(self.site.project, &changes) {
            ui.warn(format!("  {line}"));
        }
    }

    fn confirm(&self, question: &str) -> Result<bool> {
        let mut terminal = Terminal;
        if self.arguments.yes {
            return Ok(true);
        }
        if !terminal.is_there() {
            return Err(Error::new(Kind::Failed, "there is no terminal to ask on")
                .hint("after a look at what changed: `secrets reseal --yes`"));
        }
        let is_meant = terminal.confirm(question, false)?;
        if !is_meant {
            self.context.ui.done("nothing was changed");
        }
        Ok(is_meant)
    }
}
