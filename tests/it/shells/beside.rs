//! Beside other tools that live in the same prompt, before us or behind us in the start-up file.

use crate::sandbox::Sandbox;
use crate::sandbox::available;
use crate::sandbox::needs;

use super::Shell;
use super::out;
use super::shells;

/// Another tool, and what it does in these scenes.
struct Peer {
    program: &'static str,
    /// Its line of the start-up file, with `$SHELL_NAME`; fish's own.
    start: [&'static str; 2],
    /// What is typed in the project, and what it leaves in `out`.
    line: &'static str,
    leaves: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        program: "direnv",
        start: ["eval \"$(direnv hook $SHELL_NAME)\"", "direnv hook fish | source"],
        line: "printenv PEER >>../out; true",
        leaves: "theirs\n",
    },
    Peer {
        program: "mise",
        start: ["eval \"$(mise activate $SHELL_NAME)\"", "mise activate fish | source"],
        line: "printenv PEER >>../out; true",
        leaves: "theirs\n",
    },
    Peer {
        program: "zoxide",
        start: ["eval \"$(zoxide init $SHELL_NAME)\"", "zoxide init fish | source"],
        line: "true",
        leaves: "",
    },
];

fn project(peer: &Peer) -> Sandbox {
    let s = Sandbox::new().value("OTHER", "of the file");
    s.write("../out", "");
    let out = s.path("../out").canonicalize().expect("it was written");
    let s = s.plain_at(out);
    match peer.program {
        "direnv" => {
            s.write(".envrc", "export PEER=theirs\n");
            s.program(["direnv", "allow"]).go().succeeds();
        }
        "mise" => {
            s.write("mise.toml", "[env]\nPEER = \"theirs\"\n");
            s.program(["mise", "trust"]).env("MISE_OFFLINE", "1").go().succeeds();
        }
        _ => {}
    }
    s.env("MISE_OFFLINE", "1").env("DIRENV_LOG_FORMAT", "")
}

fn scene(shell: &Shell, peer: &Peer, comes_first: bool) {
    let s = project(peer);
    let theirs = peer.start[usize::from(shell.name == "fish")].replace("$SHELL_NAME", shell.name);
    let start = if comes_first { format!("{theirs}; {}", shell.start) } else { format!("{}; {theirs}", shell.start) };
    let back = if peer.program == "zoxide" { "z shop" } else { "cd shop" };
    let lines = [
        "true",
        "printenv OTHER >>../out; true",
        peer.line,
        "cd ..",
        "printenv OTHER PEER >>out; echo outside >>out; sh -c 'exit 7'",
        back,
        "printenv OTHER >>../out; true",
    ];
    let shown = shell.starts_with(&s, &start, &lines);
    let place = format!("{} beside {}, {comes_first}: {shown}", shell.name, peer.program);
    assert_eq!(out(&s), format!("of the file\n{}outside\nof the file\n", peer.leaves), "{place}");
    assert!(shown.contains("P:7> "), "{place}");
    assert_eq!(shown.matches("secrets: loaded 1").count(), 2, "{place}");
    assert_eq!(shown.matches("secrets: unloaded 1").count(), 1, "{place}");
}

#[test]
fn other_tools_of_the_prompt_work_in_either_order() {
    for peer in PEERS.iter().filter(|peer| needs(peer.program)) {
        for shell in shells() {
            scene(shell, peer, true);
            scene(shell, peer, false);
        }
    }
}

/// starship's own shell code; a script stands for its program, which draws the prompt.
#[test]
fn the_prompt_of_starship_sees_the_status_and_the_new_environment() {
    let tools = std::env::var_os("SECRETS_TEST_TOOLS").unwrap_or_default();
    let tools = std::path::PathBuf::from(tools).join("starship");
    if !available(tools.join("starship.bash").exists(), "the shell code of starship") {
        return;
    }
    for shell in shells() {
        for comes_first in [true, false] {
            let s = project(&PEERS[2]).script(
                "../bin/starship",
                "#!/bin/bash\n[[ $1 != time ]] || echo 1000\nfor word; do case $word in --status=*) status=${word#*=};; esac; done\n\
                 [[ $1 != prompt || \" $* \" == *' --right '* ]] || printf 'P:%s> %s ' \"$status\" \"${OTHER-none}\"\n",
            );
            let own = s.path("../bin/starship").canonicalize().expect("it was written").display().to_string();
            let code = std::fs::read_to_string(tools.join(format!("starship.{}", shell.name))).expect("it is there");
            s.write("../starship", code.replace("::STARSHIP::", &own));
            let hook = shell.start.split_once("; ").expect("a prompt and the hook").1;
            let hook = hook.rsplit_once("end; ").map_or(hook, |(_, hook)| hook);
            let theirs = "source ../starship";
            let start = if comes_first { format!("{theirs}; {hook}") } else { format!("{hook}; {theirs}") };
            let lines = ["sh -c 'exit 7'", "printenv OTHER >>../out; cd ..", "printenv OTHER >>out; cd shop", "true"];
            let shown = shell.starts_with(&s, &start, &lines);
            let place = format!("{} {comes_first}: {shown}", shell.name);
            assert_eq!(out(&s), "of the file\n", "{place}");
            assert!(shown.contains("P:7> of the file") && shown.contains("P:0> none"), "{place}");
        }
    }
}

/// `use secrets` in an .envrc, by the real direnv: for whoever stays with it.
#[test]
fn direnv_loads_with_use_secrets() {
    if !needs("direnv") {
        return;
    }
    for shell in shells() {
        // direnv keeps what it loads as JSON: text survives, and other bytes do not.
        let all: String = (1..=255).map(char::from).collect();
        let s = Sandbox::new().secret("KEY").canary("ALL", &all).production();
        s.write("../out", "");
        let out_path = s.path("../out").canonicalize().expect("it was written");
        let s = s.plain_at(out_path).plain_at("bytes");
        s.write("all", &all);
        s.run(["set", "ALL", "--from-file", "all"]).succeeds();
        s.call(["set", "KEY", "--env", "production"]).stdin("of production").go().succeeds();
        let function = s.run(["hook", "direnv"]).succeeds().stdout();
        s.write("../home/.config/direnv/lib/secrets.sh", function);
        s.write(".envrc", "use secrets\n");
        s.write("envrc", "use secrets production\n");
        s.write("two", "second");
        let hook = if shell.name == "fish" { "direnv hook fish | source" } else { "eval \"$(direnv hook $NAME)\"" };
        let start = match shell.name {
            "bash" => format!("PS1='P:$?> '; {}", hook.replace("$NAME", "bash")),
            "zsh" => format!("PROMPT='P:%?> '; {}", hook.replace("$NAME", "zsh")),
            _ => format!("function fish_prompt; echo \"P:$status> \"; end; {hook}"),
        };
        // direnv compares whole seconds: two changes in one are one to it.
        let lines = [
            "direnv allow",
            "printenv ALL >bytes; printenv KEY | wc -c >>../out; env | grep -c SECRETS_RUN >>../out; true",
            "$SECRETS set KEY --from-file two; touch -d 2029-01-01 secrets/development.env",
            "printenv KEY >>../out; grep -v seal secrets/development.env >plain; cp plain secrets/development.env",
            "touch -d 2030-01-01 secrets/development.env",
            "printenv KEY >>../out; $SECRETS reseal --yes; cp envrc .envrc",
            "touch -d 2030-01-02 .envrc; direnv allow",
            "printenv KEY >>../out; cd ..",
            "printenv KEY >>out; echo outside >>out; env | grep -c __SECRETS >>out; true",
        ];
        let shown = shell.starts_with(&s, &start, &lines);
        assert_eq!(out(&s), "33\n0\nsecond\nof production\noutside\n0\n", "{}: {shown}", shell.name);
        assert!(s.bytes("bytes") == format!("{all}\n").into_bytes(), "{}: {shown}", shell.name);
    }
}
