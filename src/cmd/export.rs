//! `secrets export`

use clap::ValueEnum;
use serde_json::Map;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::base::hex;
use crate::base::quoted_list;
use crate::base::random;
use crate::dotenv;
use crate::forms;
use crate::resolve;
use crate::resolve::Request;

use super::context::Context;
use super::get::patterns;
use super::get::text;
use super::judge;
use super::plain::check_no_nul;
use super::target::Target;
use super::target::TargetArguments;

/// Print all values in a form that another program reads
///
/// For a program that can be started with `secrets run`, that is the safer way.
#[derive(clap::Args)]
pub struct Arguments {
    /// The form; --json is the same as --format json
    #[arg(long, value_enum, default_value = "dotenv")]
    format: Format,
    /// Print only these names, or patterns such as DB_*
    #[arg(long, value_name = "NAMES")]
    only: Vec<String>,
    /// Leave these names out
    #[arg(long, value_name = "NAMES")]
    except: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For docker's --env-file: no quotes, one line per value
    Docker,
    /// A .env that a shell, python-dotenv and node's dotenv read alike
    Dotenv,
    /// For >> "$GITHUB_ENV"; commands that mask the values go to stderr, where the runner reads them
    Github,
    /// One JSON object
    Json,
    /// export NAME='…' for eval in a POSIX shell
    Shell,
    /// One YAML mapping
    Yaml,
}

/// The longest line that docker's reader takes.
const DOCKER_LINE: usize = 64 << 10;

type Values = Vec<(Name, Value)>;
type Bytes = Zeroizing<Vec<u8>>;

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    let selected = target.selected();
    let request = Request {
        file: selected.is_none().then(|| target.path()),
        only: patterns(&arguments.only)?,
        except: patterns(&arguments.except)?,
        ..Request::default()
    };
    judge::check_settings(context, &target)?;
    let plan = resolve::plan(&request, selected.as_ref())?;
    judge::check_layers(context, &target, &plan.layers)?;
    plan.check(&request, selected.as_ref())?;
    for warning in plan.layers.iter().filter_map(resolve::Layer::warning) {
        context.ui.warn(warning);
    }
    let values = judge::fill(context, Some(&target), plan)?.values;
    context.warn_of_identities();
    let format = if context.ui.is_json() { Format::Json } else { arguments.format };
    let printed = match format {
        Format::Docker => docker(&values)?,
        Format::Dotenv => dotenv(context, &values)?,
        Format::Github => github(context, &values)?,
        Format::Json => json(&values)?,
        Format::Shell => shell(&values)?,
        Format::Yaml => yaml(&values)?,
    };
    context.ui.data(&printed)
}

/// Each byte needs at most four in any of the forms.
fn buffer(values: &Values) -> Bytes {
    let size: usize = values.iter().map(|(name, value)| name.as_bytes().len() + 4 * value.len() + 64).sum();
    Zeroizing::new(Vec::with_capacity(size))
}

fn dotenv(context: &Context<'_>, values: &Values) -> Result<Bytes> {
    let mut out = buffer(values);
    let mut odd = Vec::new();
    for (name, value) in values {
        check_no_nul(name.as_str(), value)?;
        let quoted = dotenv::quote(value);
        if !quoted.is_portable {
            odd.push(name.as_str());
        }
        for part in [name.as_bytes(), b"=", &quoted.text, quoted.guard(), b"\n"] {
            out.extend_from_slice(part);
        }
    }
    if !odd.is_empty() {
        context.ui.warn(format!("not every dotenv reader reads {} alike; a shell does", quoted_list(&odd)));
    }
    Ok(out)
}

/// docker takes everything after the `=` as it stands, knows no way to write a line end, reads UTF-8 only, and no line that
/// is longer than 64 KiB.
fn docker(values: &Values) -> Result<Bytes> {
    let mut out = buffer(values);
    for (name, value) in values {
        check_no_nul(name.as_str(), value)?;
        let bytes = value.expose();
        let why = if bytes.iter().any(|b| matches!(b, b'\n' | b'\r')) {
            Some("has several lines")
        } else if std::str::from_utf8(bytes).is_err() {
            Some("is not UTF-8")
        } else if name.as_bytes().len() + bytes.len() + 2 > DOCKER_LINE {
            Some("is longer than 64 KiB")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Error::new(Kind::Failed, format!("the value of `{name}` {why}"))
                .because("docker's --env-file has no way to write that")
                .hint(format!("leave it out with `--except {name}`, or `secrets run -- docker run --env {name} …`")));
        }
        for part in [name.as_bytes(), b"=", bytes, b"\n"] {
            out.extend_from_slice(part);
        }
    }
    Ok(out)
}

fn shell(values: &Values) -> Result<Bytes> {
    let mut out = buffer(values);
    for (name, value) in values {
        check_no_nul(name.as_str(), value)?;
        for part in [b"export ", name.as_bytes(), b"='"] {
            out.extend_from_slice(part);
        }
        for byte in value.expose() {
            match byte {
                b'\'' => out.extend_from_slice(b"'\\''"),
                other => out.push(*other),
            }
        }
        out.extend_from_slice(b"'\n");
    }
    Ok(out)
}

fn json(values: &Values) -> Result<Bytes> {
    let mut map = Map::new();
    for (name, value) in values {
        map.insert(name.to_string(), text(name, value)?.into());
    }
    let mut out = buffer(values);
    serde_json::to_writer_pretty(&mut *out, &map)
        .map_err(|error| Error::new(Kind::Bug, "cannot write JSON").because(error))?;
    out.push(b'\n');
    Ok(out)
}

/// A JSON string is a YAML string (YAML 1.2, 1.3), but for what YAML does not print: that is escaped.
fn yaml(values: &Values) -> Result<Bytes> {
    let mut out = buffer(values);
    for (name, value) in values {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": \"");
        for c in text(name, value)?.chars() {
            match c {
                '"' | '\\' => out.extend([b'\\', c as u8]),
                '\n' => out.extend(b"\\n"),
                '\t' => out.extend(b"\\t"),
                c if is_printed_by_yaml(c) => out.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
                c if c as u32 <= 0xff => out.extend(format!("\\x{:02X}", c as u32).as_bytes()),
                c if c as u32 <= 0xffff => out.extend(format!("\\u{:04X}", c as u32).as_bytes()),
                c => out.extend(format!("\\U{:08X}", c as u32).as_bytes()),
            }
        }
        out.extend_from_slice(b"\"\n");
    }
    Ok(out)
}

/// YAML 1.2, 5.1, without line separators and the byte order mark, which readers of YAML 1.1 take for something else.
fn is_printed_by_yaml(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// GitHub's file of variables, with a random border that no value can hold; its masks go to stderr.
fn github(context: &Context<'_>, values: &Values) -> Result<Bytes> {
    let mut masks = Zeroizing::new(Vec::new());
    let mut out = buffer(values);
    let border = hex(&random::<16>()?);
    for (name, value) in values {
        check_no_nul(name.as_str(), value)?;
        forms::worth_masking(value).into_iter().for_each(|part| forms::add_mask(part, &mut masks));
        for part in [name.as_bytes(), b"<<", border.as_bytes(), b"\n", value.expose(), b"\n", border.as_bytes(), b"\n"]
        {
            out.extend_from_slice(part);
        }
    }
    context.ui.command(&masks);
    Ok(out)
}
