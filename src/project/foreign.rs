//! A `.sops.yaml` that somebody else keeps: what its rule for a file names.

use std::collections::BTreeSet;
use std::collections::HashSet;

use yaml_rust2::Event;
use yaml_rust2::Yaml;
use yaml_rust2::YamlLoader;
use yaml_rust2::parser::Parser;

use crate::sops::SELECTORS;

/// What a creation rule of sops says, as far as it is compared.
pub struct Rule {
    /// The age recipients.
    pub age: Vec<String>,
    /// The selector and its pattern; without one it is sops' own.
    pub selector: Option<(&'static str, String)>,
}

/// Returns the first rule that matches `path`; `None` if none matches, if it names its recipients in a way that is not looked
/// into, such as key groups, or if this is no YAML that sops would read.
pub fn rule_for(text: &str, path: &str) -> Option<Rule> {
    if !is_small(text) {
        return None;
    }
    let documents = YamlLoader::load_from_str(text).ok()?;
    let rules = documents.first()?["creation_rules"].as_vec()?;
    // sops searches the pattern in the path; without one the rule is for every file.
    let matches = |rule: &&Yaml| match &rule["path_regex"] {
        Yaml::BadValue | Yaml::Null => true,
        pattern => pattern.as_str().and_then(|p| regex::Regex::new(p).ok()).is_some_and(|regex| regex.is_match(path)),
    };
    let rule = rules.iter().find(matches)?;
    let selector = SELECTORS.iter().find_map(|name| Some((*name, rule[*name].as_str()?.to_string())));
    Some(Rule { age: age(&rule["age"])?, selector })
}

impl Rule {
    /// Tells whether this rule leaves the same names in clear as a selector that we write: its name and pattern.
    ///
    /// Without a selector it is as ours if we leave none.
    pub fn selects_as(&self, name: &str, pattern: &str) -> bool {
        match &self.selector {
            None => alternatives(pattern) == alternatives("^$"),
            Some((own, _)) if *own != name => false,
            Some((_, own)) => own == pattern || alternatives(own) == alternatives(pattern),
        }
    }
}

/// Returns the recipients: a list, or one text with commas.
fn age(node: &Yaml) -> Option<Vec<String>> {
    let split = |text: &str| text.split(',').map(|label| label.trim().to_string()).collect::<Vec<_>>();
    let labels: Vec<String> = match node {
        Yaml::String(text) => split(text),
        Yaml::Array(items) => items.iter().filter_map(Yaml::as_str).flat_map(split).collect(),
        _ => return None,
    };
    Some(labels.into_iter().filter(|label| !label.is_empty()).collect())
}

/// Returns the parts of a pattern that is one choice of whole names, however it is bracketed.
fn alternatives(pattern: &str) -> Option<BTreeSet<&str>> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let bracketed = ["(?:", "("].iter().find_map(|open| inner.strip_prefix(open)?.strip_suffix(')'));
    // `^A|B$` is no choice of whole names, and what is bracketed further is not looked into.
    let is_plain = |text: &str| !text.contains(['(', ')', '[', '\\']);
    match bracketed {
        Some(inner) if is_plain(inner) => Some(inner.split('|').collect()),
        None if is_plain(inner) && !inner.contains('|') => Some(BTreeSet::from([inner])),
        _ => None,
    }
}

/// Tells whether a text can be loaded at a cost that its length bounds: nothing deep, and aliases of scalars only.
fn is_small(text: &str) -> bool {
    const MOST_DEPTH: usize = 32;
    let mut parser = Parser::new_from_str(text);
    let (mut depth, mut collections) = (0, HashSet::new());
    loop {
        match parser.next_token() {
            Ok((Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _), _)) => {
                depth += 1;
                collections.insert(anchor);
            }
            Ok((Event::SequenceEnd | Event::MappingEnd, _)) => depth -= 1,
            Ok((Event::Alias(anchor), _)) if collections.contains(&anchor) => return false,
            Ok((Event::StreamEnd, _)) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
        if depth > MOST_DEPTH {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_for(text: &str, path: &str) -> Option<Vec<String>> {
        rule_for(text, path).map(|rule| rule.age)
    }

    #[test]
    fn the_rule_of_a_file_is_found_in_the_usual_styles() {
        let text = "creation_rules:\n  - path_regex: ^secrets/dev\\.env$\n    age: age1a,age1b\n  \
                    - path_regex: '\\.env$'\n    age:\n      - age1c\n      - \"age1d\"\n  - age: [age1e]\n";
        assert_eq!(age_for(text, "secrets/dev.env").unwrap(), ["age1a", "age1b"]);
        assert_eq!(age_for(text, "secrets/prod.env").unwrap(), ["age1c", "age1d"]);
        assert_eq!(age_for(text, "x.yaml").unwrap(), ["age1e"]);
        assert!(rule_for("creation_rules:\n  - path_regex: a\n    pgp: X\n", "a").is_none());
        let anchors = "keys:\n  - &bob age1b\ncreation_rules:\n  - age:\n      - *bob\n      - age1a\n";
        assert_eq!(age_for(anchors, "a").unwrap(), ["age1b", "age1a"]);
    }

    #[test]
    fn a_file_that_grows_when_it_is_read_gives_no_answer() {
        let mut laughs = "a0: &a0 [x, x]\n".to_string();
        for index in 1..40 {
            laughs += &format!("a{index}: &a{index} [*a{0}, *a{0}, *a{0}]\n", index - 1);
        }
        assert!(rule_for(&(laughs + "creation_rules:\n  - age: age1a\n"), "a").is_none());
        for deep in ["- ".repeat(100_000), "[".repeat(100_000), "a: {".repeat(100_000)] {
            assert!(rule_for(&deep, "a").is_none());
        }
    }

    #[test]
    fn the_same_names_may_be_written_differently() {
        let rule = |name, pattern: &str| Rule { age: Vec::new(), selector: Some((name, pattern.to_string())) };
        let ours = "^(?:PORT|LOG_.*)$";
        assert!(rule("unencrypted_regex", "^(LOG_.*|PORT)$").selects_as("unencrypted_regex", ours));
        for other in ["^PORT|LOG_.*$", "^(PORT)$", "PORT", "^(?:PORT|LOG_.*|X)$", "^((PORT|LOG_.*))$"] {
            assert!(!rule("unencrypted_regex", other).selects_as("unencrypted_regex", ours), "{other}");
        }
        assert!(!rule("encrypted_regex", ours).selects_as("unencrypted_regex", ours));
        let none = Rule { age: Vec::new(), selector: None };
        assert!(none.selects_as("unencrypted_regex", "^$") && !none.selects_as("unencrypted_regex", ours));
    }
}
