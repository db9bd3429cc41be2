//! A merge that was made line by line, or waits for a person: made again by name.

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::git;
use crate::git::Choice;
use crate::git::DATA_KEYS;
use crate::git::Resolution;
use crate::git::Side;
use crate::history::Sides;
use crate::sops::Conflict;
use crate::sops::Draft;
use crate::sops::Opened;
use crate::sops::Written;
use crate::term::Terminal;

use super::super::diff;
use super::super::judge;
use super::Work;

impl Work<'_> {
    /// Makes the last merge again, if the file is what it made line by line; `None` otherwise.
    pub fn redo_last_merge(&self, bytes: &[u8]) -> Result<Option<Written>> {
        let merge = self.repository.as_ref().map(|git| git.last_merge(&self.site.environment.file)).transpose()?;
        let Some(merge) = merge.flatten().filter(|merge| merge.made == bytes) else { return Ok(None) };
        let short = merge.commit.get(..12).unwrap_or(&merge.commit);
        self.context.ui.warn(format!(
            "`{}` was merged line by line in commit {short}; the merge is made again by name",
            self.site.path()
        ));
        self.redo(&merge.sides).map(Some)
    }

    /// Merges both sides by name; asks for what both changed.
    pub fn redo(&self, sides: &Sides) -> Result<Written> {
        let mut ask = |conflict: &Conflict| self.choose(conflict);
        let merged = git::merge(sides, &mut self.context.keyring(), Resolution::Ask(&mut ask), self.context.world.now);
        let outcome = match merged {
            Ok(outcome) => outcome,
            Err(error) if error.broken_rule() == Some(DATA_KEYS) => return self.redo_anew(sides, &error),
            Err(error) => return Err(error),
        };
        let opened = self.open(&outcome.written.bytes)?;
        let Some(why) = outcome.unsealed else {
            // A person's merge decides over names; whose data key it is, the record does.
            if let Err(error) = judge::accept(self.context, self.selected, &self.site.environment.name, &opened) {
                return self.redo_anew(sides, &error);
            }
            self.show_merged(sides, &opened)?;
            return Ok(outcome.written);
        };
        self.context.ui.warn(format!("`{}` is merged by name; {why}", self.site.path()));
        self.show_merged(sides, &opened)?;
        if !self.confirm("Seal the merged file?")? {
            return Err(Error::new(Kind::Failed, "the merge was not ended"));
        }
        match self.not_to_bless(&opened) {
            Some(odd) => {
                self.context.ui.warn(format!("`{}`: {odd}", self.site.path()));
                let seq = self.past()?.seq.saturating_add(1);
                self.write_anew(&Draft::of(&opened)?, std::slice::from_ref(&opened), seq)
            }
            None => self.seal(&opened, &self.past()?),
        }
    }

    /// Says what the merged file has that the last sealed version has not; without one, that our side has not.
    fn show_merged(&self, sides: &Sides, merged: &Opened) -> Result<()> {
        let last = match self.past()?.last {
            Some(last) => last,
            None => self.open(&sides.ours)?,
        };
        let changes = git::compare(&Side::of(&last), &Side::of(merged));
        if changes.is_empty() {
            return Ok(());
        }
        self.context.ui.warn(format!("the merge changes `{}`:", self.site.path()));
        for line in diff::lines(self.site.project, &changes) {
            self.context.ui.warn(format!("  {line}"));
        }
        Ok(())
    }

    /// No data key of the sides is one that the merged file could have: a new one, after a look.
    fn redo_anew(&self, sides: &Sides, why: &Error) -> Result<Written> {
        for text in std::iter::once(why.message().to_string()).chain(why.causes()) {
            self.context.ui.warn(format!("`{}`: {text}", self.site.path()));
        }
        let mut ask = |conflict: &Conflict| self.choose(conflict);
        let (draft, opened) = git::merge_anew(sides, &mut self.context.keyring(), Resolution::Ask(&mut ask))?;
        let seq = opened.iter().filter_map(Opened::version).map(|version| version.seq).max();
        let written = self.write_anew(&draft, &opened, seq.unwrap_or(0).saturating_add(1))?;
        self.show_merged(sides, &self.open(&written.bytes)?)?;
        if !self.confirm("Merge both by name, under a new data key for the readers in secrets.toml?")? {
            return Err(Error::new(Kind::Failed, "the merge was not ended"));
        }
        Ok(written)
    }

    fn choose(&self, conflict: &Conflict) -> Result<Choice> {
        let name = &conflict.name;
        let mut terminal = Terminal;
        match (self.arguments.ours, self.arguments.theirs) {
            (true, _) => return Ok(Choice::Ours),
            (_, true) => return Ok(Choice::Theirs),
            (false, false) if !terminal.is_there() => {
                return Err(Error::new(
                    Kind::Failed,
                    format!("both sides changed `{name}`, and there is no terminal to ask on"),
                )
                .hint("`secrets reseal --ours` keeps our values, `--theirs` takes theirs"));
            }
            (false, false) => {}
        }
        let state = |value: &Option<crate::base::Value>| if value.is_some() { "a new value" } else { "removed" };
        let question = format!("{name}: ours ({}) or theirs ({})?", state(&conflict.ours), state(&conflict.theirs));
        Ok(if terminal.choose(&question, &["ours", "theirs"])? == 0 { Choice::Ours } else { Choice::Theirs })
    }
}
