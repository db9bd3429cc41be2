//! `secrets access`

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::history::Repository;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::sops::SealedFile;
use crate::team::Cell;
use crate::team::Column;
use crate::team::Exposure;
use crate::team::Matrix;
use crate::team::Past;
use crate::team::Scope;
use crate::team::Site;

use super::context::Context;
use super::exposed;

/// Show who can read what, from the files themselves
///
/// The header of a file says who can open it; secrets.toml says who should. No identity is needed, and nothing is
/// decrypted. What differs from secrets.toml is marked.
#[derive(clap::Args)]
pub struct Arguments {
    /// Who can read this name, and who could, ever
    #[arg(long, value_name = "NAME", conflicts_with_all = ["member", "at"])]
    who: Option<String>,
    /// What this member has seen, and what of it still works
    #[arg(long, value_name = "NAME", conflicts_with = "at")]
    member: Option<String>,
    /// As it was in this commit, or on this day
    #[arg(long, value_name = "COMMIT|DATE")]
    at: Option<String>,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let scope = Scope::of(context.project()?)?;
    if let Some(name) = &arguments.who {
        return who(context, &scope, &Name::parse(name)?);
    }
    if let Some(name) = &arguments.member {
        return member(context, &scope, name);
    }
    let (projects, contents) = match &arguments.at {
        None => {
            let contents = scope.sites().map(|site| site.read()).collect::<Result<Vec<_>>>()?;
            (scope.projects, contents)
        }
        Some(moment) => at(context, &scope, moment)?,
    };
    let columns = columns(&projects, &contents)?;
    let Some(project) = projects.first() else { return Ok(()) };
    let matrix = Matrix::of(project, &columns, context.world.now);
    if context.ui.is_json() { context.ui.json(&to_json(&matrix)) } else { context.ui.lines(to_lines(&matrix)) }
}

/// What each environment's file holds; `None` where there is none.
type Contents = Vec<Option<Vec<u8>>>;

/// Returns the projects and the content of each file as they were.
fn at(context: &Context<'_>, scope: &Scope, moment: &str) -> Result<(Vec<Project>, Contents)> {
    let home = &scope.projects[0].home;
    let git = Repository::of(context.world, home)
        .ok_or_else(|| Error::new(Kind::Failed, "this folder is in no git repository"))?;
    // Git takes any word for a moment; only a day is meant here.
    let is_day = moment.len() >= 10
        && crate::base::Timestamp::parse(format!("{}T00:00:00Z", moment.get(..10).unwrap_or_default()).as_bytes())
            .is_ok();
    let end = if moment.len() == 10 { format!("{moment}T23:59:59Z") } else { moment.to_string() };
    let commit = if is_day { git.commit_before(&end)? } else { git.commit(moment)? };
    let text = |prefix: &str| {
        let path = if prefix.is_empty() { FILE_NAME.to_string() } else { format!("{prefix}/{FILE_NAME}") };
        let found = git.file_at(&commit, &path)?;
        Ok::<_, Error>(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let home_text = text("")?;
    let mut projects = Vec::new();
    for project in &scope.projects {
        if let Some(text) = text(&project.prefix)? {
            projects.push(project::parse_with_home(&project.folder, &text, home_text.as_deref())?);
        }
    }
    if projects.is_empty() {
        let short = commit.get(..12).unwrap_or(&commit);
        return Err(Error::new(Kind::Failed, format!("commit {short} has no {FILE_NAME} here")));
    }
    let mut contents = Vec::new();
    for project in &projects {
        for environment in &project.environments {
            contents.push(git.file_at(&commit, &project.below_home(&environment.file))?);
        }
    }
    Ok((projects, contents))
}

fn columns(projects: &[Project], contents: &[Option<Vec<u8>>]) -> Result<Vec<Column>> {
    let sites =
        projects.iter().flat_map(|project| project.environments.iter().map(move |e| Site { project, environment: e }));
    let mut columns = Vec::new();
    for (site, content) in sites.zip(contents) {
        let Some(content) = content else { continue };
        let file = SealedFile::parse(content).map_err(|error| error.in_file(&site.path()))?;
        columns.push(Column {
            label: site.label(),
            is_sealed: crate::sops::Seal::claimed(content).is_some(),
            recipients: file.recipients().into_iter().map(str::to_string).collect(),
            configured: site.project.readers(site.environment).map(|member| member.name.clone()).collect(),
        });
    }
    Ok(columns)
}

fn to_lines(matrix: &Matrix) -> Vec<String> {
    let head = matrix.columns.iter().zip(&matrix.is_sealed);
    let heads: Vec<String> =
        head.map(|(name, sealed)| if *sealed { name.clone() } else { format!("{name}*") }).collect();
    let first = matrix.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut lines = vec![format!("{:first$}           {}", "", heads.join("  "))];
    for row in &matrix.rows {
        let kind = if row.kind == "member" { "" } else { row.kind };
        let mut line = format!("{:first$}  {kind:<7}", row.name);
        for (cell, head) in row.cells.iter().zip(&heads) {
            line.push_str(&format!("  {:width$}", symbol(*cell), width = head.chars().count()));
        }
        lines.push(line.trim_end().to_string());
    }
    let legend = "● can open, as configured  ○ configured, not in the file: `secrets rekey`  ! can open, not configured: `secrets rekey`";
    lines.push(legend.to_string());
    if matrix.is_sealed.contains(&false) {
        lines.push("* not sealed: what its header says is a claim".to_string());
    }
    lines
}

fn symbol(cell: Cell) -> &'static str {
    match cell {
        Cell::No => "–",
        Cell::Yes => "●",
        Cell::Missing => "○",
        Cell::Extra => "!",
    }
}

fn to_json(matrix: &Matrix) -> serde_json::Value {
    let word = |cell: &Cell| match cell {
        Cell::No => "no",
        Cell::Yes => "yes",
        Cell::Missing => "missing",
        Cell::Extra => "extra",
    };
    let rows = matrix.rows.iter().map(|row| {
        let cells: serde_json::Map<String, serde_json::Value> =
            matrix.columns.iter().zip(&row.cells).map(|(column, cell)| (column.clone(), word(cell).into())).collect();
        json!({ "name": row.name, "kind": row.kind, "environments": cells })
    });
    let files = matrix.columns.iter().zip(&matrix.is_sealed);
    json!({
        "environments": files.map(|(name, sealed)| json!({ "name": name, "sealed": sealed })).collect::<Vec<_>>(),
        "readers": rows.collect::<Vec<_>>(),
        "differs": matrix.differs(),
    })
}

/// Who can read a name now, by file, and who could, ever.
fn who(context: &Context<'_>, scope: &Scope, name: &Name) -> Result<()> {
    let sites: Vec<Site<'_>> = scope.sites().collect();
    let now = sites.iter().map(Site::read).collect::<Result<Vec<_>>>()?;
    let pasts = exposed::pasts_of(context, &sites, &now)?;
    let mut rows = Vec::new();
    for ((site, now), past) in sites.iter().zip(&now).zip(&pasts.files) {
        let file = now.as_deref().and_then(|now| SealedFile::parse(now).ok());
        let has_name = file.as_ref().is_some_and(|file| file.names().any(|found| found == name.as_bytes()));
        let readers = file.filter(|_| has_name).map_or_else(Vec::new, |file| site.project.who(&file.recipients()));
        let mut ever = ever(site.project, past, name);
        ever.retain(|reader| !readers.contains(reader));
        let reference = site.environment.references.iter().find(|reference| reference.name == *name);
        if !readers.is_empty() || !ever.is_empty() || reference.is_some() {
            rows.push((site.label(), readers, ever, reference.map(|reference| reference.text.clone())));
        }
    }
    for (path, past) in &pasts.gone {
        let ever = ever(&scope.projects[0], past, name);
        if !ever.is_empty() {
            rows.push((path.clone(), Vec::new(), ever, None));
        }
    }
    if context.ui.is_json() {
        let rows = rows.iter().map(|(environment, readers, ever, reference)| {
            json!({ "environment": environment, "readers": readers, "ever": ever, "reference": reference })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return Err(
            Error::new(Kind::Failed, format!("no file has, or had, `{name}`")).hint("`secrets list` shows the names")
        );
    }
    let mut lines = Vec::new();
    for (environment, readers, ever, reference) in &rows {
        lines.extend(reference.iter().map(|from| format!("{environment}: from {from}; its store says who reads")));
        if !readers.is_empty() {
            lines.push(format!("{environment}: {}", readers.join(", ")));
        }
        if !ever.is_empty() {
            lines.push(format!("{environment}, some version in git: {}", ever.join(", ")));
        }
    }
    lines.push("not known: copies, what a program did with it, and the readers of stores".to_string());
    context.ui.lines(lines)
}

fn ever(project: &Project, past: &Past, name: &Name) -> Vec<String> {
    let mut who = project.who(&past.ever(name).iter().map(String::as_str).collect::<Vec<_>>());
    who.sort();
    who.dedup();
    who
}

/// What a member has seen, and what of it still works.
fn member(context: &Context<'_>, scope: &Scope, name: &str) -> Result<()> {
    let project = &scope.projects[0];
    let own = project.members.iter().find(|member| member.name == name);
    let former = project.former.iter().filter(|former| former.name == name);
    let mut keys: std::collections::HashSet<String> = former.flat_map(|former| former.keys.iter().cloned()).collect();
    keys.extend(own.into_iter().flat_map(|member| member.recipients.iter().map(|recipient| recipient.key_text())));
    if keys.is_empty() {
        let shown = printable(name.as_bytes());
        return Err(
            Error::new(Kind::Failed, format!("`{shown}` is and was no member")).hint("`secrets member list` shows all")
        );
    }
    let sites: Vec<Site<'_>> = scope.sites().collect();
    let pasts = exposed::pasts(context, &sites)?;
    let mut rows = Vec::new();
    for (site, past) in sites.iter().zip(&pasts.files) {
        let exposure = past.exposure(&keys, &mut context.keyring());
        if !exposure.seen.is_empty() {
            rows.push((site.label(), exposure));
        }
    }
    for (path, past) in &pasts.gone {
        let exposure = past.exposure(&keys, &mut context.keyring());
        if !exposure.seen.is_empty() {
            rows.push((path.clone(), Exposure { current: Vec::new(), ..exposure }));
        }
    }
    let texts = |names: &[Name]| names.iter().map(Name::to_string).collect::<Vec<_>>();
    if context.ui.is_json() {
        let rows = rows.iter().map(|(environment, exposure)| {
            json!({ "environment": environment, "seen": texts(&exposure.seen), "current": texts(&exposure.current) })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    let mut lines = Vec::new();
    for (place, exposure) in &rows {
        let (seen, current) = (exposure.seen.len(), texts(&exposure.current));
        let is_gone = pasts.gone.iter().any(|(path, _)| path == place);
        let current = if is_gone {
            "no environment has the file any more".into()
        } else if current.is_empty() {
            "none of them still works".into()
        } else {
            format!("still work: {}", current.join(", "))
        };
        let names = if seen == 1 { "name" } else { "names" };
        lines.push(format!("{place}: {seen} {names} seen; {current}"));
    }
    if rows.is_empty() {
        lines.push(format!("{} has seen no value of these files", quoted_list(&[name])));
    }
    context.ui.lines(lines)
}
