//! A `.sops.yaml` that somebody else keeps: the recipients that its rule for a file names.

/// Returns the age recipients of the first rule that matches `path`; `None` if none matches, or the rule names them in a way
/// that is not looked into, such as key groups.
///
/// Only the block style that sops' own documents show is read; whatever else there is gives no answer.
pub fn rule_for(text: &str, path: &str) -> Option<Vec<String>> {
    rules(text).into_iter().find(|rule| rule.matches(path)).and_then(|rule| rule.age)
}

#[derive(Default)]
struct Rule {
    path: Option<String>,
    age: Option<Vec<String>>,
}

impl Rule {
    /// sops searches the pattern in the path; without one the rule is for every file.
    fn matches(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|pattern| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(path)))
    }
}

fn rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut in_age = false;
    let mut is_after = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let trimmed = line.trim();
        is_after |= trimmed == "creation_rules:";
        if !is_after || trimmed.is_empty() {
            continue;
        }
        let item = trimmed.strip_prefix("- ").map(str::trim);
        let key_value = item.unwrap_or(trimmed).split_once(':').map(|(key, value)| (key.trim(), value.trim()));
        match (item, key_value) {
            (Some(item), pair) if in_age && !pair.is_some_and(|(key, _)| is_key(key)) => {
                push(&mut rules, item);
                continue;
            }
            (Some(_), Some((key, _))) if is_key(key) => rules.push(Rule::default()),
            _ => {}
        }
        let (Some((key, value)), Some(rule)) = (key_value, rules.last_mut()) else { continue };
        in_age = key == "age" && matches!(value, "" | ">-" | "|-" | ">" | "|");
        match key {
            "path_regex" => rule.path = Some(unquoted(value).to_string()),
            "age" if in_age => rule.age = Some(Vec::new()),
            "age" => {
                let list = value.trim_start_matches('[').trim_end_matches(']');
                rule.age = Some(list.split(',').map(|label| unquoted(label.trim()).to_string()).collect());
            }
            _ if in_age => push(&mut rules, trimmed),
            _ => {}
        }
    }
    rules
}

fn push(rules: &mut [Rule], text: &str) {
    if let Some(age) = rules.last_mut().and_then(|rule| rule.age.as_mut()) {
        age.extend(text.split(',').map(|label| unquoted(label.trim()).to_string()).filter(|label| !label.is_empty()));
    }
}

fn is_key(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_a_file_is_found_in_the_usual_styles() {
        let text = "creation_rules:\n  - path_regex: ^secrets/dev\\.env$\n    age: age1a,age1b\n  \
                    - path_regex: '\\.env$'\n    age:\n      - age1c\n      - \"age1d\"\n  - age: [age1e]\n";
        assert_eq!(rule_for(text, "secrets/dev.env").unwrap(), ["age1a", "age1b"]);
        assert_eq!(rule_for(text, "secrets/prod.env").unwrap(), ["age1c", "age1d"]);
        assert_eq!(rule_for(text, "x.yaml").unwrap(), ["age1e"]);
        assert!(rule_for("creation_rules:\n  - path_regex: a\n    pgp: X\n", "a").is_none());
    }
}
