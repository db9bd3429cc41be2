//! PowerShell is no package that these tests could install: what it gets is compared with what it is known to understand.

use crate::sandbox::Sandbox;

/// The words that pwsh.ps1 takes apart, for a load, a reload where a value is no text, and a leave.
#[test]
fn the_words_of_a_load_and_a_leave() {
    let s = Sandbox::new().value("KEY", "it's; $(no) ü").value("OTHER", "two\nlines").canary("RAW", b"\xff\xfe");
    s.write("raw", b"\xff\xfe");
    s.run(["set", "RAW", "--from-file", "raw"]).succeeds();
    let call = s.call(["hook-env", "pwsh", "7"]).env("KEY", "before").go();
    call.succeeds().may_reveal_all();
    let text = call.stdout();
    let state = text.split_once("set __SECRETS ").expect("a state").1.split(';').next().expect("it ends").to_string();
    let want = r"set __SECRETS [state];save KEY;set KEY it\u0027s\u003b\u0020$(no)\u0020\u00fc;save OTHER;set OTHER two\u000alines;";
    assert_eq!(text.replace(&state, "[state]"), format!("{want}\n: end\n"));
    let held: Vec<&str> = state.split('/').filter(|part| part.starts_with('k')).collect();
    assert_eq!(
        held.iter().map(|part| part.split('.').next().unwrap_or_default()).collect::<Vec<_>>(),
        ["kKEY", "kOTHER"]
    );
    let left = s.call(["hook-env", "pwsh", "7"]).cwd("..").env("__SECRETS", &state).env("OTHER", "two\nlines");
    let left = left.env("KEY", "mine").go();
    left.may_reveal_all();
    assert_eq!(left.stdout(), "forget KEY;plain OTHER;unset __SECRETS;\n: end\n");
}

/// Nothing of the code is evaluated that was not written here, and nothing of a person's is called.
#[test]
fn the_code_evaluates_no_text() {
    let s = Sandbox::new();
    let code = s.run(["hook", "pwsh"]).succeeds().stdout();
    assert!(!code.contains("Invoke-Expression") && !code.contains("@BIN@") && code.contains("EndsWith($end"));
}
