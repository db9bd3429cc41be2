//! `secrets access`

mod past;

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::history::Repository;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::sops::SealedFile;
use crate::team::Cell;
use crate::team::Column;
use crate::team::Matrix;
use crate::team::Scope;
use crate::team::Site;

use super::context::Context;

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
        return past::who(context, &scope, &Name::parse(name)?);
    }
    if let Some(name) = &arguments.member {
        return past::member(context, &scope, name);
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
