//! What a person sees of that which is accepted.

use crate::base::quoted_list;
use crate::project;
use crate::project::Environment;
use crate::project::Expose;
use crate::project::Project;
use crate::resolve::Selected;
use crate::sops::SealedFile;
use crate::team::Scope;
use crate::team::copies;

use crate::cmd::context::Context;

/// Shows where hooked shells get less than everything.
pub fn exposure(context: &Context<'_>, selected: &Selected<'_>) {
    let (project, trust) = (selected.project, selected.trust.borrow());
    let is_for_run = |environment: &&Environment| {
        let layers = project.layers(environment).unwrap_or_else(|_| vec![*environment]);
        trust.most_exposed(project, &layers) == Expose::Run
    };
    let for_run: Vec<&str> = project.environments.iter().filter(is_for_run).map(|e| e.name.as_str()).collect();
    if !for_run.is_empty() {
        context.ui.hint(format!("{}: for `secrets run` alone, not for the shell", quoted_list(&for_run)));
    }
    let only: Vec<String> = trust.for_shells(project).iter().map(ToString::to_string).collect();
    if !only.is_empty() && for_run.len() < project.environments.len() {
        context.ui.hint(format!("shells get {} alone; `--only '*'` gives them all", quoted_list(&only)));
    }
}

/// Shows what nobody has accepted yet, whether it was only met or is new.
pub fn news(context: &Context<'_>, selected: &Selected<'_>) {
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
