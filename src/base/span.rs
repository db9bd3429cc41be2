//! Spans of time as a person writes them: `90d`, `8h`.

const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads a whole number of one of these units, `d`, `h`, `m` or `s`; returns seconds, `None` for anything else.
pub fn seconds(text: &str, units: &[&str]) -> Option<i64> {
    let known = UNITS.iter().filter(|(unit, _)| units.contains(unit));
    let (number, unit) = known.clone().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u32>().ok().filter(|_| is_number).map(|number| i64::from(number) * unit)
}
