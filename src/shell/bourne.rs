//! What bash and zsh write alike.

use crate::base::Name;

use super::Noted;
use super::Saved;

/// [`super::Kind::set`]
pub fn set(name: &Name) -> String {
    format!("\\builtin export {name}=")
}

/// [`super::Kind::set_end`]
pub const SET_END: &str = ";";

/// [`super::Kind::forget`]
pub fn forget(Saved { old, .. }: &Saved) -> String {
    format!("\\builtin unset {old};")
}

/// [`super::Kind::unset_state`]
pub const UNSET_STATE: &str = "\\builtin unset __SECRETS;";

/// [`super::Kind::note_idle`]
pub fn note_idle(noted: &Noted) -> String {
    format!(
        "__secrets_at=$PWD:${{SECRETS_ENV-}}:${{SECRETS_IDENTITY_FILE-}}:${{SECRETS_TRUST-}}:${{SECRETS_IDENTITY+1}};__secrets_st=${{__SECRETS-}};__secrets_x={};__secrets_f=({});\
         __secrets_s=({});__secrets_n=({});",
        noted.expiry,
        noted.files.join(" "),
        noted.stamps.join(" "),
        noted.absent.join(" ")
    )
}

/// [`super::Kind::never_idle`]
pub const NEVER_IDLE: &str = "__secrets_at=;";
