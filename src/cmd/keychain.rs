//! Single values in the keychain: those that references lead to, and a person's own.

mod personal;
mod referenced;

use super::target::Target;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Reference;
use crate::base::Result;
use crate::project::trust::VARIABLE;
use crate::resolve::Selected;
use crate::store;
use crate::store::Store;

pub use personal::set_local;
pub use personal::unset_local;
pub use referenced::set_referenced;
pub use referenced::unset_referenced;

/// Where a value goes that is not to stand in the sealed file.
#[derive(clap::Args, Clone, Copy)]
pub struct PlaceArguments {
    /// In the keychain of this machine, with a reference in secrets.toml: everybody has a value of his own
    #[arg(long, conflicts_with_all = ["local", "file"])]
    pub keychain: bool,
    /// In the keychain of this machine, for you alone: laid over the environment
    #[arg(long, conflicts_with = "file")]
    pub local: bool,
}

/// Refuses where digests stand for a person's decisions.
///
/// # Errors
/// `Kind::Refused` if `SECRETS_TRUST` is set.
fn check_no_digests(target: &Target) -> Result<()> {
    if !selected(target)?.trust.borrow().is_digest_demanded() {
        return Ok(());
    }
    Err(Error::new(Kind::Refused, format!("`{VARIABLE}` is set, and the keychain is a person's"))
        .hint("unset it for this call"))
}

fn selected(target: &Target) -> Result<Selected<'_>> {
    target.selected().ok_or_else(|| {
        Error::new(Kind::Failed, format!("`{}` belongs to no project, and so to no environment", target.shown()))
            .hint("the keychain keeps values for the environments of a project")
    })
}

fn open(reference: &Reference) -> Result<Box<dyn Store>> {
    Ok((store::kind_of(reference)?.open)())
}
