//! Values that are not strings, which `sops set` leaves behind: how sops reads and prints them.

use crate::base::Value;

/// What a plaintext is taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueKind {
    Bool,
    Float,
    Int,
    Str,
    Time,
}

impl ValueKind {
    /// Returns the kind of a `type:` field; `None` for one that a value in a dotenv file cannot have.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"bool" => Some(Self::Bool),
            b"float" => Some(Self::Float),
            b"int" => Some(Self::Int),
            b"str" => Some(Self::Str),
            b"time" => Some(Self::Time),
            _ => None,
        }
    }
}

/// Returns the bytes that sops' mac covers, and the text that sops prints; `None` if it is not of its kind.
pub fn read(plain: Value, kind: ValueKind) -> Option<(Option<Vec<u8>>, Value)> {
    if kind == ValueKind::Str || kind == ValueKind::Time {
        return Some((None, plain));
    }
    let text = std::str::from_utf8(plain.expose()).ok()?;
    let (covered, shown) = match kind {
        ValueKind::Int => {
            let number: i64 = text.parse().ok()?;
            (number.to_string(), number.to_string())
        }
        ValueKind::Bool => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => ("True".to_string(), "true".to_string()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => ("False".to_string(), "false".to_string()),
            _ => return None,
        },
        ValueKind::Float => {
            let number: f64 = text.parse().ok()?;
            (positional(number), shortest(number))
        }
        ValueKind::Str | ValueKind::Time => unreachable!("returned above"),
    };
    Some((Some(covered.into_bytes()), Value::from(shown)))
}

/// Prints a float with the shortest digits and no exponent, as Go's `strconv` with `'f'`.
fn positional(number: f64) -> String {
    special(number).unwrap_or_else(|| number.to_string())
}

/// Prints a float as sops' dotenv store does: Go's `'G'` with the shortest digits, and one decimal where it would look
/// like an integer.
fn shortest(number: f64) -> String {
    if let Some(text) = special(number) {
        return text;
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let power: i32 = exponent.parse().unwrap_or(0);
    // Go's 'G' with the shortest digits takes the exponent form below -4 and from 6 on. Measured with sops 3.11.0, held by
    // the tests below.
    if (-4..EXPONENT_FROM).contains(&power) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", power.abs())
}

const EXPONENT_FROM: i32 = 6;

fn special(number: f64) -> Option<String> {
    if number.is_nan() {
        Some("NaN".to_string())
    } else if number.is_infinite() {
        Some(if number > 0.0 { "+Inf" } else { "-Inf" }.to_string())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_sops_prints_them() {
        for (text, want) in [
            ("8080", "8080.0"),
            ("999999", "999999.0"),
            ("1000000", "1E+06"),
            ("123456789.5", "1.234567895E+08"),
            ("1000000000000000000000", "1E+21"),
            ("0.0001", "0.0001"),
            ("0.00001", "1E-05"),
            ("12345678901234567", "1.2345678901234568E+16"),
            ("-3", "-3.0"),
            ("0", "0.0"),
            ("+Inf", "+Inf"),
            ("NaN", "NaN"),
        ] {
            let (_, shown) = read(Value::from(text.to_string()), ValueKind::Float).unwrap();
            assert_eq!(String::from_utf8_lossy(shown.expose()), want);
        }
    }

    #[test]
    fn a_bool_is_covered_as_python_writes_it() {
        let (covered, shown) = read(Value::from("t".to_string()), ValueKind::Bool).unwrap();
        assert_eq!((covered.unwrap().as_slice(), shown.expose()), (&b"True"[..], &b"true"[..]));
        assert!(read(Value::from("yes".to_string()), ValueKind::Bool).is_none());
    }
}
