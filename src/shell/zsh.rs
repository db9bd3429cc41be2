//! zsh. Whatever is not a plain scalar (an array, an integer whose value is evaluated, a tied, special, local or read-only
//! parameter) is the person's, and is left alone: an assignment that fails ends a whole `eval` there.

use super::Holds;
use super::Kind;
use super::Saved;
use super::bourne;
use super::quote;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "zsh",
    install: "eval \"$(secrets hook zsh)\" at the end of ~/.zshrc",
    code: include_str!("zsh.zsh"),
    quote: quote::dollar,
    holds: Holds::Bytes,
    guard: |name| (format!("if [[ ${{(t){name}-}} == (|scalar(|-export)) ]]; then "), " fi;"),
    save: |Saved { name, old }| {
        format!("\\builtin unset {old}; if (( ${{+{name}}} )); then \\builtin typeset -g +x {old}=\"${name}\"; fi;")
    },
    set: bourne::set,
    set_end: bourne::SET_END,
    restore_exported: |Saved { name, old }| {
        format!(
            "if (( ${{+{old}}} )); then \\builtin export {name}=\"${old}\"; \\builtin unset {old}; \
             else \\builtin unset {name}; fi;"
        )
    },
    restore_plain: |Saved { name, old }| {
        format!(
            "\\builtin unset {name}; if (( ${{+{old}}} )); then \\builtin typeset -g +x {name}=\"${old}\"; \
             \\builtin unset {old}; fi;"
        )
    },
    // A read-only parameter would end the whole `eval`.
    hide: |name| format!(" elif [[ ${{(t){name}}} != *readonly* ]]; then \\builtin typeset -g +x {name};"),
    forget: bourne::forget,
    unset_state: bourne::UNSET_STATE,
    note_idle: bourne::note_idle,
    never_idle: bourne::NEVER_IDLE,
};
