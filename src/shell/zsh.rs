//! zsh. An assignment to a read-only parameter ends a whole `eval` there, so each one is guarded.

use super::Kind;
use super::Saved;
use super::quote;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "zsh",
    install: "eval \"$(secrets hook zsh)\" at the end of ~/.zshrc",
    code: include_str!("zsh.zsh"),
    quote: quote::dollar,
    save: |Saved { name, old }| {
        format!("unset {old}; if (( ${{+{name}}} )); then typeset -g +x {old}=\"${name}\"; fi;")
    },
    set: |name, quoted| format!("[[ ${{(t){name}-}} == *readonly* ]] || export {name}={quoted};"),
    restore_exported: |Saved { name, old }| {
        format!(
            "if [[ ${{(t){name}-}} != *readonly* ]]; then if (( ${{+{old}}} )); then export {name}=\"${old}\"; unset {old}; \
             else unset {name}; fi; fi;"
        )
    },
    restore_plain: |Saved { name, old }| {
        format!(
            "if [[ ${{(t){name}-}} != *readonly* ]]; then unset {name}; if (( ${{+{old}}} )); then \
             typeset -g +x {name}=\"${old}\"; unset {old}; fi; fi;"
        )
    },
    forget: |Saved { old, .. }| format!("unset {old};"),
    unset_state: "unset __SECRETS;",
};
