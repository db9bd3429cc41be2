//! fish.

use super::Holds;
use super::Kind;
use super::Saved;
use super::quote;
use super::words;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "fish",
    install: "secrets hook fish | source in ~/.config/fish/config.fish",
    code: include_str!("fish.fish"),
    quote: quote::fish,
    holds: Holds::Bytes,
    // A local or universal variable of that name stays as it is, below ours or above it.
    guard: |name| (format!("if not set -ql {name}; "), " end;"),
    save: |Saved { name, old }| format!("set -e {old}; set -qg {name}; and set -gu {old} ${name};"),
    set: |name| format!("set -gx {name} "),
    set_end: ";",
    restore_exported: |Saved { name, old }| {
        format!("if set -q {old}; set -gx {name} ${old}; set -e {old}; else; set -ge {name}; end;")
    },
    restore_plain: |Saved { name, old }| {
        format!("set -ge {name}; if set -q {old}; set -gu {name} ${old}; set -e {old}; end;")
    },
    hide: words::nothing,
    forget: |Saved { old, .. }| format!("set -e {old};"),
    unset_state: "set -ge __SECRETS;",
    note_idle: |noted| {
        format!(
            "set -g __secrets_at \"$PWD:$SECRETS_ENV:$SECRETS_IDENTITY_FILE:$SECRETS_TRUST\";set -g __secrets_st \"$__SECRETS\";set -g __secrets_x {};\
             set -g __secrets_f {};set -g __secrets_s {};set -g __secrets_n {};",
            noted.expiry_stamp,
            noted.files.join(" "),
            noted.stamps.join(" "),
            noted.absent.join(" ")
        )
    },
    never_idle: "set -g __secrets_at;",
};
