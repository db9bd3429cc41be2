//! Random names, values and files from a fixed seed, which a failure prints.

/// A generator after Marsaglia (xorshift64*): the same on every machine, and no secret depends on it.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // A state of 0 would stay 0; the multiplication spreads neighbouring seeds.
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) as usize) % end
    }

    /// Tells true once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Returns up to `most` bytes, each made by `byte`.
    pub fn bytes(&mut self, most: usize, mut byte: impl FnMut(&mut Self) -> u8) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| byte(self)).collect()
    }
}

/// What may stand in a random file.
#[derive(Clone, Copy)]
pub struct Taste {
    /// NUL bytes; a `.env` of other readers has none.
    pub nul: bool,
    /// Values that look encrypted; where a selector leaves them clear nobody could tell.
    pub sealed_look: bool,
}

/// One line of a random file, in plain.
pub enum Row {
    Blank,
    Comment(Vec<u8>),
    Entry(String, Vec<u8>),
}

/// Makes a file: names that are legal and stand once, values and comments with any bytes but LF.
///
/// A value may hold the two bytes `\n`, which sops takes for LF.
pub fn rows(dice: &mut Dice, taste: Taste) -> Vec<Row> {
    let count = dice.below(16);
    let mut names = std::collections::HashSet::new();
    let mut rows = Vec::new();
    for _ in 0..count {
        let row = match dice.below(8) {
            0 => Row::Blank,
            1 | 2 => Row::Comment(comment(dice, taste)),
            _ => Row::Entry(name(dice), value(dice, taste)),
        };
        if let Row::Entry(name, _) = &row
            && !names.insert(name.clone())
        {
            continue;
        }
        rows.push(row);
    }
    rows
}

/// Words that the selectors in `files.rs` look for stand at either end.
fn name(dice: &mut Dice) -> String {
    const FIRST: &[u8] = b"ABCXYZabcxyz_";
    const REST: &[u8] = b"ABCXYZabcxyz_0189";
    let mut name = (*dice.pick(&["", "", "", "LOG_", "SOPS_", "sops"])).to_string();
    name.push(char::from(*dice.pick(FIRST)));
    name.extend(dice.bytes(12, |dice| *dice.pick(REST)).into_iter().map(char::from));
    let end: &&str = dice.pick(&["", "", "", "_unencrypted", "_secret", "_PORT"]);
    name.push_str(end);
    if name.starts_with("sops_") { format!("x{name}") } else { name }
}

/// Two of the selectors go by words in comments.
fn comment(dice: &mut Dice, taste: Taste) -> Vec<u8> {
    let text = match dice.below(4) {
        0 => dice.pick(&["", " keep in clear", " seal this", "# twice", " a=b", " sops_x=y"]).as_bytes().to_vec(),
        _ => value(dice, Taste { sealed_look: false, ..taste }),
    };
    // Three kilobytes of noise tell no more than three hundred bytes of it.
    text.into_iter().take(300).collect()
}

fn value(dice: &mut Dice, taste: Taste) -> Vec<u8> {
    const ODD: &[u8] = b" \t\"'`\\$#=!&;|<>(){}[]*?~%@:,.-_a0n";
    const UNICODE: &[&str] = &["é", "ß", "Ω", "日", "🔑", "\u{85}", "\u{2028}", "\u{feff}", "x"];
    const WHOLE: &[&str] = &[
        "", "true", "null", "8080", "1e3", "-0", "0x1f", "2026-11-23", "~", "\"quoted\"", "'quoted'", "\"", "\\",
        "a\\nb", "\\n", "\\\\n", "a\\\\\\nb", "tail\r", " lead", "trail ",
    ];
    let printable = |dice: &mut Dice| 0x20 + dice.below(0x5f) as u8;
    let mut bytes = match dice.below(13) {
        0 | 1 => dice.pick(WHOLE).as_bytes().to_vec(),
        2 | 3 => dice.bytes(40, printable),
        4 | 5 => dice.bytes(24, |dice| *dice.pick(ODD)),
        6 | 7 => dice.bytes(32, |dice| dice.next().to_be_bytes()[0]),
        8 => (0..dice.below(12)).flat_map(|_| dice.pick(UNICODE).bytes()).collect(),
        9 => dice.bytes(12, |dice| *dice.pick(b"\\n\rab")),
        10 if taste.sealed_look => b"ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]".to_vec(),
        11 if dice.one_in(4) => dice.bytes(20_000, printable),
        _ => dice.bytes(16, |dice| *dice.pick(b"abcdefXYZ0123456789-_+/")),
    };
    bytes.retain(|byte| *byte != b'\n' && (taste.nul || *byte != 0));
    bytes
}

/// Returns a file in sops' dialect, with or without a line end at its end.
pub fn sops_file(rows: &[Row], ends_with_lf: bool) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = rows.iter().map(sops_line).collect();
    if ends_with_lf {
        lines.push(Vec::new());
    }
    lines.join(&b'\n')
}

/// Returns what `sops decrypt` prints of such a file: no blank line, and a line end after each.
pub fn as_sops_prints(rows: &[Row]) -> Vec<u8> {
    let lines = rows.iter().filter(|row| !matches!(row, Row::Blank)).map(sops_line);
    lines.flat_map(|line| [line, b"\n".to_vec()].concat()).collect()
}

fn sops_line(row: &Row) -> Vec<u8> {
    match row {
        Row::Blank => Vec::new(),
        Row::Comment(text) => [b"#", text.as_slice()].concat(),
        Row::Entry(name, value) => [name.as_bytes(), b"=", &escaped(value, &[(b'\n', b"\\n")])].concat(),
    }
}

/// Returns a file in our dialect: every value in double quotes with every escape that they know.
///
/// Not by `dotenv::quote`: it is under test here.
pub fn our_file<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<u8> {
    const ESCAPES: [(u8, &[u8]); 7] = [
        (b'\n', b"\\n"),
        (b'\r', b"\\r"),
        (b'\t', b"\\t"),
        (b'\\', b"\\\\"),
        (b'"', b"\\\""),
        (b'$', b"\\$"),
        (b'`', b"\\`"),
    ];
    let line = |row: &Row| match row {
        Row::Blank => b"\n".to_vec(),
        Row::Comment(text) => [b"#", text.as_slice(), b"\n"].concat(),
        Row::Entry(name, value) => [name.as_bytes(), b"=\"", &escaped(value, &ESCAPES), b"\"\n"].concat(),
    };
    rows.into_iter().flat_map(line).collect()
}

fn escaped(bytes: &[u8], escapes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        match escapes.iter().find(|(plain, _)| plain == byte) {
            Some((_, written)) => out.extend_from_slice(written),
            None => out.push(*byte),
        }
    }
    out
}
