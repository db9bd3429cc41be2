//! The commands: one thin file each, its arguments with their help, and one function.

mod access;
mod allow;
mod change;
mod check;
mod context;
mod decrypt;
mod deny;
mod diff;
mod edit;
mod encrypt;
mod export;
mod exposed;
mod get;
mod git;
mod hook;
mod hook_env;
mod identity;
mod import;
mod init;
mod judge;
mod keychain;
mod list;
mod member;
mod past;
mod plain;
mod plugin;
mod rekey;
mod reseal;
mod run;
mod set;
mod sops_yaml;
mod status;
mod target;
mod team;
mod transaction;
mod unload;
mod unset;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;

use crate::base::Error;
use crate::base::Kind;
use crate::base::World;
use crate::term::ColorChoice;
use crate::term::Ui;

use context::Context;

/// Keep a project's secrets as an encrypted .env in git, and give them to one process
#[derive(Parser)]
#[command(name = "secrets", version, disable_help_subcommand = true, subcommand_required = true)]
#[command(after_help = "Exit codes: 0 done · 1 failed, you can put it right · 2 usage · 3 locked or tampered with · \
    4 a store did not answer · 5 refused by policy or trust · 70 a bug. `run` has the program's own, \
    else 125, 126, 127.")]
struct Cli<C: Subcommand> {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: C,
}

#[derive(clap::Args)]
struct Global {
    /// Go to DIR first; a program that is started begins there too
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Say nothing but data, warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print for a program; errors too
    #[arg(long, global = true)]
    json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    color: ColorChoice,
    /// Open files with the identities in FILE only
    #[arg(long, global = true, value_name = "FILE")]
    identity: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Arguments),
    Run(run::Arguments),
    Set(set::Arguments),
    Get(get::Arguments),
    Unset(unset::Arguments),
    List(list::Arguments),
    Edit(edit::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Encrypt(encrypt::Arguments),
    Decrypt(decrypt::Arguments),
    Allow(allow::Arguments),
    Deny(deny::Arguments),
    Status(status::Arguments),
    Unload(unload::Arguments),
    Member(member::Arguments),
    Access(access::Arguments),
    Rekey(rekey::Arguments),
    Check(check::Arguments),
    Reseal(reseal::Arguments),
    Diff(diff::Arguments),
    Git(git::Arguments),
    Identity(identity::Arguments),
    Hook(hook::Arguments),
    #[command(hide = true)]
    HookEnv(hook_env::Arguments),
}

/// `run` alone, since describing all commands takes a tenth of the time of a small run.
#[derive(Subcommand)]
enum RunAlone {
    Run(run::Arguments),
}

/// Parses, dispatches, reports; returns the exit code.
pub fn run(mut world: World) -> u8 {
    // Every prompt waits for it, and our own code calls it: describing a command line takes longer than all of its work.
    if let Some(arguments) = hook_env::Arguments::of(&world.args) {
        return prompt(world, &arguments);
    }
    let cli = match parse(&world.args) {
        Ok(cli) => cli,
        Err(error) => return usage(&world, &error),
    };
    let global = cli.global;
    let is_run = matches!(cli.command, Command::Run(_));
    let ui = Ui::new(&world.env, global.color, global.quiet, global.json);
    let outcome = match &global.directory {
        Some(folder) => world.go_to(folder),
        None => Ok(()),
    };
    let world = std::sync::Arc::new(world);
    let context = Context::new(&world, &ui, global.identity);
    let outcome = outcome.and_then(|()| dispatch(&context, cli.command));
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            ui.error(&error);
            if is_run { error.kind().code_of_run() } else { error.kind().code() }
        }
    }
}

/// Answers a hooked shell; warnings are told in its own way.
fn prompt(world: World, arguments: &hook_env::Arguments) -> u8 {
    let ui = Ui::new(&world.env, ColorChoice::Never, true, false).gathering();
    let world = std::sync::Arc::new(world);
    let context = Context::new(&world, &ui, None);
    match hook_env::run(&context, arguments) {
        Ok(()) => 0,
        Err(error) => {
            ui.error(&error);
            error.kind().code()
        }
    }
}

fn parse(args: &[OsString]) -> Result<Cli<Command>, clap::Error> {
    if args.get(1).is_some_and(|word| word == "run") {
        let Cli { global, command: RunAlone::Run(arguments) } = Cli::try_parse_from(args)?;
        return Ok(Cli { global, command: Command::Run(arguments) });
    }
    Cli::try_parse_from(args)
}

fn dispatch(context: &Context<'_>, command: Command) -> crate::base::Result<()> {
    match command {
        Command::Init(arguments) => init::run(context, arguments),
        Command::Run(arguments) => run::run(context, arguments),
        Command::Set(arguments) => set::run(context, arguments),
        Command::Get(arguments) => get::run(context, &arguments),
        Command::Hook(arguments) => hook::run(context, &arguments),
        Command::HookEnv(arguments) => hook_env::run(context, &arguments),
        Command::Unset(arguments) => unset::run(context, &arguments),
        Command::List(arguments) => list::run(context, &arguments),
        Command::Edit(arguments) => edit::run(context, &arguments),
        Command::Import(arguments) => import::run(context, &arguments),
        Command::Export(arguments) => export::run(context, &arguments),
        Command::Encrypt(arguments) => encrypt::run(context, &arguments),
        Command::Decrypt(arguments) => decrypt::run(context, &arguments),
        Command::Allow(arguments) => allow::run(context, &arguments),
        Command::Deny(arguments) => deny::run(context, &arguments),
        Command::Unload(arguments) => unload::run(context, &arguments),
        Command::Status(arguments) => status::run(context, &arguments),
        Command::Member(arguments) => member::run(context, arguments),
        Command::Reseal(arguments) => reseal::run(context, &arguments),
        Command::Diff(arguments) => diff::run(context, &arguments),
        Command::Git(arguments) => git::run(context, &arguments),
        Command::Access(arguments) => access::run(context, &arguments),
        Command::Check(arguments) => check::run(context, &arguments),
        Command::Rekey(arguments) => rekey::run(context, &arguments),
        Command::Identity(arguments) => identity::run(context, arguments),
    }
}

/// Help and version are data; everything else is a usage error.
fn usage(world: &World, error: &clap::Error) -> u8 {
    let ui = Ui::new(&world.env, ColorChoice::Auto, false, false);
    let text = error.render().to_string();
    if error.use_stderr() {
        if world.args.iter().any(|argument| argument == "--json") {
            let text = text.trim().trim_start_matches("error: ");
            Ui::new(&world.env, ColorChoice::Never, false, true).error(&Error::new(Kind::Usage, text));
        } else {
            ui.usage(&text);
        }
        return Kind::Usage.code();
    }
    match ui.data(text.as_bytes()) {
        Ok(()) => 0,
        Err(error) => {
            ui.error(&error);
            error.kind().code()
        }
    }
}
