//! Chance that can be repeated: every draw is a function of the script's seed and of what it is for.

/// SplitMix64's output function: a well mixed 64-bit number of (seed, salt).
pub(crate) fn mix(seed: u64, salt: u64) -> u64 {
    let mut z = seed.wrapping_add(salt.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `low..=high` (`low` where the range is empty).
pub(crate) fn between(seed: u64, salt: u64, low: u64, high: u64) -> u64 {
    match high.checked_sub(low).and_then(|width| width.checked_add(1)) {
        Some(width) => low + mix(seed, salt) % width,
        None => low,
    }
}

/// True in about `share` of the salts (0 never, 1 always).
pub(crate) fn chance(seed: u64, salt: u64, share: f64) -> bool {
    // 53 bits: every value is exact in an f64, and 1.0 is never reached.
    ((mix(seed, salt) >> 11) as f64) / ((1_u64 << 53) as f64) < share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_draw_stays_in_its_range_and_repeats(seed: u64, salt: u64, low in 0_u64..1000, width in 0_u64..1000) {
            let drawn = between(seed, salt, low, low + width);
            prop_assert!((low..=low + width).contains(&drawn));
            prop_assert_eq!(drawn, between(seed, salt, low, low + width));
        }

        #[test]
        fn share_nought_never_strikes_and_share_one_always_does(seed: u64, salt: u64) {
            prop_assert!(!chance(seed, salt, 0.0));
            prop_assert!(chance(seed, salt, 1.0));
        }
    }

    #[test]
    fn a_share_of_a_tenth_strikes_about_a_tenth() {
        let struck = (0..10_000).filter(|salt| chance(7, *salt, 0.1)).count();
        assert!((900..1100).contains(&struck), "{struck}");
    }
}
