//! The two clocks of a month: the world's, by which patients live and providers work, and the ledger's, which may be wrong.

use std::time::Duration;

use simulator::Simulator;

use super::calendar::{Clinic, Ms};
use crate::harness::clock::now_ms;

/// Both run as this machine's clock does, and are moved beside it.
#[derive(Debug, Default)]
pub struct Clocks {
    world: Ms,
    skew: Ms,
}

impl Clocks {
    /// The world's time.
    pub fn world(&self) -> Ms {
        now_ms() + self.world
    }

    /// The ledger's time.
    pub fn ledger(&self) -> Ms {
        self.world() + self.skew
    }

    /// How far the ledger's clock is ahead of the world's.
    pub fn skew(&self) -> Ms {
        self.skew
    }

    /// From now on it is so far ahead.
    pub fn set_skew(&mut self, skew: Ms) {
        self.skew = skew;
    }

    /// By how much the ledger's clock is ahead of this machine's.
    pub fn moved(&self) -> Ms {
        self.world + self.skew
    }

    /// It becomes `at` in the world, unless it is later already.
    pub fn go(&mut self, at: Ms, outside: &Simulator) {
        if let Ok(by @ 1..) = u64::try_from(at - self.world()) {
            outside.advance(Duration::from_millis(by));
            self.world += by as Ms;
        }
    }
}

/// What a person's phone has received.
#[derive(Debug, Clone)]
pub struct Received {
    /// By the ledger's clock.
    pub ledger_at: Ms,
    /// By the world's.
    pub world_at: Ms,
    /// Ten digits.
    pub to: String,
    /// The text.
    pub text: String,
}

impl Received {
    /// For failures.
    pub fn shown(&self, clinic: Clinic) -> String {
        format!(
            "at {} (world {}): {}",
            clinic.written(self.ledger_at),
            clinic.written(self.world_at),
            self.text
        )
    }
}
