//! Who pays where, when and how much: cards, merchants, hours and everyday rows.

use super::Settings;
use super::episodes::{Pattern, Plan, Planned};
use crate::random::{self, Random, at, exp, mix, normal};

/// A card's rows come at most this many milliseconds later than the split's clock.
pub(super) const MOST_DELAY: u64 = 1_800;

/// Events a second of event time that a split holds at most: even in the busiest hour each has a
/// millisecond of its own, which keeps a card's rows strictly increasing.
pub(super) const MOST_RATE: f64 = 500.0;

/// … and at least: a dozen rows of a burst must fit into minutes.
pub(super) const LEAST_RATE: f64 = 0.5;

const DAY: i64 = 86_400_000;
const HOUR: f64 = 3_600_000.0;

/// How busy the hours of a day are, in proportion.
const HOURS: [f64; 24] = [
    0.35, 0.25, 0.20, 0.20, 0.25, 0.40, 0.70, 1.00, 1.15, 1.20, 1.25, 1.40, 1.55, 1.45, 1.30, 1.25,
    1.35, 1.55, 1.70, 1.60, 1.30, 1.00, 0.75, 0.50,
];

/// What is bought.
pub(super) struct Category {
    pub name: &'static str,
    /// Merchants of it, in a thousand.
    share: u32,
    /// The logarithm of the median amount, and how widely amounts scatter.
    median: f64,
    scatter: f64,
    /// Whether the buyer isn't there: such a payment is never abroad because of a journey.
    pub remote: bool,
}

const fn category(
    name: &'static str,
    share: u32,
    median: f64,
    scatter: f64,
    remote: bool,
) -> Category {
    Category {
        name,
        share,
        median,
        scatter,
        remote,
    }
}

pub(super) const CASH: usize = 10;
pub(super) const DIGITAL: usize = 11;
pub(super) const ONLINE: usize = 3;
pub(super) const ELECTRONICS: usize = 7;
pub(super) const TRAVEL: usize = 8;
pub(super) const TRANSPORT: usize = 2;

// medians: ln 32, ln 24, ln 16, ln 38, ln 55, ln 20, ln 35, ln 140, ln 210, ln 75, ln 90, ln 7
pub(super) const CATEGORIES: [Category; 12] = [
    category("grocery", 220, 3.466, 0.75, false),
    category("restaurant", 150, 3.178, 0.60, false),
    category("transport", 120, 2.773, 0.80, false),
    category("online_shopping", 130, 3.638, 0.90, true),
    category("clothing", 70, 4.007, 0.70, false),
    category("entertainment", 70, 2.996, 0.60, false),
    category("health", 50, 3.555, 0.80, false),
    category("electronics", 30, 4.942, 0.90, false),
    category("travel", 30, 5.347, 0.90, true),
    category("utilities", 50, 4.317, 0.50, true),
    category("cash", 50, 4.500, 0.60, false),
    category("digital", 30, 1.946, 0.60, true),
];

/// Where. The first twelve are homes of cards.
pub(super) const COUNTRIES: [&str; 24] = [
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "SE", "CA", "BR", "AU", "JP", "MX", "PT", "GR",
    "TR", "CH", "AT", "DK", "AE", "SG", "TH", "ZA",
];

/// Of a thousand cards, how many live in each of the first twelve.
const HOMES: [u32; 12] = [330, 120, 120, 90, 60, 60, 50, 50, 30, 40, 30, 20];

const MERCHANTS: u64 = 5_000;
const MERCHANT_SEED: u64 = 0x6d65_7263_6861_6e74;

/// One row in this many is an honest outlier: a large purchase.
const OUTLIER: u64 = 200;

/// A card.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub id: i64,
    /// Makes its favourite merchants and its journeys.
    key: u64,
    /// The logarithm of how much more than others it spends.
    pub scale: f64,
    delay: i64,
    pub home: u8,
}

/// All that is fixed for a split.
#[derive(Debug)]
pub(super) struct World {
    split: u64,
    splits: u64,
    /// The split's cards, the busiest first.
    pub cards: Vec<Card>,
    merchants: Vec<u8>,
    /// For each category, its merchants.
    of_category: Vec<Vec<i32>>,
    clock: Clock,
    row_key: u64,
    pub episode_key: u64,
    pub fraud_rate: f64,
}

impl World {
    pub(super) fn new(settings: &Settings, split: u64) -> Self {
        let splits = settings.splits;
        let count = settings.cards / splits + u64::from(split < settings.cards % splits);
        let card_key = random::key(settings.seed, "cards");
        // a rank's card is scattered over the numbers, so that a low number isn't a busy card: a
        // walk with a step that has no divisor in common with the count visits each once
        let step = coprime_step(count);
        let cards = (0..count)
            .map(|rank| {
                let number = ((u128::from(rank) * u128::from(step)) % u128::from(count)) as u64;
                let id = number * splits + split + 1;
                let mut random = Random::new(card_key, id);
                Card {
                    id: id as i64,
                    key: random.next(),
                    scale: 0.45 * normal(random.next()),
                    delay: random.below(MOST_DELAY + 1) as i64,
                    home: pick(&HOMES, random.below(1000) as u32) as u8,
                }
            })
            .collect();
        let shares: Vec<u32> = CATEGORIES.iter().map(|category| category.share).collect();
        // the merchants are the same for every seed and split
        let merchants: Vec<u8> = (0..MERCHANTS)
            .map(|merchant| {
                pick(
                    &shares,
                    Random::new(MERCHANT_SEED, merchant).below(1000) as u32,
                ) as u8
            })
            .collect();
        let mut of_category = vec![Vec::new(); CATEGORIES.len()];
        for (merchant, category) in merchants.iter().enumerate() {
            of_category[usize::from(*category)].push(merchant as i32);
        }
        let split_key = mix(random::key(settings.seed, "rows") ^ mix(split));
        Self {
            split,
            splits,
            cards,
            merchants,
            of_category,
            clock: Clock::new(settings.start, settings.events_per_second / splits as f64),
            row_key: split_key,
            episode_key: random::key(split_key, "episodes"),
            fraud_rate: settings.fraud_rate,
        }
    }

    pub(super) fn transaction_id(&self, row: u64) -> i64 {
        (row * self.splits + self.split) as i64
    }

    /// Rows a second at a row.
    pub(super) fn rate_at(&self, row: u64) -> f64 {
        self.clock.rate_at(row)
    }

    /// Rows a second on average.
    pub(super) fn mean_rate(&self) -> f64 {
        self.clock.per_day as f64 / 86_400.0
    }

    pub(super) fn merchant_of(&self, category: usize, bits: u64) -> i32 {
        let merchants = &self.of_category[category];
        let place = ((bits >> 32) * merchants.len() as u64) >> 32;
        merchants.get(place as usize).copied().unwrap_or(0)
    }

    pub(super) fn abroad(&self, card: &Card, bits: u64) -> u8 {
        let others = COUNTRIES.len() as u64 - 1;
        let other = (((bits & 0xffff) * others) >> 16) as u8;
        if other >= card.home { other + 1 } else { other }
    }
}

/// The place of a number in a list of shares.
fn pick(shares: &[u32], mut number: u32) -> usize {
    for (place, share) in shares.iter().enumerate() {
        if number < *share {
            return place;
        }
        number -= share;
    }
    0
}

/// A step near the golden section of `count` that visits every number below it.
fn coprime_step(count: u64) -> u64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let start = (count as f64 * 0.618) as u64 + 1;
    (start..)
        .find(|step| divisor(*step, count) == 1)
        .unwrap_or(1)
}

/// When a split's rows happen: more by day than by night.
#[derive(Debug)]
struct Clock {
    /// The first midnight, in milliseconds since 1970.
    midnight: i64,
    /// Rows a day, and how many of them come before each hour.
    per_day: u64,
    before: [u64; 25],
    /// Rows between the first midnight and the start.
    skipped: u64,
}

impl Clock {
    fn new(start: i64, rate: f64) -> Self {
        let per_day = (rate * 86_400.0).round() as u64;
        let total: f64 = HOURS.iter().sum();
        let mut before = [0; 25];
        let mut sum = 0.0;
        for (hour, weight) in HOURS.iter().enumerate() {
            sum += weight;
            before[hour + 1] = (per_day as f64 * sum / total).round() as u64;
        }
        before[24] = per_day;
        let midnight = start.div_euclid(DAY) * DAY;
        let into_day = (start - midnight) as f64 / HOUR;
        let hour = into_day.floor() as usize;
        let part = into_day - into_day.floor();
        let skipped = before[hour] + ((before[hour + 1] - before[hour]) as f64 * part) as u64;
        Self {
            midnight,
            per_day,
            before,
            skipped,
        }
    }

    /// Day and hour of a row, and its number within the hour.
    fn hour_of(&self, row: u64) -> (i64, usize, u64) {
        let row = row + self.skipped;
        let (day, of_day) = (row / self.per_day, row % self.per_day);
        let hour = self.before.partition_point(|before| *before <= of_day) - 1;
        (day as i64, hour, of_day - self.before[hour])
    }

    fn rate_at(&self, row: u64) -> f64 {
        let (_, hour, _) = self.hour_of(row);
        (self.before[hour + 1] - self.before[hour]) as f64 / 3_600.0
    }

    /// Appends the times of rows. `bits` scatter each within its own interval.
    fn times(&self, mut row: u64, bits: &[u64], out: &mut Vec<i64>) {
        let mut bits = bits.iter();
        while !bits.as_slice().is_empty() {
            let (day, hour, number) = self.hour_of(row);
            let count = self.before[hour + 1] - self.before[hour];
            let start = self.midnight + day * DAY + hour as i64 * HOUR as i64;
            let step = HOUR / count as f64;
            let mut low = (number as f64 * step) as i64;
            let here = (count - number).min(bits.len() as u64);
            for (after, bits) in (number + 1..).zip(bits.by_ref().take(here as usize)) {
                let high = (after as f64 * step) as i64;
                let width = (high - low) as u64;
                out.push(start + low + ((width * (bits & 0xffff)) >> 16) as i64);
                low = high;
            }
            row += here;
        }
    }
}

/// Rows of a split, by column.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Ranks in [`World::cards`].
    pub cards: Vec<u32>,
    pub times: Vec<i64>,
    pub cents: Vec<i64>,
    pub merchants: Vec<i32>,
    pub categories: Vec<u8>,
    pub countries: Vec<u8>,
    pub fraud: Vec<bool>,
    bits: Vec<u64>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.cards.len()
    }

    /// Makes the rows from `first` on, everyday ones and, in their places, those of episodes.
    pub(super) fn make(
        &mut self,
        world: &World,
        plan: &mut Plan,
        first: u64,
        count: usize,
        amounts: bool,
    ) {
        self.cards.clear();
        self.times.clear();
        self.cents.clear();
        self.merchants.clear();
        self.categories.clear();
        self.countries.clear();
        self.fraud.clear();
        self.bits.clear();
        self.fraud.resize(count, false);
        self.bits
            .extend((first..).take(count).map(|row| at(world.row_key, row)));
        world.clock.times(first, &self.bits, &mut self.times);
        let cards = world.cards.len() as f64;
        for &bits in &self.bits {
            // u^1.5: the busiest cards pay far more often; half of all make a third of the payments
            let unit = (bits >> 32) as f64 / (1_u64 << 32) as f64;
            let rank = (cards * unit * unit.sqrt()) as u32;
            self.cards.push(rank);
        }
        for (&bits, &rank) in self.bits.iter().zip(&self.cards) {
            let card = &world.cards[rank as usize];
            let bits = mix(bits ^ 0x5bd1_e995);
            let merchant = if bits & 0xff < 180 {
                // one of its twelve favourites, some more than others
                let favourite = ((bits >> 8 & 0xff) * (bits >> 16 & 0xff) * 12) >> 16;
                at(card.key, favourite) >> 32
            } else {
                bits >> 32
            };
            let merchant = ((merchant * MERCHANTS) >> 32) as usize;
            self.merchants.push(merchant as i32);
            self.categories.push(world.merchants[merchant]);
        }
        for (place, &rank) in self.cards.iter().enumerate() {
            let card = &world.cards[rank as usize];
            // where it is: a journey lasts three days
            let journey = at(card.key, 1_000 + (self.times[place] / (3 * DAY)) as u64);
            let remote = CATEGORIES[usize::from(self.categories[place])].remote;
            let chance = self.bits[place] >> 16 & 0xff;
            let country = if journey & 0xff < 8 && !remote && chance < 235 {
                world.abroad(card, journey >> 8)
            } else if remote && chance < 20 {
                // a shop abroad
                world.abroad(card, self.bits[place] >> 24)
            } else {
                card.home
            };
            self.countries.push(country);
        }
        if amounts {
            for (place, &rank) in self.cards.iter().enumerate() {
                let card = &world.cards[rank as usize];
                let category = usize::from(self.categories[place]);
                let bits = mix(self.bits[place] ^ 0x1b87_3593);
                let outlier = mix(bits);
                let mut amount = everyday(card, category, bits);
                if outlier.is_multiple_of(OUTLIER) {
                    amount *= 3.0 + (outlier >> 32 & 0xff) as f64 / 51.0;
                }
                self.cents.push(cents(amount, category));
            }
        } else {
            self.cents.resize(count, 0);
        }
        // every rank is below the number of cards; a delay of its own keeps a card's rows in order
        for (time, rank) in self.times.iter_mut().zip(&self.cards) {
            *time += world.cards[*rank as usize].delay;
        }
        plan.for_each(world, first, count, |row, planned| {
            self.replace(world, (row - first) as usize, planned);
        });
    }

    /// Puts an episode's row in the place of an everyday one, at the same moment.
    fn replace(&mut self, world: &World, place: usize, planned: &Planned) {
        let old = &world.cards[self.cards[place] as usize];
        let card = &world.cards[planned.card as usize];
        self.times[place] += card.delay - old.delay;
        self.cards[place] = planned.card;
        let bits = planned.bits;
        let more = mix(bits ^ 0x2545_f491);
        let choose = |choices: &[usize]| choices[(more >> 8) as usize % choices.len()];
        let (category, amount, country) = match planned.pattern {
            Pattern::CardTest => {
                let amount = 0.5 + (more >> 40 & 0xff) as f64 / 255.0 * 1.5;
                let country = if more & 1 == 0 {
                    card.home
                } else {
                    planned.country
                };
                (choose(&[DIGITAL, ONLINE, DIGITAL]), amount, country)
            }
            Pattern::CashOut => {
                let category = choose(&[ELECTRONICS, ONLINE, TRAVEL]);
                let country = if more & 3 == 0 {
                    planned.country
                } else {
                    card.home
                };
                (category, typical(card) * planned.factor, country)
            }
            Pattern::Abroad => {
                let category = choose(&[CASH, ELECTRONICS, 4, ONLINE, 1]);
                (
                    category,
                    everyday(card, category, more) * planned.factor,
                    planned.country,
                )
            }
            Pattern::Stealth => {
                let category = usize::from(self.categories[place]);
                (
                    category,
                    everyday(card, category, more) * planned.factor,
                    card.home,
                )
            }
            Pattern::Spree => {
                let category = choose(&[4, 0, 5, 1, ELECTRONICS, 6]);
                (category, everyday(card, category, more), card.home)
            }
            Pattern::Fares => {
                let amount = 1.5 + (more >> 40 & 0xff) as f64 / 255.0 * 4.5;
                (choose(&[TRANSPORT, TRANSPORT, DIGITAL]), amount, card.home)
            }
        };
        self.categories[place] = category as u8;
        self.merchants[place] = world.merchant_of(category, mix(more));
        self.countries[place] = country;
        self.cents[place] = cents(amount, category);
        self.fraud[place] = planned.pattern.is_fraud();
    }
}

/// What a card usually pays in a category.
fn everyday(card: &Card, category: usize, bits: u64) -> f64 {
    let category = &CATEGORIES[category];
    exp(category.median + card.scale + category.scatter * normal(bits))
}

/// What a card usually pays.
fn typical(card: &Card) -> f64 {
    exp(3.6 + card.scale)
}

/// An amount as it is charged: cash in tens, nothing below half a unit.
fn cents(amount: f64, category: usize) -> i64 {
    let amount = amount.min(99_999.0);
    if category == CASH {
        return ((amount / 10.0).round().max(1.0) as i64) * 1_000;
    }
    ((amount * 100.0).round() as i64).max(50)
}
