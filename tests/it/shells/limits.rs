//! Values and states at the limits of a shell, and what was there before: all of it or nothing, and one line.

use std::collections::BTreeMap;

use crate::leaks::Canary;
use crate::leaks::Leak;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::Shell;
use super::out;
use super::shells;
use super::steps::at_prompts;
use super::steps::each;
use super::steps::is_quiet;
use super::steps::project;

/// A project `big` beside the other one, with these values.
fn big(s: &Sandbox, values: &[(String, usize)]) {
    let text: String = values.iter().map(|(name, length)| format!("{name}={}\n", "v".repeat(*length))).collect();
    s.write("../big/big.env", text);
    s.call(["init", "--yes", "--no-git"]).cwd("../big").go().succeeds();
    s.call(["import", "big.env"]).cwd("../big").go().succeeds();
}

/// Returns values of a length, with such names.
fn values(count: usize, length: usize) -> Vec<(String, usize)> {
    (0..count).map(|n| (format!("BIG{n:03}"), length)).collect()
}

/// What a shell tells of `big` when it comes from the other project and goes back.
fn comes_and_goes(s: &Sandbox, shell: &Shell) -> (String, String) {
    let see = "env | grep -c ^BIG >>$OUT; /bin/true && printenv OTHER >>$OUT; true";
    let shown = at_prompts(s, shell, &["true", "cd ../big", see, "true", see, "cd ../shop", see]);
    is_quiet(shell, &shown.replace("secrets: ", ""));
    (out(s), shown)
}

#[test]
fn many_and_large_values_load_while_a_command_still_runs() {
    for shell in shells() {
        for (count, length) in
            [(64, 2 << 10), (500, 40), (1, 100 << 10), (1, (128 << 10) - 8), (2, 100 << 10), (500, 500)]
        {
            let s = project();
            big(&s, &values(count, length));
            let (told, shown) = comes_and_goes(&s, shell);
            let case = format!("{} {count} of {length}: {shown}", shell.name);
            assert_eq!(told, format!("{count}\n{count}\n0\nas it is here\n"), "{case}");
            assert!(shown.contains(&format!("secrets: loaded {count} (+BIG000")), "{case}");
        }
    }
}

#[test]
fn what_is_too_large_is_refused_in_one_line_and_nothing_is_half_loaded() {
    let long = |count: usize, length: usize| (0..count).map(|n| (format!("BIG{n:0length$}"), 1)).collect::<Vec<_>>();
    for shell in shells() {
        for (values, line) in [
            (values(1, 200 << 10), "BIG000 is too large for a shell"),
            (values(1, (128 << 10) - 7), "BIG000 is too large for a shell"),
            ([values(1, 200 << 10), vec![("BIGSMALL".into(), 1)]].concat(), "BIG000 is too large for a shell"),
            (values(3, 100 << 10), "the values together are too large for a shell"),
            (values(300, 1 << 10), "the values together are too large for a shell"),
            (long(400, 190), "the names together are too large for a shell"),
            (long(330, 187), "the names together are too large for a shell"),
        ] {
            let s = project();
            big(&s, &values);
            let (told, shown) = comes_and_goes(&s, shell);
            let case = format!("{} {line}: {shown}", shell.name);
            assert_eq!(told, "0\n0\n0\nas it is here\n", "{case}");
            assert_eq!(shown.matches(line).count(), 1, "{case}");
            assert_eq!(shown.matches("secrets: ").count(), 4, "{case}");
        }
    }
}

/// The most names, in a folder so deep that the paths of the state do not fit beside them: never values without a state.
#[test]
fn a_state_that_is_too_long_loads_nothing() {
    for shell in shells() {
        for (depth, is_loaded) in [(2, true), (14, false)] {
            let s = project();
            let below = format!("../big/{}", vec!["d".repeat(250); depth].join("/"));
            let text: String = (0..220).map(|n| format!("BIG{n:0190}=x\n")).collect();
            s.write(format!("{below}/big.env"), text);
            s.call(["init", "--yes", "--no-git"]).cwd(&below).go().succeeds();
            s.call(["import", "big.env"]).cwd(&below).go().succeeds();
            let more = "\n[environments.production]\nextends = \"development\"\nreaders = [\"dev\"]\n";
            let toml = format!("{below}/secrets.toml");
            s.write(&toml, s.read(&toml) + more);
            s.call(["allow", "--no-git"]).cwd(&below).go().succeeds();
            s.call(["set", "BIGGER", "--env", "production"]).cwd(&below).stdin("x").go().succeeds();
            let enter = format!("SECRETS_ENV=production; cd ../big{}", "/d*".repeat(depth));
            let enter = if shell.name == "fish" {
                format!("set -gx {}", enter.replacen('=', " ", 1))
            } else {
                format!("export {enter}")
            };
            let see = "env | grep -c ^BIG >>$OUT; true";
            let shown = at_prompts(
                &s,
                shell,
                &["cd ..", "cd shop", &enter, see, see, "cd $TOP", see, "env | grep -c ^__SECRETS= >>$OUT"],
            );
            let case = format!("{} {depth}: {}", shell.name, shown.replace(&"d".repeat(250), "d…"));
            let count = if is_loaded { 221 } else { 0 };
            assert_eq!(out(&s), format!("{count}\n{count}\n0\n0\n"), "{case}");
            assert!(is_loaded || shown.contains("too large"), "{case}");
        }
    }
}

#[test]
fn what_was_there_before_comes_back_as_it_was() {
    each(|s, shell| {
        let s = s.value("EMPTY", "something").value("PLAIN", "something else").value("VOID", "third of them");
        let set = match shell.name {
            "fish" => "set -gx OTHER before; set -gx EMPTY ''; set -g PLAIN own; set -g VOID ''",
            _ => "export OTHER=before EMPTY=; PLAIN=own; VOID=",
        };
        let has = |name: &str| match shell.name {
            "fish" => format!("set -q {name}; and echo is set >>$OUT"),
            _ => format!("[[ -n ${{{name}+x}} ]] && echo is set >>$OUT"),
        };
        let see = format!(
            "env | grep -E '^(OTHER|EMPTY|PLAIN|VOID|KEY|__)' | sort >>$OUT; echo $PLAIN. >>$OUT; {}",
            has("VOID")
        );
        let inside = "printenv OTHER EMPTY PLAIN VOID >>$OUT; true";
        let lines =
            ["cd ..", set, "cd shop", inside, "cd ..", &see, "cd shop", inside, "cd ..", &see, &has("KEY"), "true"];
        let shown = at_prompts(&s, shell, &lines);
        let loaded = "as it is here\nsomething\nsomething else\nthird of them\n";
        let left = "EMPTY=\nOTHER=before\nown.\nis set\n";
        assert_eq!(out(&s), format!("{loaded}{left}{loaded}{left}"), "{}: {shown}", shell.name);
        is_quiet(shell, &shown);
    });
}

#[test]
fn nothing_of_the_hooks_own_reaches_a_child_where_everything_is_exported() {
    for (name, all) in [
        ("bash", "set -a"),
        ("zsh", "setopt ALL_EXPORT"),
        ("zsh", "set -a; emulate sh -o ALL_EXPORT; PS1='P:$?> '; setopt PROMPT_SUBST"),
    ] {
        for (shell, is_first) in super::steps::one(name).flat_map(|shell| [(shell, true), (shell, false)]) {
            let s = project();
            s.write(
                "../start/all",
                if is_first { format!("{all}\nsource $TOP/start/start.{name}") } else { all.into() },
            );
            let see = "env | grep -a ^__secrets_o >>$OUT; printenv OTHER >>$OUT; true";
            let lines = [
                "cd ..", "source $TOP/start/all", "OTHER=before; PLAIN=mine", "cd shop", see,
                "printf new | $SECRETS set OTHER", see, "cd ..", see,
            ];
            let shown = at_prompts(&s, shell, &lines);
            assert_eq!(out(&s), "as it is here\nnew\nbefore\n", "{name} {is_first}: {shown}");
        }
    }
}

#[test]
fn every_byte_reaches_a_child_in_the_locale_c() {
    let odd: [&[u8]; 8] = [b"\n", b"a\n\n", b"'", b"!!", b"\x1b[31m", b"\xff\xfe", b"\xe2\x80", b"\\x41\\"];
    for locale in ["C", "POSIX", "C.UTF-8"] {
        each(|s, shell| {
            let s = s.env("LC_ALL", locale);
            let all: Vec<u8> = (1..=255).collect();
            let mut want = BTreeMap::from([(b"ALL".to_vec(), all)]);
            want.extend(odd.iter().enumerate().map(|(n, value)| (format!("ODD{n}").into_bytes(), value.to_vec())));
            for (name, value) in &want {
                s.write("value", value);
                s.run(["set", std::str::from_utf8(name).expect("a name"), "--from-file", "value"]).succeeds();
            }
            let shown = at_prompts(&s, shell, &["true", "env -0 >../env; cd ..", "env -0 >after; true"]);
            let got = environment(&s.bytes("../env"));
            for (name, value) in &want {
                assert!(got.get(name) == Some(value), "{} {locale} {name:?} {:?}: {shown}", shell.name, got.get(name));
            }
            let after = environment(&s.bytes("../after"));
            assert!(want.keys().all(|name| !after.contains_key(name)), "{} {locale}: {shown}", shell.name);
        });
    }
}

fn environment(bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((entry[..at].to_vec(), entry[at + 1..].to_vec()))
    };
    bytes.split(|byte| *byte == 0).filter_map(pair).collect()
}

#[test]
fn each_value_is_in_one_variable_alone_and_in_no_form_elsewhere() {
    each(|s, shell| {
        let s = s.secret("SECOND").secret("THIRD");
        let again = "printf %s \"$NEW\" | $SECRETS set THIRD; true";
        let s = s.env("NEW", secret("new")).canary("NEW", secret("new"));
        let shown = at_prompts(
            &s,
            shell,
            &["true", again, "export KEY=mine", "touch secrets.toml", "env -u NEW -0 >../env; true"],
        );
        let found = environment(&s.bytes("../env"));
        for (name, value) in [("SECOND", secret("SECOND")), ("THIRD", secret("new")), ("OTHER", "as it is here".into())]
        {
            let canary = [Canary::new(name, value.as_bytes())];
            let holds = |(name, value): &(&Vec<u8>, &Vec<u8>)| {
                !Leak::find(&[&name[..], b"=", value].concat(), &canary).is_empty()
            };
            let hits: Vec<_> = found.iter().filter(holds).map(|(name, _)| String::from_utf8_lossy(name)).collect();
            assert_eq!(hits, [name], "{}: {shown}", shell.name);
        }
        assert!(found.contains_key(&b"__SECRETS"[..]), "{}: {shown}", shell.name);
    });
}

#[test]
fn a_state_of_garbage_is_replaced_and_nothing_runs() {
    each(|s, shell| {
        let hundred = "x".repeat(100 << 10);
        let texts = [
            "9/rL3RtcA/edevelopment/s1/kHOME_TOWN.0101010101010101.+".to_string(),
            "1/rL3RtcA/e$(touch pwned)/s1".to_string(),
            "';touch pwned;'".to_string(),
            "a[$(touch pwned)]".to_string(),
            format!("1/rL3RtcA/e/s1{}", "/kHOME_TOWN.0101010101010101.+".repeat(3000)),
            format!("1/r{hundred}"),
            hundred,
            "\u{1b}[31m\n\u{ff}".to_string(),
        ];
        for (number, text) in texts.iter().enumerate() {
            s.write(format!("../garbage/{number}"), text);
        }
        let put = |number: usize| match shell.name {
            "fish" => format!("set -gx __SECRETS (cat $TOP/garbage/{number} | string collect)"),
            _ => format!("export __SECRETS=\"$(cat $TOP/garbage/{number})\""),
        };
        let see = "printenv HOME_TOWN OTHER >>$OUT; env | grep -c '^__SECRETS=1/' >>$OUT; true";
        let mut lines = vec!["cd ..; export HOME_TOWN=here".to_string()];
        for number in 0..texts.len() {
            lines.extend([
                format!("{}; cd $TOP/shop", put(number)),
                see.into(),
                "cd $TOP".into(),
                put(number),
                see.into(),
            ]);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let shown = at_prompts(&s, shell, &lines);
        let want = "here\nas it is here\n1\nhere\n0\n".repeat(texts.len());
        assert_eq!(out(&s), want, "{}: {shown}", shell.name);
        assert!(!s.path("pwned").exists() && !s.path("../pwned").exists(), "{}", shell.name);
        is_quiet(shell, &shown);
        assert!(!shown.contains("panic") && !shown.contains("bug"), "{}: {shown}", shell.name);
    });
}
