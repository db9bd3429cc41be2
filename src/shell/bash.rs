//! bash, 4.4 and later.

use super::Kind;
use super::Saved;
use super::quote;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "bash",
    install: "eval \"$(secrets hook bash)\" at the end of ~/.bashrc",
    code: include_str!("bash.bash"),
    quote: quote::dollar,
    save: |Saved { name, old }| {
        format!("unset {old}; [[ -z ${{{name}+x}} ]] || {{ {old}=${name}; export -n {old}; }};")
    },
    set: |name, quoted| format!("export {name}={quoted};"),
    restore_exported: |Saved { name, old }| {
        format!("if [[ -n ${{{old}+x}} ]]; then export {name}=\"${old}\"; unset {old}; else unset {name}; fi;")
    },
    restore_plain: |Saved { name, old }| {
        format!("unset {name}; if [[ -n ${{{old}+x}} ]]; then {name}=${old}; unset {old}; fi;")
    },
    forget: |Saved { old, .. }| format!("unset {old};"),
    unset_state: "unset __SECRETS;",
};
