//! zsh. Whatever is not a plain scalar (an array, an integer whose value is evaluated, a tied, special, local or read-only
//! parameter) is the person's, and is left alone: an assignment that fails ends a whole `eval` there.

use super::Kind;
use super::Saved;
use super::quote;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "zsh",
    install: "eval \"$(secrets hook zsh)\" at the end of ~/.zshrc",
    code: include_str!("zsh.zsh"),
    quote: quote::dollar,
    guard: |name, statements| {
        let kind = format!("${{(t){name}-}}");
        format!("if [[ -z {kind} || {kind} == scalar || {kind} == scalar-export ]]; then {statements} fi;")
    },
    save: |Saved { name, old }| {
        format!("\\unset {old}; if (( ${{+{name}}} )); then \\typeset -g +x {old}=\"${name}\"; fi;")
    },
    set: |name, quoted| format!("\\export {name}={quoted};"),
    restore_exported: |Saved { name, old }| {
        format!("if (( ${{+{old}}} )); then \\export {name}=\"${old}\"; \\unset {old}; else \\unset {name}; fi;")
    },
    restore_plain: |Saved { name, old }| {
        format!("\\unset {name}; if (( ${{+{old}}} )); then \\typeset -g +x {name}=\"${old}\"; \\unset {old}; fi;")
    },
    forget: |Saved { old, .. }| format!("\\unset {old};"),
    unset_state: "\\unset __SECRETS;",
    note_idle: |files, stamps, absent| {
        format!(
            "__secrets_at=$PWD:${{SECRETS_ENV-}};__secrets_st=${{__SECRETS-}};__secrets_f=({});__secrets_s=({});\
             __secrets_n=({});",
            files.join(" "),
            stamps.join(" "),
            absent.join(" ")
        )
    },
    never_idle: "__secrets_at=;",
};
