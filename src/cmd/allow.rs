//! `secrets allow` and `secrets deny`

use sha2::Digest as _;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::hex;
use crate::base::quoted_list;
use crate::history::Repository;
use crate::project;
use crate::project::Environment;
use crate::project::Project;
use crate::project::trust::claims;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::sops::SealedFile;
use crate::team::Scope;
use crate::team::copies;

use super::change;
use super::context::Context;
use super::judge;
use super::plugin;
use super::target::Target;
use super::target::TargetArguments;

/// Accept on this machine what secrets.toml says and how its files are sealed
///
/// What is new is shown first. Nothing in the repository can do that by itself: the record lies on this machine.
#[derive(clap::Args)]
pub struct Arguments {
    /// Let this name pass, although it can run code, in this project on this machine
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Let this age plugin be started for this project on this machine
    #[arg(long, value_name = "NAME")]
    plugin: Vec<String>,
    /// Print the digest for SECRETS_TRUST, which stands for this record in CI; accept nothing
    #[arg(long, conflicts_with_all = ["name", "plugin"])]
    print: bool,
    /// With --print: of this environment
    #[arg(long, short, value_name = "ENV", requires = "print")]
    env: Option<String>,
    /// Leave git's drivers alone
    #[arg(long)]
    no_git: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &TargetArguments { env: arguments.env.clone(), file: None })?;
    let Some(selected) = target.selected() else {
        return Err(Error::new(Kind::Bug, "a project was found"));
    };
    if arguments.print {
        return print(context, &selected);
    }
    let names = arguments.name.iter().map(Name::parse).collect::<Result<Vec<_>>>()?;
    for name in &names {
        selected.trust.borrow_mut().allow_name(name);
        context.ui.done(format!("`{name}` passes from now on, in this project on this machine"));
    }
    let plugins = arguments.plugin.iter().map(|name| plugin::parse(name)).collect::<Result<Vec<_>>>()?;
    allow_plugins(context, &selected, plugins.clone());
    let is_all = names.is_empty() && plugins.is_empty();
    if is_all {
        context.accepts();
        allow(context, &selected)?;
    }
    let saved = selected.trust.borrow_mut().save(selected.project);
    saved.map_err(|error| Error::new(Kind::Failed, "what was accepted cannot be remembered").because(error))?;
    if !is_all {
        return Ok(());
    }
    if !arguments.no_git {
        super::git::install_quietly(context, selected.project);
    }
    super::sops_yaml::follow(context, selected.project);
    Ok(())
}

fn allow_plugins(context: &Context<'_>, selected: &Selected<'_>, names: Vec<String>) {
    let mut trust = selected.trust.borrow_mut();
    let new: Vec<String> = names.into_iter().filter(|name| !trust.lets_plugin(name)).collect();
    for name in &new {
        context.ui.done(format!("`age-plugin-{name}` may be started from now on, for this project on this machine"));
    }
    if !new.is_empty() {
        context.keyring().accept_plugins(&new);
        trust.allow_plugins(new);
    }
}

/// Shows what differs, and accepts it.
fn allow(context: &Context<'_>, selected: &Selected<'_>) -> Result<()> {
    let (project, trust) = (selected.project, selected.trust);
    for difference in trust.borrow().differences(project) {
        context.ui.warn(format!("accepted: {}", difference.text));
    }
    show_new(context, selected);
    allow_plugins(context, selected, plugin::of_members(project));
    trust.borrow_mut().allow(project);
    let mut left = Vec::new();
    for environment in &project.environments {
        if let Err(error) = accept_file(context, selected, environment) {
            left.push(error);
        }
    }
    let count = project.environments.len();
    context.ui.done(format!(
        "`{}` is trusted on this machine, with {count} environment{}",
        project.name,
        plural(count)
    ));
    // A file that cannot be accepted is not the fault of what secrets.toml says, and is refused where it is used.
    let worst = left.into_iter().max_by_key(|error| error.kind() == Kind::Refused);
    match worst {
        Some(error) if error.kind() == Kind::Refused => {
            trust.borrow_mut().save(project)?;
            Err(error)
        }
        Some(error) => {
            context.ui.hint(format!("not looked into: {}", error.message()));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Shows what nobody has accepted yet, whether it was only met or is new.
fn show_new(context: &Context<'_>, selected: &Selected<'_>) {
    let (project, trust) = (selected.project, selected.trust.borrow());
    for environment in project.environments.iter().filter(|environment| !trust.is_trusted(project, environment)) {
        let readers: Vec<&str> = project.readers(environment).map(|member| member.name.as_str()).collect();
        context.ui.hint(format!("`{}` is read by {}", environment.name, readers.join(", ")));
        if !environment.plain.is_empty() {
            let plain = environment.plain.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            context.ui.hint(format!("`{}` has in clear: {plain}", environment.name));
        }
        for reference in &environment.references {
            context.ui.hint(format!("`{}` takes `{}` from {}", environment.name, reference.name, reference.text));
        }
    }
    for environment in &project.environments {
        let own: Vec<String> = trust.personal(project, environment).iter().map(ToString::to_string).collect();
        if !own.is_empty() {
            let (names, name) = (quoted_list(&own), &environment.name);
            context.ui.hint(format!(
                "`{name}` has values of your own from before: {names}; `secrets unset --local` removes one"
            ));
        }
    }
    show_copies(context, project);
    if trust.is_accepted(project) {
        return;
    }
    for (name, settings) in &project.stores {
        context.ui.hint(format!("the store `{name}` is {settings}"));
    }
    for (name, spec) in &project.values {
        if spec.runs_code {
            context.ui.hint(format!("`{name}` may run code"));
        }
        if let Some(program) = &spec.rotator {
            context.ui.hint(format!("`{name}` is rotated by {program}"));
        }
    }
}

/// A copy of another file under other readers is how somebody without the key could get at it.
fn show_copies(context: &Context<'_>, project: &Project) {
    let Ok(scope) = project::load(&project.folder).and_then(Scope::of) else { return };
    let files: Vec<(String, SealedFile)> =
        scope.sites().filter_map(|site| Some((site.path(), SealedFile::parse(&site.read().ok()??).ok()?))).collect();
    for (copy, first) in copies(&files.iter().map(|(_, file)| file).collect::<Vec<_>>()) {
        let (copy, first) = (&files[copy].0, &files[first].0);
        context.ui.warn(format!("`{copy}` has the data key of `{first}`: one is a copy of the other"));
    }
}

/// Accepts the data key of an environment's file, if an identity here opens it.
fn accept_file(context: &Context<'_>, selected: &Selected<'_>, environment: &Environment) -> Result<()> {
    let project = selected.project;
    if project.path_of(environment).symlink_metadata().is_err() {
        return Ok(());
    }
    let layer = Layer::of(project, environment)?;
    let path = project.below_home(&environment.file);
    let is_first = selected.trust.borrow().file(&path).is_none_or(|file| file.keys.is_empty());
    if layer.seal().is_none() {
        return accept_unsealed(context, selected, environment, &layer, is_first);
    }
    let commitment = layer.seal().map(|seal| seal.commitment);
    let is_known_key = |trust: &crate::project::Trust| {
        let known = trust.file(&path).zip(commitment.as_ref());
        known.is_some_and(|(file, commitment)| file.position(commitment).is_some())
    };
    let is_known_key = is_known_key(&selected.trust.borrow());
    let opened = change::unlock(context, layer)?;
    if is_first || is_known_key {
        return judge::accept(context, selected, &environment.name, &opened).map(|_| ());
    }
    if let Some(version) = opened.version() {
        let readers = project.who(&opened.file().recipients()).join(", ");
        context.ui.warn(format!("accepted: `{path}` has another data key; it is sealed to {readers}"));
        selected.trust.borrow_mut().learn_anew(path, version);
    }
    Ok(())
}

/// Accepts a file without a seal, unless this machine knows that it had one.
fn accept_unsealed(
    context: &Context<'_>,
    selected: &Selected<'_>,
    environment: &Environment,
    layer: &Layer,
    is_first: bool,
) -> Result<()> {
    let project = selected.project;
    let mut passed = Vec::new();
    if let Err(error) = judge::check_unsealed(context, selected, layer) {
        if !is_first {
            return Err(error);
        }
        let git = Repository::of(context.world, &project.folder);
        passed = claims(git.as_ref(), std::slice::from_ref(&environment.file))?.seals;
        let shown = project.below_home(&environment.file);
        context.ui.warn(format!("accepted: `{shown}` has no seal, although git's history has a sealed version"));
    }
    let Source::Sealed { file, .. } = &layer.source else {
        return Err(Error::new(Kind::Bug, "a layer is a sealed file"));
    };
    let digest = hex(&sha2::Sha256::digest(file.bytes()));
    let passed = passed.into_iter().map(|(_, seal)| seal.commitment).collect();
    selected.trust.borrow_mut().accept_unsealed(project.below_home(&environment.file), digest, passed);
    Ok(())
}

/// Prints the digest of an environment; a file without a seal has to be opened for it.
fn print(context: &Context<'_>, selected: &Selected<'_>) -> Result<()> {
    let mut claimed = Vec::new();
    for layer in selected.project.layers(selected.environment)? {
        let Some(read) = Layer::of_any(selected.project, layer, &selected.trust.borrow())? else {
            claimed.push(None);
            continue;
        };
        judge::check_unsealed(context, selected, &read)?;
        let commitment = read.seal().map(|seal| seal.commitment);
        if commitment.is_none() {
            let opened = change::unlock(context, read)?;
            judge::accept(context, selected, &layer.name, &opened)?;
        }
        claimed.push(commitment);
    }
    let digest = selected.trust.borrow().digest(selected.project, selected.environment, &claimed)?;
    context.ui.line(digest)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Take back what `allow` accepted on this machine
///
/// The shell hook, references to stores and names that run code stop; plain `run` of sealed files goes on.
#[derive(clap::Args)]
pub struct DenyArguments {}

pub fn deny(context: &Context<'_>, _: &DenyArguments) -> Result<()> {
    let target = Target::choose(context, &TargetArguments::default())?;
    let Some(selected) = target.selected() else {
        return Err(Error::new(Kind::Bug, "a project was found"));
    };
    let mut trust = selected.trust.borrow_mut();
    trust.meet(selected.project);
    trust.deny(selected.project);
    trust.save(selected.project)?;
    context.ui.done(format!("`{}` is not trusted any more on this machine", selected.project.name));
    Ok(())
}
