//! What happens in a month: bookings, changes, cancellations, as a clinic's system says them and as they arrive.

use super::calendar::{Clinic, DAY, HOUR, MINUTE, Ms, first};
use super::facts::{Said, Visit, What};
use super::random::Random;

/// Reminders that appointments bring; the clinics' own are `24h` and `2h`.
const OWN: [&[&str]; 8] = [
    &[],
    &["2h"],
    &["3d", "24h"],
    &["48h", "24h", "2h"],
    &["24h", "20h", "2h"],
    &["24h", "8h", "2h"],
    &["24h", "4h", "1h"],
    &["1d", "12h"],
];
/// Who sees patients.
const DOCTORS: [&str; 4] = ["Dr. Çağrı Şahin", "Uzm. Dr. Işık Öz", "Dt. Ali Uçar", "Dr. Ömer Ağca"];
/// Days on which visits begin: from the second of the month on.
const DAYS: usize = 30;

/// How many appointments there are, and how finely they are spread.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Appointments.
    pub appointments: usize,
    /// They begin at multiples of so many minutes.
    pub grid: usize,
    /// The times of day in Istanbul at which the clinics' systems deliver what they have: never within two minutes of a multiple of
    /// fifteen, also not by a clock that is ten minutes off, so that what is late and what is not is beyond doubt.
    pub deliveries: &'static [(i64, i64)],
}

impl Size {
    /// A month that passes in less than a minute.
    pub const SMALL: Self = Self { appointments: 300, grid: 60, deliveries: &FEW };
    /// The same where each step takes its time.
    pub const SPARSE: Self = Self { appointments: 100, grid: 120, deliveries: &FEWER };

    /// This or, from a certain number on, a finer one with so many appointments.
    #[must_use]
    pub fn of(self, appointments: usize) -> Self {
        let finer = appointments > 4 * self.appointments;
        let (grid, deliveries) =
            if finer { (self.grid / 4, &MANY[..]) } else { (self.grid, self.deliveries) };
        Self { appointments, grid, deliveries }
    }
}

const FEWER: [(i64, i64); 4] = [(0, 23), (11, 23), (14, 7), (19, 37)];
const FEW: [(i64, i64); 6] = [(0, 23), (7, 53), (11, 23), (14, 7), (17, 8), (21, 37)];
const MANY: [(i64, i64); 12] = [
    (0, 23),
    (4, 37),
    (7, 53),
    (8, 37),
    (10, 23),
    (11, 38),
    (13, 23),
    (14, 7),
    (15, 7),
    (17, 8),
    (19, 37),
    (21, 38),
];

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A fact arrives: index into [`Month::said`].
    Fact(usize),
    /// The system of the clinic of this appointment reminds of it by itself.
    Direct(usize),
    /// From now on the ledger's clock is so far ahead of the world's.
    Skew(Ms),
}

/// A month.
#[derive(Debug)]
pub struct Month {
    /// Appointments.
    pub visits: Vec<Visit>,
    /// All that is said of them, in the order in which it is said of each.
    pub said: Vec<Said>,
    /// What happens when, by the world's clock, in order.
    pub happenings: Vec<(Ms, Happening)>,
}

impl Month {
    /// The month of a seed.
    pub fn of(seed: u64, size: Size) -> Self {
        let mut writer = Writer {
            random: Random(seed),
            grid: size.grid as i64 * MINUTE,
            slots: slots(size.deliveries),
            month: Self { visits: vec![], said: vec![], happenings: vec![] },
            arrivals: vec![],
        };
        for n in 0..size.appointments {
            writer.appointment(n);
        }
        writer.steps();
        writer.finish()
    }
}

fn slots(times: &[(i64, i64)]) -> Vec<Ms> {
    let days = 0..(DAYS as i64 + 2);
    let of_day = |day| times.iter().map(move |(h, m)| first() + day * DAY + h * HOUR + m * MINUTE);
    days.flat_map(of_day).collect()
}

struct Writer {
    random: Random,
    grid: Ms,
    slots: Vec<Ms>,
    month: Month,
    /// When, in which order of those that arrive at once, and what.
    arrivals: Vec<(Ms, u64, Happening)>,
}

impl Writer {
    fn appointment(&mut self, n: usize) {
        let clinic = *self.random.one(&[Clinic::Atasehir, Clinic::Atasehir, Clinic::Besiktas]);
        let own = self.random.percent(40).then(|| *self.random.one(&OWN));
        let counted = self.random.percent(85);
        let start = self.start();
        self.month.visits.push(Visit { n, clinic, counted, own });
        let lead = match self.random.below(10) {
            0 => 1 + self.random.below(5),
            1..=2 => 5 + self.random.below(25),
            _ => 24 + self.random.below(9 * 24),
        };
        let with = *self.random.one(&DOCTORS);
        let mut life = Life { n, slot: 0, version: 0, starts: vec![start], stands: false };
        life.slot = self.last_before(start - lead as i64 * HOUR);
        self.say(&mut life, What::Stands { starts_at: start, with });
        while life.stands && self.random.percent(50) {
            self.change(&mut life);
        }
        if life.stands && self.random.percent(12) {
            let start = life.start();
            let back = 9 + self.random.below(21) as i64;
            let slot = self.last_before(start - back * HOUR);
            self.arrive(slot, Happening::Direct(n));
        }
    }

    /// One more turn in the life of an appointment, if there is time for it.
    fn change(&mut self, life: &mut Life) {
        let with = *self.random.one(&DOCTORS);
        let start = life.start();
        let (what, latest) = match self.random.below(10) {
            0..=3 => {
                let moved = self.moved(life);
                (What::Stands { starts_at: moved, with }, start.min(moved) - HOUR)
            }
            // a doctor is changed, often after the first reminder
            4..=6 => {
                let back = 3 + self.random.below(20) as i64;
                life.slot = life.slot.max(self.last_before(start - back * HOUR).saturating_sub(1));
                (What::Stands { starts_at: start, with }, start - HOUR)
            }
            _ => (What::Cancelled, start - HOUR),
        };
        let last = self.last_before(latest);
        if last <= life.slot {
            return;
        }
        life.slot += 1 + self.random.below(last - life.slot);
        self.say(life, what.clone());
        if what == What::Cancelled && self.random.percent(40) {
            // booked anew, now and then for the same time
            let again = if self.random.percent(50) { start } else { self.moved(life) };
            let last = self.last_before(again - HOUR);
            if last > life.slot {
                life.slot += 1 + self.random.below(last - life.slot);
                self.say(life, What::Stands { starts_at: again, with });
            }
        }
    }

    /// Another start: a new one, or one that the appointment had before.
    fn moved(&mut self, life: &Life) -> Ms {
        if life.starts.len() > 1 && self.random.percent(25) {
            return *self.random.one(&life.starts);
        }
        let days = self.random.below(7) as i64 - 2;
        let there = self.start().rem_euclid(DAY) + life.start().div_euclid(DAY) * DAY + days * DAY;
        there.clamp(first() + DAY + 8 * HOUR, first() + (DAYS as i64 + 1) * DAY)
    }

    /// A start: mostly by day, now and then at an hour at which the rules have something to decide.
    fn start(&mut self) -> Ms {
        let day = 1 + self.random.below(DAYS) as i64;
        let hour = if self.random.percent(85) {
            9 + self.random.below(10)
        } else {
            *self.random.one(&[0, 6, 8, 20, 22, 23])
        };
        let in_hour = self.random.below(60) as i64 * MINUTE;
        let at = hour as i64 * HOUR + in_hour;
        first() + day * DAY + at - at.rem_euclid(self.grid)
    }

    fn say(&mut self, life: &mut Life, what: What) {
        let time = self.slots[life.slot] - MINUTE + life.starts.len() as i64 * 1_000;
        let visit = &self.month.visits[life.n];
        life.version =
            if visit.counted { life.version + 1 + self.random.below(3) as i64 } else { time };
        let first = !life.stands;
        life.stands = what != What::Cancelled;
        let latest = match what {
            What::Stands { starts_at, .. } => {
                life.starts.push(starts_at);
                self.last_before(starts_at - HOUR / 2)
            }
            What::Cancelled => self.slots.len() - 1,
        };
        let said = self.month.said.len();
        self.month.said.push(Said { visit: life.n, version: life.version, time, what, first });
        // late, so that it may come after what was said later; and again
        let late = if self.random.percent(12) { 1 + self.random.below(6) } else { 0 };
        self.arrive((life.slot + late).min(latest), Happening::Fact(said));
        if self.random.percent(15) {
            let again = (life.slot + late + self.random.below(8)).min(latest);
            self.arrive(again, Happening::Fact(said));
        }
    }

    fn arrive(&mut self, slot: usize, what: Happening) {
        let place = self.random.next();
        self.arrivals.push((self.slots[slot], place, what));
    }

    /// The last delivery that is not after an instant; the first one if there is none.
    fn last_before(&self, at: Ms) -> usize {
        self.slots.partition_point(|slot| *slot <= at).saturating_sub(1)
    }

    /// Every third day the ledger's clock is put forward and back, over instants at which somebody is reminded. Early and late it is
    /// right: nobody may be reminded at night.
    fn steps(&mut self) {
        let ten = 10 * MINUTE;
        for day in (1..=DAYS as i64).step_by(3) {
            let early = if self.random.percent(50) { ten } else { -ten };
            for (hour, skew) in [(11, early), (13, 0), (14, -early), (16, 0)] {
                let at = first() + day * DAY + hour * HOUR + 5 * MINUTE;
                self.arrivals.push((at, 0, Happening::Skew(skew)));
            }
        }
    }

    fn finish(mut self) -> Month {
        self.arrivals.sort_by_key(|(at, place, _)| (*at, *place));
        let happenings = self.arrivals.into_iter().map(|(at, _, what)| (at, what)).collect();
        Month { happenings, ..self.month }
    }
}

/// How far the story of one appointment is told.
struct Life {
    n: usize,
    slot: usize,
    version: i64,
    /// All starts it has had, in order.
    starts: Vec<Ms>,
    stands: bool,
}

impl Life {
    fn start(&self) -> Ms {
        *self.starts.last().expect("it was booked")
    }
}
