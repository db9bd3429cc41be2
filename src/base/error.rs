//! One error for the whole program: kind, message, hints, cause. The kind alone decides the exit code.

use std::error::Error as StdError;
use std::fmt;

/// A result with our error.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as far as an exit code tells it (`DESIGN.md` 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A bug of ours.
    Bug,
    /// It failed, and the caller can put it right.
    Failed,
    /// No identity opens it, or it was tampered with.
    Locked,
    /// The program to run exists but cannot be executed.
    NotExecutable,
    /// The program to run does not exist.
    NotFound,
    /// The reader of our output went away.
    PipeClosed,
    /// Refused by policy or trust.
    Refused,
    /// A store did not answer.
    Unreachable,
    /// The command line was wrong.
    Usage,
}

impl Kind {
    /// Returns the exit code of every command but `run`.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed | Self::PipeClosed => 1,
            Self::Usage => 2,
            Self::Locked => 3,
            Self::Unreachable => 4,
            Self::Refused => 5,
            Self::Bug => 70,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
        }
    }

    /// Returns the exit code of `run`, where a child's code must never be taken for ours.
    pub fn code_of_run(self) -> u8 {
        match self {
            Self::Usage | Self::NotExecutable | Self::NotFound => self.code(),
            _ => 125,
        }
    }
}

/// Says what and which one, its cause, and what to type next; never a value.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    hints: Vec<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    rule: Option<&'static str>,
    short: Option<String>,
}

impl Error {
    /// Makes an error. `message` is lower case, without a full stop, with things in backticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hints: Vec::new(), cause: None, rule: None, short: None }))
    }

    /// Adds what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Names the rule of the strict reader that was broken.
    #[must_use]
    pub fn rule(mut self, rule: &'static str) -> Self {
        self.0.rule = Some(rule);
        self
    }

    /// Says in half a line what there is to say, for a prompt: what it is and what to type, without a name in front.
    #[must_use]
    pub fn short(mut self, line: impl Into<String>) -> Self {
        self.0.short = Some(line.into());
        self
    }

    /// Returns an error that says the same: for a cause that several things have.
    pub fn again(&self) -> Self {
        let mut error = Self::new(self.kind(), self.message());
        error.0.short.clone_from(&self.0.short);
        let error = match self.causes().into_iter().next() {
            Some(cause) => error.because(cause),
            None => error,
        };
        self.hints().iter().fold(error, Self::hint)
    }

    /// Puts words in front of the message, such as the file that it speaks of.
    #[must_use]
    pub fn in_front(mut self, words: impl AsRef<str>) -> Self {
        self.0.message.insert_str(0, words.as_ref());
        self
    }

    /// Puts the file that the error speaks of in front of its message.
    #[must_use]
    pub fn in_file(mut self, shown: &str) -> Self {
        if let Some(short) = &mut self.0.short {
            short.insert_str(0, &format!("{shown} "));
        }
        self.in_front(format!("`{shown}`: "))
    }

    /// Changes the kind, where a command has a code of its own for what went wrong.
    #[must_use]
    pub fn as_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the message without hints and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to type next, in the order in which it was added.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// Returns what it says at a prompt: one line.
    pub fn line(&self) -> String {
        let hint = self.0.hints.first().map(|hint| format!("; {hint}")).unwrap_or_default();
        self.0.short.clone().unwrap_or_else(|| format!("{}{hint}", self.0.message))
    }

    /// Returns the causes, nearest first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next: Option<&dyn StdError> = self.0.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }

    /// Returns the rule of the strict reader that was broken, by its identifier.
    pub fn broken_rule(&self) -> Option<&'static str> {
        self.0.rule
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}; {:?}; {:?}", self.0.kind, self.0.message, self.causes(), self.0.hints)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}
