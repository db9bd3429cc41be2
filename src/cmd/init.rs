//! `secrets init`

mod from_sops;
mod git_files;
mod take_in;

use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::disk;
use crate::dotenv::Document;
use crate::history::Repository;
use crate::keys::Identity;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::project::trust::Wish;
use crate::resolve::Selected;
use crate::sops::Recipient;

use super::change;
use super::context::Context;
use super::git;
use super::identity;
use super::judge;
use super::plugin;
use super::sops_yaml;
use super::target::Target;

const SETTINGS_MODE: u32 = 0o644;

/// Make this folder a project: an identity if there is none, secrets.toml, and the first sealed file
///
/// What is there already is left as it is; run twice, it changes nothing.
#[derive(clap::Args)]
pub struct Arguments {
    /// The project's name; the folder's name is the default
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Your name as a member; your login is the default
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Take in this plain .env; ./.env is offered
    #[arg(long, value_name = "FILE", conflicts_with = "no_import")]
    import: Option<PathBuf>,
    /// Take no plain .env in
    #[arg(long)]
    no_import: bool,
    /// Render a .sops.yaml too, so that plain sops seals to the same readers
    #[arg(long)]
    sops_yaml: bool,
    /// Leave git's drivers alone
    #[arg(long)]
    no_git: bool,
    /// Answer every question with yes
    #[arg(long, short)]
    yes: bool,
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let folder = context.world.cwd()?.to_path_buf();
    let mut changed = Vec::new();
    let is_new = folder.join(FILE_NAME).symlink_metadata().is_err();
    if !is_new && let Some(path) = &arguments.import {
        let shown = printable(path.as_os_str().as_encoded_bytes());
        return Err(Error::new(Kind::Failed, "this folder is a project already")
            .hint(format!("`secrets import {shown}` takes the plain file in")));
    }
    if is_new {
        check_not_inside(context)?;
        if arguments.sops_yaml {
            sops_yaml::check_is_ours(&folder)?;
        }
        begin(context, &arguments, &folder, &mut changed)?;
    }
    let target = Target::declared(context.world, project::load(&folder)?, 0)?;
    if let Some(selected) = target.selected().filter(|_| is_new) {
        allow_own_plugins(context, &selected);
    }
    if target.path().symlink_metadata().is_err() {
        change::create(context, &target, Vec::new())?;
        changed.push(target.shown());
    }
    let project = project::load(&folder)?;
    let repository = Repository::of(context.world, &folder);
    git_files::write(&folder, &project, repository.as_ref(), &mut changed)?;
    if arguments.sops_yaml && sops_yaml::write(context, &project)? {
        changed.push(project::SOPS_YAML.to_string());
    }
    if is_new {
        // Who makes a project has seen all of it.
        let target = Target::declared(context.world, project::load(&folder)?, 0)?;
        if let Some(selected) = target.selected() {
            let mut trust = selected.trust.borrow_mut();
            trust.forget_personal();
            trust.allow(selected.project, &Wish::default());
            drop(trust);
            judge::remember(context, &selected);
        }
    }
    report(context, &project, &changed);
    if !arguments.no_git {
        git::install_quietly(context, &project);
    }
    Ok(())
}

/// Makes what a new project needs: the identity, then the first sealed file, then `secrets.toml` that names it; or a
/// `secrets.toml` for sops files that are there.
fn begin(context: &Context<'_>, arguments: &Arguments, folder: &Path, changed: &mut Vec<String>) -> Result<()> {
    let name = arguments.name.clone().unwrap_or_else(|| word(folder.file_name().unwrap_or_default(), "project"));
    let login = ["USER", "LOGNAME"].iter().find_map(|name| context.world.env.get(name));
    let member = arguments.member.clone().unwrap_or_else(|| word(login.unwrap_or_default(), "me"));
    project::check_word("a project", &name)?;
    project::check_word("a member", &member)?;
    if let Some(derived) = from_sops::derive(context, arguments, folder, &member)? {
        let text = derived.settings(&name)?;
        project::parse(folder, &text)?;
        disk::write_new(&folder.join(FILE_NAME), text.as_bytes(), SETTINGS_MODE)?;
        changed.push(FILE_NAME.to_string());
        context
            .ui
            .hint("the files stay plain sops files, also when `secrets` writes them, until `secrets reseal --all`");
        return Ok(());
    }
    let plain = take_in::choose(context, arguments, folder)?;
    let recipient = recipient(context)?;
    let declared = match &plain {
        Some(plain) => take_in::declared(context, arguments, &names(&plain.document))?,
        None => Vec::new(),
    };
    let text = project::new_project(&name, &member, &recipient, &declared);
    let target = Target::declared(context.world, project::parse(folder, &text)?, 0)?;
    // An interrupted `init` may have left the sealed file; it is not thrown away.
    let is_new = target.path().symlink_metadata().is_err();
    if is_new {
        let rows = plain.as_ref().map(|plain| super::plain::rows_of(&plain.document));
        change::create(context, &target, rows.unwrap_or_default())?;
        changed.push(target.shown());
    }
    disk::write_new(&folder.join(FILE_NAME), text.as_bytes(), SETTINGS_MODE)?;
    changed.push(FILE_NAME.to_string());
    let Some(plain) = plain else { return Ok(()) };
    if is_new {
        take_in::compare(context, folder, &plain)?;
        change::warn_of_names(context, &target.again(context.world)?, names(&plain.document).into_iter());
    } else {
        let shown = printable(plain.path.as_os_str().as_encoded_bytes());
        context
            .ui
            .hint(format!("`{}` was there already; `secrets import {shown}` takes the plain file in", target.shown()));
    }
    Ok(())
}

fn names(document: &Document) -> Vec<&Name> {
    document.entries().map(|entry| &entry.name).collect()
}

/// Takes the first identity that is there, or makes one.
fn recipient(context: &Context<'_>) -> Result<Recipient> {
    // Who makes a project with a key that a plugin holds has decided for the plugin.
    context.keyring().accept_own_plugins();
    if let Some(found) = context.keyring().first_recipient()? {
        return Ok(found);
    }
    let (recipient, path) = identity::create(context, &Identity::generate(), context.identity.clone())?;
    let shown = printable(path.as_os_str().as_encoded_bytes());
    context.ui.done(format!("made an identity in `{shown}`"));
    context.ui.hint(format!(
        "keep a second copy of `{shown}` in a safe place, such as a password manager: without it nobody opens the file"
    ));
    context.reload_keyring();
    Recipient::parse(&recipient)
}

/// Remembers the plugins of this person's own keys; those of other members wait for `allow`.
fn allow_own_plugins(context: &Context<'_>, selected: &Selected<'_>) {
    let own = context.keyring().accept_own_plugins();
    let names: Vec<String> =
        plugin::of_members(selected.project).into_iter().filter(|name| own.contains(name)).collect();
    if !names.is_empty() {
        selected.trust.borrow_mut().allow_plugins(names);
        judge::remember(context, selected);
    }
}

fn check_not_inside(context: &Context<'_>) -> Result<()> {
    let Some(outer) = project::discover(context.world)? else { return Ok(()) };
    let shown = printable(outer.folder.as_os_str().as_encoded_bytes());
    Err(Error::new(Kind::Failed, format!("this folder belongs to the project in `{shown}`"))
        .hint("`secrets set NAME` works from here"))
}

fn report(context: &Context<'_>, project: &Project, changed: &[String]) {
    let ui = context.ui;
    if changed.is_empty() {
        ui.done(format!("`{}` is a project already; nothing was changed", project.name));
        return;
    }
    ui.done(format!("`{}` is a project", project.name));
    ui.hint("`secrets set NAME` adds a value, `secrets run -- CMD` starts a program with all of them");
    ui.hint(format!("to commit: `git add {}`", shell_words::join(changed)));
}

/// Makes a word for `secrets.toml` from a folder's or a person's name.
fn word(text: &std::ffi::OsStr, otherwise: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' };
    let word: String = text.to_string_lossy().chars().map(legal).take(64).collect();
    let word = word.trim_matches('-');
    if word.is_empty() { otherwise.to_string() } else { word.to_string() }
}
