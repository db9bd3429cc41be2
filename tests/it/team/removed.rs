//! Whoever went: what he opens, and what he has seen.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::team::Person;
use crate::team::environments;

/// Opens a file as somebody with plain sops; returns whether it worked.
fn sops_opens(s: &Sandbox, person: &Person, file: &str) -> bool {
    let decrypt = s.program(["sops", "decrypt", "--input-type", "dotenv", "--output-type", "dotenv", file]);
    let outcome = decrypt.env("SOPS_AGE_KEY_FILE", &person.identity).go();
    let is_open = outcome.code() == 0;
    if is_open {
        outcome.reveals("OLD");
    }
    is_open
}

/// Tries each wrap of a file with plain age.
fn age_opens(s: &Sandbox, person: &Person, file: &str) -> bool {
    let wraps = file.lines().filter(|line| line.contains("__map_enc="));
    let armors: Vec<String> =
        wraps.filter_map(|line| line.split_once('=')).map(|(_, text)| text.replace("\\n", "\n")).collect();
    armors.iter().any(|armor| {
        s.program(["age", "--decrypt", "--identity"]).words([&person.identity]).stdin(armor.as_str()).go().code() == 0
    })
}

/// The old wraps in a new file: what somebody would try who kept the data key.
fn with_wraps_of(old: &str, new: &str) -> String {
    let is_wrap = |line: &&str| line.starts_with("sops_age__");
    let wraps: Vec<&str> = old.lines().filter(is_wrap).collect();
    let rest: Vec<&str> = new.lines().filter(|line| !is_wrap(line) && !line.contains("_seal=")).collect();
    rest.into_iter().chain(wraps).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_removed_member_opens_nothing_that_is_written_afterwards() {
    if !needs("sops") || !needs("age") {
        return;
    }
    let names: Vec<String> = (0..10).map(|index| format!("e{index}")).collect();
    let s = Sandbox::new().settings(&environments(&names)).canary("OLD", "the old value");
    let bob = Person::new(&s);
    for name in &names {
        s.call(["set", "KEY", "--env", name]).stdin("the old value").go().succeeds();
    }
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let path = |name: &str| format!("secrets/{name}.env");
    let old: Vec<String> = names.iter().map(|name| s.read(path(name))).collect();
    assert!(sops_opens(&s, &bob, &path("e0")), "while he is a member he reads");
    s.run(["member", "remove", "bob", "--yes"]).succeeds().says("removed `bob`; 11 files have a new data key");
    let (mut tried, mut opened) = (0, 0);
    for round in 0..10 {
        for (name, old) in names.iter().zip(&old) {
            s.call(["set", "KEY", "--env", name]).stdin(format!("new {round}")).go().succeeds();
            let new = s.read(path(name));
            s.write("mix.env", with_wraps_of(old, &new));
            tried += 1;
            let any = sops_opens(&s, &bob, &path(name)) || sops_opens(&s, &bob, "mix.env") || age_opens(&s, &bob, &new);
            opened += usize::from(any);
        }
    }
    assert_eq!((tried, opened), (100, 0));
    // What he has read he keeps: his old clone still opens.
    s.write("old.env", &old[0]);
    assert!(sops_opens(&s, &bob, "old.env"));
}

/// A project whose files `bob` read until the rekey, one of which has another name since, and one is gone.
fn moved() -> (Sandbox, Person) {
    let s = Sandbox::new().settings(&environments(&["stage".to_string()])).repository();
    let bob = Person::new(&s);
    for (name, environment) in [("KEY", "development"), ("CHANGED", "development"), ("STAGED", "stage")] {
        s.call(["set", name, "--env", environment]).stdin("old").go().succeeds();
    }
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.commit("bob reads");
    let settings = s.read("secrets.toml").replace("dev = [\"alice\", \"bob\"]", "dev = [\"alice\"]");
    s.write("secrets.toml", &settings);
    s.run(["allow"]).succeeds();
    s.run(["rekey"]).succeeds();
    s.call(["set", "CHANGED"]).stdin("new").go().succeeds();
    s.commit("bob reads no more");
    let development = settings.find("[environments.stage]").expect("it is declared");
    let settings = settings[..development].replace("readers = [\"dev\"]", "readers = [\"dev\"]\nfile = \"app.env\"");
    s.write("secrets.toml", settings);
    s.git(["mv", "secrets/development.env", "app.env"]);
    s.git(["rm", "--quiet", "secrets/stage.env"]);
    s.run(["allow"]).exits(5);
    s.run(["reseal", "--yes"]).succeeds();
    s.commit("other files");
    s.run(["run", "--", "true"]).succeeds();
    (s, bob)
}

#[test]
fn what_was_seen_is_found_where_files_were_before() {
    let (s, _) = moved();
    let seen = s.run(["access", "--member", "bob"]);
    seen.succeeds().shows_part("development: 2 names seen; still work: KEY\n");
    seen.shows_part("secrets/stage.env: 1 name seen; no environment has the file any more\n");
    s.run(["access", "--who", "STAGED"]).succeeds().shows_part("secrets/stage.env, some version in git: alice, bob");
    let removed = s.run(["member", "remove", "bob", "--yes"]);
    removed.succeeds().says("development: `KEY`\n").never_says("CHANGED");
    removed.says("bob has seen values of `secrets/stage.env`, which no environment has any more: `STAGED`");
}

#[test]
fn a_path_that_another_environment_has_now_hides_nothing() {
    let (s, _) = moved();
    let text =
        s.read("secrets.toml") + "\n[environments.fresh]\nreaders = [\"alice\"]\nfile = \"secrets/development.env\"\n";
    s.write("secrets.toml", text);
    s.run(["allow"]).succeeds();
    s.call(["set", "NEW", "--env", "fresh"]).stdin("n").go().succeeds();
    s.commit("another environment at the old path");
    let seen = s.run(["access", "--member", "bob"]);
    seen.succeeds().shows_part("development: 2 names seen; still work: KEY\n");
    seen.shows_part("fresh: 2 names seen; none of them still works\n");
}

#[test]
fn a_file_is_followed_into_a_service_and_a_service_that_is_gone_is_told() {
    let (s, _) = moved();
    let settings = s.read("secrets.toml");
    let own = settings.find("[environments.development]").expect("it is declared");
    s.write("secrets.toml", &settings[..own]);
    s.git(["mv", "-k", "app.env", "svc.env"]);
    s.write("svc/secrets.toml", "version = 1\nproject = \"shop\"\nroot = \"..\"\n\n".to_string() + &settings[own..]);
    s.git(["mv", "svc.env", "svc/app.env"]);
    s.call(["allow"]).cwd("svc").go().exits(5);
    s.call(["reseal", "--yes"]).cwd("svc").go().succeeds();
    s.commit("a service");
    let seen = || s.call(["access", "--member", "bob"]).cwd("svc").go();
    seen().succeeds().shows_part("svc/development: 2 names seen; still work: KEY\n");
    s.git(["mv", "svc", "other"]);
    s.write(
        "other/secrets.toml",
        s.read("other/secrets.toml").replace("[environments.development]", "[environments.dev]"),
    );
    s.call(["allow"]).cwd("other").go().exits(5);
    s.call(["reseal", "--yes"]).cwd("other").go().succeeds();
    s.commit("its folder and its name changed");
    let removed = s.call(["member", "remove", "bob", "--yes"]).cwd("other").go();
    removed.succeeds().says("other/dev: `KEY`\n").says("values of `secrets/stage.env`");
}

/// A small generator, so that a failing history is made again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// One environment as the model knows it.
#[derive(Clone, Default)]
struct Model {
    key: usize,
    readers: BTreeSet<String>,
    values: BTreeMap<String, String>,
    /// For each data key: whoever stood in a header under it, and every name with its value.
    readers_of: BTreeMap<usize, BTreeSet<String>>,
    pairs_of: BTreeMap<usize, BTreeSet<(String, String)>>,
}

impl Model {
    fn note(&mut self) {
        self.readers_of.entry(self.key).or_default().extend(self.readers.iter().cloned());
        let pairs = self.values.iter().map(|(name, value)| (name.clone(), value.clone()));
        self.pairs_of.entry(self.key).or_default().extend(pairs);
    }

    fn rekey(&mut self) {
        self.key += 1;
    }

    /// The names whose value of now the member has seen.
    fn current(&self, member: &str) -> BTreeSet<String> {
        let keys = self.readers_of.iter().filter(|(_, readers)| readers.contains(member)).map(|(key, _)| key);
        let seen: BTreeSet<&(String, String)> = keys.flat_map(|key| &self.pairs_of[key]).collect();
        let is_seen = |(name, value): &(&String, &String)| seen.contains(&((*name).clone(), (*value).clone()));
        self.values.iter().filter(is_seen).map(|(name, _)| name.clone()).collect()
    }
}

const ENVIRONMENTS: [&str; 3] = ["red", "green", "blue"];
const NAMES: usize = 40;

struct History {
    s: Sandbox,
    people: BTreeMap<String, Person>,
    models: BTreeMap<&'static str, Model>,
    dice: Dice,
    commits: usize,
}

impl History {
    fn new() -> Self {
        let settings = "[groups]\nred = [\"alice\"]\n";
        let s = Sandbox::new();
        let text = s
            .read("secrets.toml")
            .replace("[groups]\n", &(settings.to_string() + "green = [\"alice\"]\nblue = [\"alice\"]\n"));
        let s = s.file("secrets.toml", text);
        let lines: String =
            ENVIRONMENTS.iter().map(|name| format!("[environments.of-{name}]\nreaders = [\"{name}\"]\n\n")).collect();
        let s = s.settings(&lines).repository();
        let people = ["bob", "carol", "dave"].map(|name| (name.to_string(), Person::new(&s)));
        let mut history = Self { s, people: people.into(), models: BTreeMap::new(), dice: Dice(7), commits: 0 };
        for name in ENVIRONMENTS {
            let mut plain = String::new();
            let mut model = Model { readers: ["alice".to_string()].into(), ..Model::default() };
            for index in 0..NAMES {
                let (key, value) = (format!("N{index}"), history.value());
                let _ = writeln!(plain, "{key}={value}");
                model.values.insert(key, value);
            }
            history.s.call(["import", "-", "--env", &format!("of-{name}")]).stdin(plain).go().succeeds();
            model.note();
            history.models.insert(name, model);
        }
        history.commit();
        history
    }

    /// Few values, so that an old one comes back now and then.
    fn value(&mut self) -> String {
        format!("value-{}", self.dice.roll(5))
    }

    fn commit(&mut self) {
        self.s.commit("step");
        self.commits += 1;
        for model in self.models.values_mut() {
            model.note();
        }
    }

    fn step(&mut self) {
        let name = ENVIRONMENTS[self.dice.roll(3)];
        let environment = format!("of-{name}");
        let key = format!("N{}", self.dice.roll(NAMES));
        match self.dice.roll(40) {
            0..=32 => {
                let value = self.value();
                self.s.call(["set", &key, "--env", &environment]).stdin(value.as_str()).go().succeeds();
                self.model(name).values.insert(key, value);
            }
            33 | 34 => {
                if self.model(name).values.remove(&key).is_some() {
                    self.s.run(["unset", &key, "--env", &environment]).succeeds();
                }
            }
            35 | 36 => self.join(name),
            37 => self.leave(),
            38 => self.take_out_without_a_rekey(name),
            _ => {
                self.s.run(["rekey", "--env", &environment]).succeeds();
                self.model(name).rekey();
            }
        }
        self.commit();
    }

    fn model(&mut self, name: &str) -> &mut Model {
        self.models.get_mut(name).expect("an environment")
    }

    fn join(&mut self, group: &str) {
        let member = ["bob", "carol", "dave"][self.dice.roll(3)];
        let recipient = self.people[member].recipient.clone();
        let is_member = self.s.read("secrets.toml").contains(&format!("[members.{member}]"));
        let mut words = vec!["member", "add", member];
        if !is_member {
            words.push(&recipient);
        }
        self.s.run(words.into_iter().chain(["--to", group])).succeeds();
        self.model(group).readers.insert(member.to_string());
    }

    fn leave(&mut self) {
        let member = ["bob", "carol", "dave"][self.dice.roll(3)];
        if !self.s.read("secrets.toml").contains(&format!("[members.{member}]")) {
            return;
        }
        self.s.run(["member", "remove", member, "--yes"]).succeeds();
        for model in self.models.values_mut() {
            // Whoever was taken out without a rekey has the data key still.
            let has_key = model.readers_of[&model.key].contains(member);
            if model.readers.remove(member) || has_key {
                model.rekey();
            }
        }
    }

    /// What somebody with plain sops does: another list of recipients, the same data key.
    fn take_out_without_a_rekey(&mut self, group: &'static str) {
        let Some(member) = self.model(group).readers.iter().find(|name| *name != "alice").cloned() else { return };
        let file = format!("secrets/of-{group}.env");
        let people: Vec<String> = self.model(group).readers.iter().filter(|name| **name != member).cloned().collect();
        let own = self.s.recipient();
        let recipients: Vec<&str> =
            people.iter().map(|name| self.people.get(name).map_or(own.as_str(), |person| &person.recipient)).collect();
        let rule = format!("creation_rules:\n  - age: {}\n    unencrypted_regex: ^$\n", recipients.join(","));
        self.s.write("../rules.yaml", rule);
        let update = self.s.program(["sops", "--config", "../rules.yaml", "updatekeys", "--yes", &file]);
        update.env("SOPS_AGE_KEY_FILE", self.s.identity()).go().succeeds();
        let text = self.s.read("secrets.toml");
        let list = text.lines().find(|line| line.starts_with(&format!("{group} = ["))).expect("the group").to_string();
        let shorter = list.replace(&format!(", \"{member}\""), "");
        self.s.write("secrets.toml", text.replace(&list, &shorter));
        self.s.run(["allow", "--no-git"]).code();
        self.s.run(["reseal", "--yes", "--env", &format!("of-{group}")]).succeeds();
        self.model(group).readers.remove(&member);
    }

    /// What the product says that a member has seen and that still works, by group.
    fn told(&self, member: &str, identity: Option<&Person>) -> BTreeMap<String, BTreeSet<String>> {
        let mut call = self.s.call(["access", "--member", member, "--json"]);
        if let Some(person) = identity {
            call = call.env("SECRETS_IDENTITY_FILE", &person.identity).env("XDG_CONFIG_HOME", "").env("HOME", "/");
        }
        let outcome = call.go();
        let told = outcome.succeeds().json();
        let rows = told.as_array().expect("a list").iter();
        rows.map(|row| {
            let environment = row["environment"].as_str().expect("a name").trim_start_matches("of-").to_string();
            let names = row["current"].as_array().expect("a list").iter();
            (environment, names.map(|name| name.as_str().expect("a name").to_string()).collect())
        })
        .collect()
    }
}

#[test]
fn what_a_member_has_seen_is_what_was_planted() {
    if !needs("sops") {
        return;
    }
    let steps = if std::env::var_os("SECRETS_TEST_ALL").is_some() { 300 } else { 80 };
    let mut history = History::new();
    while history.commits < steps {
        history.step();
    }
    let stranger = Person::new(&history.s);
    let mut compared = 0;
    for member in ["bob", "carol", "dave"] {
        if !history.s.read("secrets.toml").contains(&format!(".{member}]")) {
            continue;
        }
        let (exact, without) = (history.told(member, None), history.told(member, Some(&stranger)));
        for name in ENVIRONMENTS {
            let truth = history.models[name].current(member);
            let empty = BTreeSet::new();
            assert_eq!(exact.get(name).unwrap_or(&empty), &truth, "{member} in {name}");
            assert!(without.get(name).unwrap_or(&empty).is_superset(&truth), "{member} in {name} without an identity");
            compared += truth.len();
        }
    }
    let keys: usize = history.models.values().map(|model| model.key).sum();
    println!("{} commits, {keys} rekeys, {compared} names that still work", history.commits);
    assert!(compared > 10 && keys >= 2);
}
