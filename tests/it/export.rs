//! `secrets export`

use crate::sandbox::Sandbox;
use crate::sandbox::secret;

/// Values that a careless form would break.
const ODD: [(&str, &str); 9] = [
    ("QUOTES", "it's \"quoted\" `twice` \\ back"),
    ("DOLLAR", "$HOME ${HOME} $(id) !history"),
    ("LINES", "first line\nsecond line\n"),
    ("HASH", "a # b"),
    ("SPACES", "  around  "),
    ("EMPTY", ""),
    ("EQUALS", "a=b=c"),
    ("UNICODE", "größe 🐦 \u{2028} \u{feff}x"),
    ("CONTROL", "tab\there, bell\u{7}, escape\u{1b}[0m"),
];

fn odd() -> Sandbox {
    let mut s = Sandbox::new();
    for (name, value) in ODD {
        // Not under watch: all of them are shown, in forms of their own.
        s.call(["set", name]).stdin(format!("{value}\n")).go().succeeds();
    }
    s = s.secret("KEY");
    s
}

#[test]
fn the_shell_form_means_the_same_to_a_shell() {
    let s = odd();
    let outcome = s.run(["export", "--format", "shell"]);
    let text = outcome.succeeds().reveals("KEY").stdout();
    for (name, value) in ODD {
        let script = format!("{text}\nprintf %s \"${name}\"");
        assert_eq!(s.program(["sh", "-c", &script]).go().succeeds().stdout(), value, "{name}");
    }
}

#[test]
fn the_dotenv_form_means_the_same_to_us_and_to_a_shell() {
    let s = odd();
    let outcome = s.run(["export"]);
    let text = outcome.succeeds().reveals("KEY").stdout();
    for (name, value) in ODD {
        let script = format!("{text}\nprintf %s \"${name}\"");
        assert_eq!(s.program(["sh", "-c", &script]).go().succeeds().stdout(), value, "{name}");
    }
    let other = Sandbox::new();
    other.call(["import", "-"]).stdin(&text).go().succeeds();
    for (name, value) in ODD {
        assert_eq!(other.run(["get", name]).succeeds().stdout(), value, "{name}");
    }
}

#[test]
fn json_is_one_object_in_file_order() {
    let s = odd();
    for flags in [["--format", "json"], ["--json", "--quiet"]] {
        let outcome = s.run(["export"].iter().chain(&flags));
        let object = outcome.succeeds().reveals("KEY").json();
        for (name, value) in ODD {
            assert_eq!(object[name], value, "{name}");
        }
        let names: Vec<&String> = object.as_object().unwrap().keys().collect();
        assert_eq!(names[0], "QUOTES");
        assert_eq!(names.len(), ODD.len() + 1);
    }
    let s = Sandbox::new().value("KEY", b"\xff\xfe\xfd");
    s.run(["export", "--json"]).exits(1).shows_nothing().says("the value of `KEY` is not UTF-8");
}

#[test]
fn yaml_has_the_escapes_that_yaml_defines() {
    let s = odd();
    let outcome = s.run(["export", "--format", "yaml"]);
    let text = outcome.succeeds().reveals("KEY").stdout();
    assert!(text.contains("LINES: \"first line\\nsecond line\\n\"\n"), "{text}");
    assert!(text.contains("CONTROL: \"tab\\there, bell\\x07, escape\\x1B[0m\"\n"), "{text}");
    assert!(text.contains("UNICODE: \"größe \u{1f426} \\u2028 \\uFEFFx\"\n"), "{text}");
    // But for `\xHH` its escapes are those of JSON.
    let escape = regex::Regex::new(r"\\x([0-9A-F]{2})").unwrap();
    for (name, value) in ODD {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
        let read: String = serde_json::from_str(&escape.replace_all(line, r"\u00$1")).unwrap();
        assert_eq!(read, value, "{name}");
    }
}

#[test]
fn docker_has_no_quotes_and_no_line_ends() {
    let s = Sandbox::new().value("A", "it's \"quoted\" # and more").value("B", "");
    s.run(["export", "--format", "docker"]).succeeds().shows("A=it's \"quoted\" # and more\nB=\n").reveals("A");
    let s = s.value("LINES", "first line\nsecond line");
    let outcome = s.run(["export", "--format", "docker"]);
    outcome.exits(1).shows_nothing().says("the value of `LINES` has several lines").says("--except LINES");
}

#[test]
fn github_gets_a_border_that_no_value_holds_and_masks_on_stderr() {
    let s = Sandbox::new().value("A", "first line\nsecond line").value("PORT", "8080").value("B", "100% of\r\nthis");
    let outcome = s.run(["export", "--format", "github"]);
    outcome.succeeds().reveals("A").reveals("B");
    let (text, masks) = (outcome.stdout(), outcome.stderr());
    let border = text.lines().next().unwrap().strip_prefix("A<<").unwrap().to_string();
    assert_eq!(border.len(), 32);
    assert_eq!(
        text,
        format!(
            "A<<{border}\nfirst line\nsecond line\n{border}\nPORT<<{border}\n8080\n{border}\nB<<{border}\n100% of\r\nthis\n{border}\n"
        )
    );
    let want = "::add-mask::first line%0Asecond line\n::add-mask::first line\n::add-mask::second line\n\
        ::add-mask::100%25 of%0D%0Athis\n";
    assert_eq!(masks, want);
    let again = s.run(["export", "--format", "github"]);
    assert!(!again.succeeds().reveals("A").reveals("B").stdout().contains(&border));
}

#[test]
fn names_are_selected_as_in_run() {
    let s = Sandbox::new().value("DB_URL", "1").value("DB_USER", "2").value("API", "3");
    s.run(["export", "--only", "DB_*", "--except", "DB_USER"]).succeeds().shows("DB_URL=1");
    s.run(["export", "--only", "NOPE"]).exits(1).shows_nothing().says("no name fits `NOPE`");
}

#[test]
fn what_run_refuses_is_not_exported() {
    let s = Sandbox::new().value("LD_PRELOAD", "x").secret("KEY");
    for format in ["dotenv", "json", "yaml", "shell", "docker", "github"] {
        s.run(["export", "--format", format]).exits(5).shows_nothing().says("`LD_PRELOAD`");
    }
    s.run(["export", "--except", "LD_PRELOAD"]).succeeds().shows(format!("KEY={}", secret("KEY"))).reveals("KEY");
}

#[test]
fn a_value_with_a_nul_is_refused_by_name() {
    let s = Sandbox::new().file("value", "a\0b").secret("KEY");
    s.run(["set", "NUL", "--from-file", "value"]).succeeds();
    for format in ["dotenv", "shell", "docker", "github"] {
        s.run(["export", "--format", format]).exits(1).shows_nothing().says("the value of `NUL` has a NUL byte");
    }
}
