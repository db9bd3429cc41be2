//! The forms in which a value could leave: raw, base64, hex, percent, JSON.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use memchr::memmem;

/// Shorter values occur by chance.
const SHORTEST: usize = 6;
/// Each line of a longer value that has at least so many bytes is a value too.
const SHORTEST_LINE: usize = 8;
/// What every identity of age begins with; they are watched in every scene.
const IDENTITIES: [&[u8]; 2] = [b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-PQ-1"];

/// A value under watch, with all its forms.
pub struct Canary {
    name: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Computes the forms of a value; a short one has none.
    pub fn new(name: &str, value: &[u8]) -> Self {
        let mut forms = Vec::new();
        if value.len() >= SHORTEST {
            forms.push(("raw", value.to_vec()));
            let lines =
                value.split(|b| *b == b'\n').filter(|line| line.len() >= SHORTEST_LINE && line.len() < value.len());
            forms.extend(lines.map(|line| ("a line of it", line.to_vec())));
            for before in 0..3 {
                forms.push(("base64", base64(&BASE64_STANDARD_NO_PAD, value, before)));
                forms.push(("base64url", base64(&BASE64_URL_SAFE_NO_PAD, value, before)));
            }
            let each = |form: fn(&u8) -> String| value.iter().map(form).collect::<String>().into_bytes();
            forms.push(("hex", each(|byte| format!("{byte:02x}"))));
            forms.push(("HEX", each(|byte| format!("{byte:02X}"))));
            forms.push(("percent", each(|byte| percent(*byte).to_ascii_lowercase())));
            forms.push(("PERCENT", each(|byte| percent(*byte))));
            forms.push(("full percent", each(|byte| format!("%{byte:02x}"))));
            forms.push(("FULL PERCENT", each(|byte| format!("%{byte:02X}"))));
            if let Ok(text) = std::str::from_utf8(value) {
                let json = serde_json::to_string(text).expect("a string is JSON");
                forms.push(("JSON", json.as_bytes()[1..json.len() - 1].to_vec()));
            }
        }
        Self { name: name.to_string(), forms }
    }
}

/// A value that stands where it should not.
pub struct Leak {
    pub name: String,
    form: &'static str,
}

impl Leak {
    /// Searches bytes for every value.
    pub fn find(bytes: &[u8], canaries: &[Canary]) -> Vec<Self> {
        let mut leaks = Vec::new();
        if IDENTITIES.iter().any(|identity| memmem::find(bytes, identity).is_some()) {
            leaks.push(Self { name: "IDENTITY".to_string(), form: "raw" });
        }
        for canary in canaries {
            let found = canary.forms.iter().find(|(_, form)| memmem::find(bytes, form).is_some());
            leaks.extend(found.map(|(form, _)| Self { name: canary.name.clone(), form }));
        }
        leaks
    }

    /// Tells whether it is a private key, which has one place where it belongs.
    pub fn is_identity(&self) -> bool {
        self.name == "IDENTITY"
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value of {} ({})", self.name, self.form)
    }
}

/// Returns what the value alone determines when `before` bytes come before it.
fn base64(engine: &impl base64::Engine, value: &[u8], before: usize) -> Vec<u8> {
    let text = engine.encode([&vec![0; before][..], value].concat()).into_bytes();
    let (first, end) = ((before * 8).div_ceil(6), (before + value.len()) * 8 / 6);
    text[first..end].to_vec()
}

fn percent(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

#[test]
fn every_form_of_a_value_is_found() {
    let value = b"a/B+c?d&e\"f\xf0\x9f\x90\xa6";
    let canaries = [Canary::new("KEY", value)];
    for before in ["", "x", "xy", "xyz"] {
        let around = [before.as_bytes(), value, b"behind"].concat();
        for engine in [base64::prelude::BASE64_STANDARD, base64::prelude::BASE64_URL_SAFE] {
            assert_eq!(Leak::find(engine.encode(&around).as_bytes(), &canaries).len(), 1, "{before}");
        }
        let hex: String = around.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Leak::find(hex.as_bytes(), &canaries).len(), 1);
        assert_eq!(Leak::find(hex.to_uppercase().as_bytes(), &canaries).len(), 1);
        let percent: String = around.iter().map(|byte| percent(*byte)).collect();
        assert_eq!(Leak::find(percent.as_bytes(), &canaries).len(), 1);
        let json = serde_json::to_string(&String::from_utf8_lossy(&around)).unwrap();
        assert_eq!(Leak::find(json.as_bytes(), &canaries).len(), 1);
    }
    assert_eq!(Leak::find(&value[1..], &canaries).len(), 0);
}
