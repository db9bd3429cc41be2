//! A moment as sops writes it: RFC 3339, whole seconds.

use std::fmt;

use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use super::Error;
use super::Kind;
use super::Result;

/// A moment with its offset from UTC, in whole seconds.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// Parses RFC 3339; a fraction of a second falls away, an offset stays.
    ///
    /// # Errors
    /// `Kind::Failed` if it is not RFC 3339.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let parsed = std::str::from_utf8(text).ok().and_then(|t| OffsetDateTime::parse(t, &Rfc3339).ok());
        // Outside of these years an offset leads out of what can be printed.
        let Some(moment) = parsed.filter(|moment| (1970..=9998).contains(&moment.year())) else {
            return Err(Error::new(Kind::Failed, "the time is not written as RFC 3339 wants it"));
        };
        Ok(Self::from(moment))
    }

    /// Returns the seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Returns the later of two moments, in UTC.
    #[must_use]
    pub fn later_of(self, other: Self) -> Self {
        Self(self.0.max(other.0).to_offset(UtcOffset::UTC))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        Self(moment.replace_nanosecond(0).unwrap_or(moment))
    }
}

impl fmt::Display for Timestamp {
    /// Prints RFC 3339; a zero offset is `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for (text, want) in [
            ("2026-11-23T12:38:30Z", "2026-11-23T12:38:30Z"),
            ("2026-11-23T12:38:30+00:00", "2026-11-23T12:38:30Z"),
            ("2026-11-23T12:38:30.987Z", "2026-11-23T12:38:30Z"),
            ("2026-11-23T14:38:30+02:00", "2026-11-23T14:38:30+02:00"),
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()).unwrap().to_string(), want);
        }
        for bad in [
            "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "", "2026-11-23", "2026-11-23T12:38:30Z\r",
            "yesterday",
        ] {
            assert!(Timestamp::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
