//! The digest that stands for a record where there is none: `SECRETS_TRUST` (`docs/trust.md`, "In CI").

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Result;
use crate::project::Environment;
use crate::project::Project;
use crate::sops::Bytes32;
use crate::sops::to_base64;

const DOMAIN: &[u8] = b"secrets/trust/v1";
/// So many lists at the beginning have an order of their own.
const ORDERED: usize = 2;

/// Returns the digest of what `run` in an environment depends on: data keys, references, stores, programs, names that run
/// code. Neither values nor members.
///
/// `commitments` has the path below the project's home and the commitment of each layer's file, lowest first.
///
/// # Errors
/// As [`Project::layers`].
pub fn digest_of(project: &Project, environment: &Environment, commitments: &[(String, Bytes32)]) -> Result<String> {
    let layers = project.layers(environment)?;
    let files = layers.iter().zip(commitments).map(|(layer, (path, commitment))| {
        [lp(layer.name.as_bytes()), lp(path.as_bytes()), commitment.to_vec()].concat()
    });
    let references = layers.iter().flat_map(|layer| layer.references.iter().map(move |own| (&layer.name, own)));
    let schemes: Vec<&str> = references.clone().filter_map(|(_, r)| r.text.split_once("://")).map(|(s, _)| s).collect();
    // A reference names its store by the scheme; a store of no reference has no part in a run.
    let stores = project.stores.iter().filter(|(name, _)| schemes.iter().any(|scheme| scheme.contains(name.as_str())));
    let programs = project.values.iter().filter_map(|(name, spec)| Some((name, spec.rotator.as_ref()?)));
    let names = project.values.iter().filter(|(_, spec)| spec.runs_code).map(|(name, _)| lp(name.as_bytes()));
    let pair = |one: &str, other: &str| [lp(one.as_bytes()), lp(other.as_bytes())].concat();
    let lists: [Vec<Vec<u8>>; 5] = [
        files.collect(),
        references.map(|(layer, own)| [lp(layer.as_bytes()), pair(own.name.as_str(), &own.text)].concat()).collect(),
        stores.map(|(name, settings)| pair(name, settings)).collect(),
        programs.map(|(name, text)| [lp(name.as_bytes()), Sha256::digest(text.as_bytes()).to_vec()].concat()).collect(),
        names.collect(),
    ];
    let mut hash = Sha256::new();
    for part in [DOMAIN, project.name.as_bytes(), environment.name.as_bytes()] {
        hash.update(lp(part));
    }
    // With several digests, a command that names no environment must not get another one than before.
    let is_default = project.environments.first().is_some_and(|first| first.name == environment.name);
    hash.update([u8::from(is_default)]);
    // Which layer lies over which decides what a program gets: files and references keep the layers' order.
    for (index, mut list) in lists.into_iter().enumerate() {
        if index >= ORDERED {
            list.sort();
        }
        hash.update((list.len() as u64).to_be_bytes());
        list.iter().for_each(|item| hash.update(item));
    }
    Ok(to_base64(&hash.finalize().into()))
}

fn lp(part: &[u8]) -> Vec<u8> {
    [&(part.len() as u64).to_be_bytes(), part].concat()
}
