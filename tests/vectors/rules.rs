//! Each rule of the strict reader, broken by one edit of a file that sops wrote; most have no vector of their own.

use secrets::base::Pattern;
use secrets::sops::Leniency;
use secrets::sops::SealedFile;

use crate::folder;
use crate::read;

/// A file with a clear entry, `HOST`, an encrypted one, `DB_PASSWORD`, a comment and one recipient.
fn file() -> String {
    String::from_utf8(read(&folder("sops/enc/dotenv").join("p_unencrypted_regex.enc.env"))).unwrap()
}

/// Returns the exit code and the rule with which a file is refused.
fn refusal(file: &str, plain: Option<&[Pattern]>) -> Option<(u8, Option<&'static str>)> {
    let checked = SealedFile::parse(file.as_bytes()).and_then(|mut file| file.check(Leniency::None, plain));
    checked.err().map(|error| (error.kind().code(), error.broken_rule()))
}

/// Replaces a part of the first line that begins with `head`, which must have it.
fn edited(head: &str, part: &str, by: &str) -> String {
    let file = file();
    let line = file.lines().find(|line| line.starts_with(head)).expect("the line is there");
    assert!(line.contains(part), "`{head}` has no `{part}`");
    file.replacen(line, &line.replacen(part, by, 1), 1)
}

/// Replaces the base64 of a field in the first line that begins with `head`.
fn with_field(head: &str, field: &str, by: &str) -> String {
    let file = file();
    let line = file.lines().find(|line| line.starts_with(head)).expect("the line is there");
    let from = line.find(field).expect("the field is there") + field.len();
    let end = from + line[from..].find(',').expect("a field ends with a comma");
    file.replacen(line, &[&line[..from], by, &line[end..]].concat(), 1)
}

#[test]
fn each_rule_refuses_with_its_identifier() {
    assert_eq!(refusal(&file(), None), None);
    let head = "DB_PASSWORD=ENC";
    let foreign = file()
        .replace("sops_age__list_0__map_recipient", "sops_pgp__list_0__map_fp")
        .replace("sops_age__list_0__map_enc", "sops_pgp__list_0__map_enc");
    let twelve = "AAAAAAAAAAAAAAAA";
    for (rule, changed) in [
        ("empty-name", file() + "=x\n"),
        ("illegal-name", edited(head, "DB_PASSWORD", "a.b")),
        ("duplicate-name", file() + "DB_PASSWORD=\n"),
        ("duplicate-metadata", file() + "sops_version=3.11.0\n"),
        ("unknown-metadata", file() + "sops_other=1\n"),
        ("unknown-metadata", file() + "sops_shamir_threshold=0\n"),
        ("metadata-index", file().replace("sops_age__list_0", "sops_age__list_1")),
        ("metadata-index", file().replace("sops_age", "sops_key_groups__list_1__map_age")),
        ("value-form", edited(head, ",type:str]", ",type:str]x")),
        ("value-form", edited(head, ",iv:", ", iv:")),
        ("value-type", edited(head, ",type:str]", ",type:time]")),
        ("value-type", edited(head, ",type:str]", ",type:comment]")),
        ("iv-length", with_field(head, ",iv:", twelve)),
        ("tag-length", with_field(head, ",tag:", twelve)),
        ("encrypted-but-clear", edited("sops_unencrypted_regex", "^HOST$", "^.")),
        ("foreign-key", foreign),
    ] {
        assert_eq!(refusal(&changed, None), Some((5, Some(rule))), "{rule}");
    }
}

#[test]
fn a_clear_value_is_refused_in_a_project_that_does_not_call_it_plain() {
    assert_eq!(refusal(&file(), Some(&[])), Some((5, Some("selector"))));
    let any = Pattern::parse("*").unwrap();
    assert_eq!(refusal(&file(), Some(&[any])), None);
}

#[test]
fn the_mac_of_sops_has_one_spelling_too() {
    for changed in [
        edited("sops_mac=", ",type:str]", ",type:str]x"),
        edited("sops_mac=", ",type:str]", ",type:bytes]"),
        with_field("sops_mac=", ",iv:", "AAAAAAAAAAAAAAAA"),
        with_field("sops_mac=", ",tag:", "AAAAAAAAAAAAAAAA"),
    ] {
        assert_eq!(refusal(&changed, None).map(|(code, _)| code), Some(5));
    }
}
