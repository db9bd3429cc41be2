//! Plaintext on its way: wiped when dropped, and opened in the last line that needs it.

use std::fmt;

use zeroize::Zeroize;
use zeroize::Zeroizing;

/// The bytes of one secret.
///
/// It cannot be printed, compared, copied or serialized by accident:
///
/// ```compile_fail
/// println!("{}", secrets::base::Value::from(b"x".to_vec()));
/// ```
/// ```compile_fail
/// let _ = secrets::base::Value::from(b"x".to_vec()) == secrets::base::Value::from(b"x".to_vec());
/// ```
/// ```compile_fail
/// let _ = secrets::base::Value::from(b"x".to_vec()).clone();
/// ```
/// ```compile_fail
/// let _ = serde_json::to_string(&secrets::base::Value::from(b"x".to_vec()));
/// ```
pub struct Value(Zeroizing<Vec<u8>>);

impl Value {
    /// Returns the plaintext. Each caller is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes, which the sealed file shows as well.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether the value is the empty string.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether there is a NUL in it, which no environment can hold.
    pub fn has_nul(&self) -> bool {
        self.0.contains(&0)
    }

    /// Tells whether it is UTF-8, all that some shells can hold.
    pub fn is_text(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }

    /// Tells whether two values have the same bytes. Not in constant time: both are ours.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Makes a second copy, for the rare place that needs one.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Returns the value without one line end at its end, as `echo` leaves it.
    pub fn without_line_end(mut self) -> Self {
        let cut = match self.0.as_slice() {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        };
        // `truncate` would leave the bytes behind the new end; they are only a line end.
        let length = self.0.len() - cut;
        self.0.truncate(length);
        self
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<Zeroizing<Vec<u8>>> for Value {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl Zeroize for Value {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        assert_eq!(format!("{:?}", Value::from("hunter2".to_string())), "Value(7 bytes)");
    }

    #[test]
    fn one_line_end_is_taken_off() {
        for (text, want) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", "")] {
            let value = Value::from(text.to_string()).without_line_end();
            assert_eq!(value.expose(), want.as_bytes());
        }
    }
}
