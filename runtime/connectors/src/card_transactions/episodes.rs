//! Bursts of one card's payments: frauds, and honest ones that look a little like them.
//!
//! A split's rows are cut into epochs. Each epoch plans its episodes from its number alone: their
//! card, pattern, and the rows they take the place of, in this epoch or in those after it. Where two
//! episodes want a row, the one planned first has it. So what stands in a row depends on a fixed
//! number of epochs before it, and a reader may start anywhere.

use std::collections::VecDeque;

use super::world::World;
use crate::random::Random;

/// No episode reaches further than this many epochs.
const REACH: u64 = 32;

/// Shares of all rows that are honest bursts.
const SPREES: f64 = 0.025;
const FARES: f64 = 0.004;

/// What an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Fraud: a stolen number is tried out, many small amounts within a minute.
    CardTest,
    /// Fraud: a few purchases far above what the card usually pays.
    CashOut,
    /// Fraud: one payment after the other in a country where the card doesn't live.
    Abroad,
    /// Fraud: one or two payments like any other, only somewhat larger.
    Stealth,
    /// Honest: an afternoon in town.
    Spree,
    /// Honest: fares and vending machines.
    Fares,
}

impl Pattern {
    pub(super) fn is_fraud(self) -> bool {
        !matches!(self, Self::Spree | Self::Fares)
    }
}

/// A row of an episode.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Rank in the split's cards.
    pub card: u32,
    pub pattern: Pattern,
    /// How much more than usual is paid.
    pub factor: f64,
    /// The episode's foreign country.
    pub country: u8,
    /// Random bits of this row.
    pub bits: u64,
}

/// The episodes of the epochs around a row.
#[derive(Debug)]
pub(super) struct Plan {
    /// Rows of an epoch: about a minute's.
    epoch_rows: u64,
    /// The epoch whose rows are `rows[0]`.
    epoch: u64,
    /// For each epoch from there on, the rows taken, in the order of planning.
    rows: VecDeque<Vec<(u64, Planned)>>,
}

impl Plan {
    /// A plan from which rows from `first` on can be had.
    pub(super) fn new(world: &World, first: u64) -> Self {
        let epoch_rows = ((world.mean_rate() * 60.0).round() as u64).clamp(128, 1 << 16);
        let epoch = first / epoch_rows;
        let mut plan = Self {
            epoch_rows,
            epoch: epoch.saturating_sub(REACH),
            rows: (0..=REACH).map(|_| Vec::new()).collect(),
        };
        plan.plan_epoch(world);
        while plan.epoch < epoch {
            plan.advance(world);
        }
        plan
    }

    /// Calls `replace` for each planned row of a range. Ranges must follow one another.
    pub(super) fn for_each(
        &mut self,
        world: &World,
        first: u64,
        count: usize,
        mut replace: impl FnMut(u64, &Planned),
    ) {
        let end = first + count as u64;
        let mut row = first;
        while row < end {
            while self.epoch < row / self.epoch_rows {
                self.advance(world);
            }
            let epoch_end = (self.epoch + 1) * self.epoch_rows;
            let until = end.min(epoch_end);
            let planned = &self.rows[0];
            let from = planned.partition_point(|(at, _)| *at < row);
            for (at, planned) in planned[from..].iter().take_while(|(at, _)| *at < until) {
                replace(*at, planned);
            }
            row = until;
        }
    }

    /// Goes on to the next epoch.
    fn advance(&mut self, world: &World) {
        self.rows.pop_front();
        self.rows.push_back(Vec::new());
        self.epoch += 1;
        self.plan_epoch(world);
    }

    /// Plans the episodes that begin in the first epoch, whose rows are complete then.
    fn plan_epoch(&mut self, world: &World) {
        let start = self.epoch * self.epoch_rows;
        let rate = world.rate_at(start);
        let mut random = Random::new(world.episode_key, self.epoch);
        // what kind, the share of all rows that are of it, and how many rows an episode has on average
        let spree = (Pattern::Spree, (4, 9), (240, 900));
        let fares = (Pattern::Fares, (4, 9), (60, 240));
        for (honest, share, size) in [
            (None, world.fraud_rate, 8.9),
            (Some(spree), SPREES, 6.5),
            (Some(fares), FARES, 6.5),
        ] {
            let expected = self.epoch_rows as f64 * share / size;
            let count = expected.floor() as u64 + u64::from(random.unit() < expected.fract());
            for _ in 0..count {
                let mut own = Random::new(random.next(), 0);
                let from = start + own.below(self.epoch_rows);
                let card = own.below(world.cards.len() as u64) as u32;
                let country = world.abroad(&world.cards[card as usize], own.next());
                let mut episode = Episode {
                    random: own,
                    card,
                    country,
                    rate,
                    at: from,
                    last: (self.epoch + REACH) * self.epoch_rows,
                    rows: Vec::new(),
                };
                match honest {
                    None => episode.fraud(),
                    Some((pattern, count, seconds)) => episode.run(pattern, count, seconds, 1.0),
                }
                for (row, planned) in episode.rows {
                    let epoch = (row / self.epoch_rows - self.epoch) as usize;
                    if let Some(rows) = self.rows.get_mut(epoch) {
                        rows.push((row, planned));
                    }
                }
            }
        }
        // who planned a row first has it: the sort keeps their order
        let rows = &mut self.rows[0];
        rows.sort_by_key(|(row, _)| *row);
        rows.dedup_by_key(|(row, _)| *row);
    }
}

/// An episode being planned.
struct Episode {
    random: Random,
    card: u32,
    country: u8,
    /// Rows a second.
    rate: f64,
    /// Where the next run starts.
    at: u64,
    /// No row may be from here on.
    last: u64,
    rows: Vec<(u64, Planned)>,
}

impl Episode {
    /// One fraud, of a random pattern.
    fn fraud(&mut self) {
        match self.random.below(100) {
            0..35 => {
                self.run(Pattern::CardTest, (8, 16), (15, 45), 1.0);
                if self.random.below(100) < 60 {
                    // it works: now for the money
                    self.at += (self.rate * self.random.between(10, 60) as f64) as u64 + 1;
                    let factor = 8.0 + self.random.unit() * 17.0;
                    self.run(Pattern::CashOut, (1, 3), (30, 120), factor);
                }
            }
            35..60 => {
                let factor = 8.0 + self.random.unit() * 22.0;
                self.run(Pattern::CashOut, (3, 6), (40, 180), factor);
            }
            60..90 => {
                let factor = 1.2 + self.random.unit() * 1.8;
                self.run(Pattern::Abroad, (6, 14), (20, 75), factor);
            }
            _ => {
                let factor = 1.3 + self.random.unit() * 2.5;
                self.run(Pattern::Stealth, (1, 2), (60, 300), factor);
            }
        }
    }

    /// Some rows spread over some seconds, each range including its ends.
    fn run(&mut self, pattern: Pattern, count: (u64, u64), seconds: (u64, u64), factor: f64) {
        let count = self.random.between(count.0, count.1);
        let seconds = self.random.between(seconds.0, seconds.1);
        // at least every other row is somebody else's
        let length = (self.rate * seconds as f64).max(count as f64 * 2.0);
        let step = length / count as f64;
        for number in 0..count {
            let row = self.at + ((number as f64 + self.random.unit()) * step) as u64;
            let spread = 0.75 + self.random.unit() * 0.5;
            let bits = self.random.next();
            if row < self.last {
                self.rows.push((
                    row,
                    Planned {
                        card: self.card,
                        pattern,
                        factor: factor * spread,
                        country: self.country,
                        bits,
                    },
                ));
            }
        }
        self.at += length as u64;
    }
}
