//! Edits of `secrets.toml` that keep a person's comments and order.

use std::collections::BTreeMap;

use toml_edit::Array;
use toml_edit::DocumentMut;
use toml_edit::InlineTable;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::value;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::sops::Recipient;

use super::raw::MemberKind;

/// The text of a `secrets.toml` that is being edited.
pub struct Settings {
    document: DocumentMut,
    before: String,
}

impl Settings {
    /// Takes the text.
    ///
    /// # Errors
    /// `Kind::Failed` if it is not TOML.
    pub fn parse(text: &str) -> Result<Self> {
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            Error::new(Kind::Failed, "secrets.toml is not TOML").because(error)
        })?;
        Ok(Self { document, before: text.to_string() })
    }

    /// Returns the text as it is now.
    pub fn print(mut self) -> String {
        put_last(&mut self.document, &self.before)
    }

    /// Adds `runs_code = true` for names.
    pub fn declare_runs_code(&mut self, names: &[Name]) {
        let values = self.table("values");
        for name in names {
            values[name.as_str()]["runs_code"] = value(true);
            if let Some(table) = values[name.as_str()].as_inline_table().cloned() {
                values[name.as_str()] = Item::Table(table.into_table());
            }
        }
    }

    /// Adds a reference to an environment.
    pub fn add_reference(&mut self, environment: &str, name: &Name, reference: &str) {
        let environment = &mut self.table("environments")[environment];
        let from = &mut environment["from"];
        if from.is_none() {
            *from = Item::Table(Table::new());
        }
        from[name.as_str()] = value(reference);
    }

    /// Adds a member, or recipients to one who is there.
    pub fn add_member(&mut self, name: &str, recipients: &[Recipient], kind: MemberKind, until: Option<&str>) {
        let member = &mut self.table("members")[name];
        let is_new = member.is_none();
        if is_new {
            *member = Item::Table(Table::new());
        }
        for recipient in recipients {
            push(&mut member["recipients"], recipient.label());
        }
        if is_new && kind == MemberKind::Machine {
            member["kind"] = value("machine");
        }
        if let Some(until) = until {
            member["until"] = value(until);
        }
    }

    /// Takes a recipient of a member away, by the key that it is compared by.
    pub fn remove_recipient(&mut self, name: &str, key: &str) {
        let is_key = |text: &str| Recipient::parse(text).is_ok_and(|recipient| recipient.key_text() == key);
        retain(&mut self.table("members")[name]["recipients"], |text| !is_key(text));
    }

    /// Takes a member out of `[members]`, the groups, and the readers of every environment.
    pub fn remove_member(&mut self, name: &str) {
        if let Some(members) = self.document.get_mut("members").and_then(Item::as_table_like_mut) {
            members.remove(name);
        }
        if let Some(groups) = self.document.get_mut("groups").and_then(Item::as_table_like_mut) {
            groups.iter_mut().for_each(|(_, group)| retain(group, |member| member != name));
        }
        if let Some(environments) = self.document.get_mut("environments").and_then(Item::as_table_like_mut) {
            for (_, environment) in environments.iter_mut() {
                if let Some(readers) = environment.get_mut("readers") {
                    retain(readers, |reader| reader != name);
                }
            }
        }
    }

    /// Puts a member into a group.
    pub fn join_group(&mut self, group: &str, member: &str) {
        push(&mut self.table("groups")[group], member);
    }

    /// Puts a member or group among an environment's readers.
    pub fn add_reader(&mut self, environment: &str, reader: &str) {
        push(&mut self.table("environments")[environment]["readers"], reader);
    }

    /// Keeps the name of somebody whose access ended, with the recipients and the day.
    pub fn retire(&mut self, name: &str, recipients: &[String], day: &str) {
        let former = &mut self.table("former")[name];
        if former.is_none() {
            *former = Item::Table(Table::new());
        }
        for recipient in recipients {
            push(&mut former["recipients"], recipient);
        }
        former["removed"] = value(day);
    }

    /// Marks names whose values a former member has seen, by environment ([`super::Project::label`]).
    pub fn mark(&mut self, former: &str, names: &BTreeMap<String, Vec<Name>>) {
        if names.values().all(Vec::is_empty) {
            return;
        }
        let item = &mut self.table("former")[former]["rotate"];
        if item.is_none() {
            *item = value(InlineTable::new());
        }
        for (environment, names) in names.iter().filter(|(_, names)| !names.is_empty()) {
            names.iter().for_each(|name| push(&mut item[environment.as_str()], name.as_str()));
        }
    }

    /// Takes names that have a new value off every list of [`Self::mark`]; returns whether any was on one.
    pub fn settle(&mut self, environment: &str, names: &[&Name]) -> bool {
        let Some(former) = self.document.get_mut("former").and_then(Item::as_table_like_mut) else { return false };
        let mut is_changed = false;
        for (_, entry) in former.iter_mut() {
            let Some(lists) = entry.get_mut("rotate").and_then(Item::as_table_like_mut) else { continue };
            let Some(list) = lists.get_mut(environment) else { continue };
            let before = list.as_array().map_or(0, Array::len);
            retain(list, |text| !names.iter().any(|name| name.as_str() == text));
            let after = list.as_array().map_or(0, Array::len);
            is_changed |= after < before;
            if after == 0 {
                lists.remove(environment);
            }
            let is_settled = lists.is_empty();
            if is_settled && let Some(entry) = entry.as_table_like_mut() {
                entry.remove("rotate");
            }
        }
        is_changed
    }

    /// Returns a table of tables, made if it is missing.
    fn table(&mut self, name: &str) -> &mut Item {
        self.document.entry(name).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        })
    }
}

/// Appends a text to an array that is made if it is missing; one that has it stays as it is.
fn push(item: &mut Item, text: &str) {
    if item.is_none() {
        *item = value(Array::new());
    }
    let Some(array) = item.as_array_mut() else { return };
    if array.iter().all(|have| have.as_str() != Some(text)) {
        array.push(text);
    }
}

fn retain(item: &mut Item, keep: impl Fn(&str) -> bool) {
    if let Some(array) = item.as_array_mut() {
        array.retain(|value| value.as_str().is_none_or(&keep));
        if let Some(first) = array.get_mut(0) {
            let decor = first.decor_mut();
            if decor.prefix().and_then(|prefix| prefix.as_str()) == Some(" ") {
                decor.set_prefix("");
            }
        }
    }
}

/// Prints a document whose last comments stay where they stood, above what was added.
fn put_last(document: &mut DocumentMut, before: &str) -> String {
    let trailing = document.trailing().as_str().unwrap_or_default().to_string();
    document.set_trailing("");
    let edited = document.to_string();
    let kept = before.strip_suffix(&trailing).unwrap_or(before);
    match edited.strip_prefix(kept) {
        Some(added) if !trailing.is_empty() => format!("{kept}{trailing}{added}"),
        _ => format!("{edited}{trailing}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare_runs_code(text: &str, names: &[Name]) -> Result<String> {
        let mut settings = Settings::parse(text)?;
        settings.declare_runs_code(names);
        Ok(settings.print())
    }

    #[test]
    fn declaring_a_name_keeps_comments() {
        let text = "version = 1 # one\n\n[values.A]\nrequired = true\n";
        let name = Name::parse("NODE_OPTIONS").unwrap();
        let edited = declare_runs_code(text, &[name, Name::parse("A").unwrap()]).unwrap();
        assert!(edited.starts_with("version = 1 # one\n\n[values.A]\nrequired = true\nruns_code = true\n"));
        assert!(edited.contains("[values.NODE_OPTIONS]\nruns_code = true\n"), "{edited}");
        let last = "[environments.a]\nreaders = []\n# plain = []\n";
        let edited = declare_runs_code(last, &[Name::parse("CC").unwrap()]).unwrap();
        assert_eq!(edited, format!("{last}\n[values.CC]\nruns_code = true\n"));
    }

    const TEXT: &str = "# ours\n[members.alice]\nrecipients = [\"age1a\"] # laptop\n\n[groups]\ndev = [\"bob\", \"alice\"] # all\n\n\
                        [environments.development]\nreaders = [\"dev\"]\n";

    #[test]
    fn members_come_and_go_and_comments_stay() {
        let mut settings = Settings::parse(TEXT).unwrap();
        settings.remove_member("bob");
        settings.join_group("dev", "carol");
        settings.add_reader("development", "carol");
        settings.retire("bob", &["age1b".to_string()], "2026-01-02");
        let names = vec![Name::parse("A").unwrap(), Name::parse("B").unwrap()];
        settings.mark("bob", &BTreeMap::from([("development".to_string(), names.clone())]));
        let text = settings.print();
        for line in [
            "# ours\n[members.alice]\nrecipients = [\"age1a\"] # laptop\n",
            "dev = [\"alice\", \"carol\"] # all\n",
            "readers = [\"dev\", \"carol\"]\n",
            "[former.bob]\nrecipients = [\"age1b\"]\nremoved = \"2026-01-02\"\nrotate = { development = [\"A\", \"B\"] }\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let mut settings = Settings::parse(&text).unwrap();
        assert!(settings.settle("development", &[&names[0]]));
        assert!(!settings.settle("production", &[&names[1]]));
        let text = settings.print();
        assert!(text.contains("rotate = { development = [\"B\"] }\n"), "{text}");
        let mut settings = Settings::parse(&text).unwrap();
        settings.settle("development", &[&names[1]]);
        assert!(settings.print().ends_with("removed = \"2026-01-02\"\n"));
    }
}
