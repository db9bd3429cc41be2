//! Shamir's secret sharing over GF(2⁸), as far as reading needs it.

use zeroize::Zeroizing;

/// Combines shares by Lagrange's interpolation at 0; each share is the y bytes and then one byte x.
///
/// Returns `None` if the shares have different lengths, are empty, or two have the same x. Shares carry no check of their
/// own: a wrong one gives a wrong secret.
pub fn combine(shares: &[Zeroizing<Vec<u8>>]) -> Option<Zeroizing<Vec<u8>>> {
    let length = shares.first()?.len();
    if length < 2 || shares.iter().any(|share| share.len() != length) {
        return None;
    }
    let xs: Vec<u8> = shares.iter().map(|share| share[length - 1]).collect();
    let mut secret = Zeroizing::new(vec![0; length - 1]);
    for (i, share) in shares.iter().enumerate() {
        let mut factor = 1;
        for (j, x) in xs.iter().enumerate() {
            if i != j {
                let difference = x ^ xs[i];
                if difference == 0 {
                    return None;
                }
                factor = multiply(factor, multiply(*x, invert(difference)));
            }
        }
        for (out, y) in secret.iter_mut().zip(share.iter()) {
            *out ^= multiply(*y, factor);
        }
    }
    Some(secret)
}

/// Multiplies modulo x⁸ + x⁴ + x³ + x + 1, without a branch on the factors.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & (b & 1).wrapping_neg();
        let carry = (a >> 7).wrapping_neg();
        a = (a << 1) ^ (carry & 0x1b);
        b >>= 1;
    }
    product
}

/// a²⁵⁴ is the inverse of a.
fn invert(a: u8) -> u8 {
    let mut power = a;
    let mut inverse = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_its_inverse() {
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1);
        }
    }

    #[test]
    fn two_of_three_points_give_the_secret() {
        // f(x) = 0x2a + 0x5c·x in GF(2⁸).
        let point = |x: u8| Zeroizing::new(vec![0x2a ^ multiply(0x5c, x), x]);
        for pair in [[1, 2], [1, 3], [2, 3]] {
            let shares = pair.map(point);
            assert_eq!(combine(&shares).unwrap().as_slice(), [0x2a]);
        }
        assert!(combine(&[point(1), point(1)]).is_none());
        assert!(combine(&[]).is_none());
    }
}
