//! bash, 4.4 and later. A name with an attribute beside `export` (an array, an integer whose value is evaluated, a reference,
//! read-only) is the person's, and is left alone.

use super::Holds;
use super::Kind;
use super::Saved;
use super::bourne;
use super::quote;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "bash",
    install: "eval \"$(secrets hook bash)\" at the end of ~/.bashrc",
    code: include_str!("bash.bash"),
    quote: quote::dollar,
    holds: Holds::Bytes,
    guard: |name| (format!("if [[ ! -R {name} && ${{{name}@a}} != *[!x]* ]]; then "), " fi;"),
    save: |Saved { name, old }| {
        format!("\\builtin unset {old}; [[ -z ${{{name}+x}} ]] || {{ {old}=${name}; \\builtin export -n {old}; }};")
    },
    set: bourne::set,
    set_end: bourne::SET_END,
    restore_exported: |Saved { name, old }| {
        format!(
            "if [[ -n ${{{old}+x}} ]]; then \\builtin export {name}=\"${old}\"; \\builtin unset {old}; \
             else \\builtin unset {name}; fi;"
        )
    },
    restore_plain: |Saved { name, old }| {
        format!("\\builtin unset {name}; if [[ -n ${{{old}+x}} ]]; then {name}=${old}; \\builtin unset {old}; fi;")
    },
    hide: |name| format!(" else \\builtin export -n {name};"),
    forget: bourne::forget,
    unset_state: bourne::UNSET_STATE,
    note_idle: bourne::note_idle,
    never_idle: bourne::NEVER_IDLE,
};
