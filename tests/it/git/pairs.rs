//! Random pairs of edits of one file, and what a merge of them must come to: a second opinion on the driver.
//!
//! It knows names, values and comments, and nothing of sealed files. `tests/interop/merges.rs` uses it too.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A part of every value, so that whoever shows one shows this.
pub const MARK: &str = "q7zv3kd9xwm2";

/// The values of a file by name.
pub type Values = BTreeMap<String, String>;

/// A file, and what two people made of it.
pub struct Pair {
    pub base: File,
    pub ours: Branch,
    pub theirs: Branch,
}

/// What one person did. No name gets or loses a value twice, so one commit for each edit conflicts as all of them do.
pub struct Branch {
    pub edits: Vec<Edit>,
    pub end: File,
}

/// A file in plain.
#[derive(Clone, Default)]
pub struct File {
    pub names: Vec<String>,
    pub values: Values,
    /// The name that stands below each comment; none below one at the end.
    pub comments: BTreeMap<String, Option<String>>,
}

pub enum Edit {
    /// Puts a comment above a name, or at the end.
    Comment {
        text: String,
        above: Option<String>,
    },
    /// Adds a name with a comment above it.
    Import {
        name: String,
        value: String,
        text: String,
    },
    /// Moves a line behind another one.
    Move {
        name: String,
        behind: String,
    },
    /// Changes a value, or adds a name.
    Set {
        name: String,
        value: String,
    },
    Unset {
        name: String,
    },
}

impl Pair {
    /// Makes the pair of a seed: the same on every machine.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut base = File::default();
        for index in 0..5 + dice.below(16) {
            let name = format!("N{index:02}");
            base.values.insert(name.clone(), value(&name, 0));
            if dice.below(4) == 0 {
                base.comments.insert(format!(" above {name}"), Some(name.clone()));
            }
            base.names.push(name);
        }
        let [ours, theirs] = ["ours", "theirs"].map(|who| Branch::new(&mut dice, &base, who));
        Self { base, ours, theirs }
    }
}

impl Branch {
    fn new(dice: &mut Dice, base: &File, who: &str) -> Self {
        let mut branch = Self { edits: Vec::new(), end: base.clone() };
        let mut touched = BTreeSet::new();
        for index in 0..1 + dice.below(5) {
            let edit = branch.end.edit(dice, &mut touched, &format!(" {who} {index}"));
            branch.end.apply(&edit);
            branch.edits.push(edit);
        }
        if dice.below(4) == 0 {
            let edit = Edit::Comment { text: format!(" {who} at the end"), above: None };
            branch.end.apply(&edit);
            branch.edits.push(edit);
        }
        branch
    }
}

impl File {
    /// Makes an edit that changes something; `text` is a comment that there is not yet.
    fn edit(&self, dice: &mut Dice, touched: &mut BTreeSet<String>, text: &str) -> Edit {
        let any = dice.pick(&self.names).clone();
        let free: Vec<&String> = self.names.iter().filter(|name| !touched.contains(*name)).collect();
        // Few names and few values: both sides shall meet, and shall agree at times.
        let new = format!("X{}", dice.below(5));
        let is_new = !self.names.contains(&new) && !touched.contains(&new);
        let changed = |name: &str, dice: &mut Dice| (name.to_string(), value(name, 1 + dice.below(2)));
        let edit = match dice.below(6) {
            0 | 1 if !free.is_empty() => {
                let (name, value) = changed(dice.pick::<&String>(&free), dice);
                Edit::Set { name, value }
            }
            2 if free.len() > 1 => Edit::Unset { name: (*dice.pick(&free)).clone() },
            3 if is_new => {
                let (name, value) = changed(&new, dice);
                Edit::Set { name, value }
            }
            4 if is_new => {
                let (name, value) = changed(&new, dice);
                Edit::Import { name, value, text: text.to_string() }
            }
            5 => self.move_one(dice).unwrap_or_else(|| comment(text, any)),
            _ => comment(text, any),
        };
        if let Edit::Set { name, .. } | Edit::Unset { name } | Edit::Import { name, .. } = &edit {
            touched.insert(name.clone());
        }
        edit
    }

    /// Moves a name without comments, which would belong to another one then.
    fn move_one(&self, dice: &mut Dice) -> Option<Edit> {
        let from = dice.below(self.names.len());
        let to = dice.below(self.names.len());
        let (name, behind) = (&self.names[from], &self.names[to]);
        let has_comment = self.comments.values().any(|below| below.as_ref() == Some(name));
        let is_change = from != to && from != to + 1;
        (is_change && !has_comment).then(|| Edit::Move { name: name.clone(), behind: behind.clone() })
    }

    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Comment { text, above } => {
                self.comments.insert(text.clone(), above.clone());
            }
            Edit::Import { name, value, text } => {
                self.comments.insert(text.clone(), Some(name.clone()));
                self.apply(&Edit::Set { name: name.clone(), value: value.clone() });
            }
            Edit::Move { name, behind } => {
                self.names.retain(|other| other != name);
                let at = self.names.iter().position(|other| other == behind).expect("it is another name");
                self.names.insert(at + 1, name.clone());
            }
            Edit::Set { name, value } => {
                if self.values.insert(name.clone(), value.clone()).is_none() {
                    self.names.push(name.clone());
                }
            }
            Edit::Unset { name } => {
                self.names.retain(|other| other != name);
                self.values.remove(name);
                self.comments.retain(|_, below| below.as_ref() != Some(name));
            }
        }
    }

    /// Returns the text of a `.env`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for name in &self.names {
            let above = self.comments.iter().filter(|(_, below)| below.as_ref() == Some(name));
            above.for_each(|(comment, _)| text.push_str(&format!("#{comment}\n")));
            text.push_str(&format!("{name}={}\n", self.values[name]));
        }
        text
    }
}

impl Edit {
    /// Returns the edit as a line of shell; `$1` is the plain file.
    pub fn script(&self) -> String {
        match self {
            Self::Comment { text, above: Some(name) } => format!("sed -i '/^{name}=/i #{text}' \"$1\""),
            Self::Comment { text, above: None } => format!("echo '#{text}' >>\"$1\""),
            Self::Import { name, value, text } => format!("printf '%s\\n' '#{text}' {name}={value} >>\"$1\""),
            Self::Move { name, behind } => {
                format!("line=$(grep '^{name}=' \"$1\"); sed -i -e '/^{name}=/d' -e \"/^{behind}=/a $line\" \"$1\"")
            }
            Self::Set { name, value } => format!(
                "if grep -q '^{name}=' \"$1\"; then sed -i 's/^{name}=.*/{name}={value}/' \"$1\"; \
                 else echo {name}={value} >>\"$1\"; fi"
            ),
            Self::Unset { name } => format!("sed -i '/^{name}=/d' \"$1\""),
        }
    }
}

fn comment(text: &str, above: String) -> Edit {
    Edit::Comment { text: text.to_string(), above: Some(above) }
}

fn value(name: &str, variant: usize) -> String {
    format!("{MARK}-{name}-{variant}")
}

/// Merges values by name; where both sides changed one to different results `winner` stands, and the name is returned.
pub fn merged(base: &Values, winner: &Values, loser: &Values) -> (Values, BTreeSet<String>) {
    let mut values = Values::new();
    let mut conflicts = BTreeSet::new();
    let names: BTreeSet<&String> = base.keys().chain(winner.keys()).chain(loser.keys()).collect();
    for name in names {
        let [old, won, lost] = [base, winner, loser].map(|side| side.get(name));
        let result = if won == old { lost } else { won };
        if won != old && lost != old && won != lost {
            conflicts.insert(name.clone());
        }
        values.extend(result.map(|value| (name.clone(), value.clone())));
    }
    (values, conflicts)
}

/// A generator after Marsaglia (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // A state of 0 would stay 0; the multiplication spreads neighbouring seeds.
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
