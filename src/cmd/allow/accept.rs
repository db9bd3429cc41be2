//! What is accepted of a sealed file: its data key, or its bytes where it has no seal.

use sha2::Digest as _;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::hex;
use crate::history::Repository;
use crate::project::Environment;
use crate::project::trust::claims;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::resolve::Source;

use crate::cmd::change;
use crate::cmd::context::Context;
use crate::cmd::judge;

/// Accepts the data key of an environment's file, if an identity here opens it.
pub fn file(context: &Context<'_>, selected: &Selected<'_>, environment: &Environment) -> Result<()> {
    let project = selected.project;
    if project.path_of(environment).symlink_metadata().is_err() {
        return Ok(());
    }
    let layer = Layer::of(project, environment)?;
    let path = project.below_home(&environment.file);
    let is_first = selected.trust.borrow().file(&path).is_none_or(|file| file.keys.is_empty());
    if layer.seal().is_none() {
        return unsealed(context, selected, environment, &layer, is_first);
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
fn unsealed(
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
