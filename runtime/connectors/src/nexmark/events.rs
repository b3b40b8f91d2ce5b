//! What is in the events: the benchmark's proportions, keys and hot keys.
//!
//! Of every 50 events (with the default proportions) the first is a person, the next three are
//! auctions, the rest bids. Ids count up from 1,000. Most bids go to the *hot* auction (the first of
//! the current hundred) and come from the hot bidder (the second of the current hundred people), the
//! rest are spread over the auctions in flight and the people active; a few name an id that is yet
//! to come. Sellers are hot likewise. Prices are spread over six orders of magnitude.

use super::Settings;
use crate::random::{self, Random};

/// What an event is; the numbers are those of `event_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Person = 0,
    Auction = 1,
    Bid = 2,
}

const FIRST_ID: u64 = 1_000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;

/// Auctions that are open at a time, and people that take part.
const AUCTIONS_IN_FLIGHT: u64 = 100;
const ACTIVE_PEOPLE: u64 = 1_000;

/// How many ids ahead of the last an event may name.
const LEAD: u64 = 10;

/// One of so many auctions or people is hot.
const HOT_EVERY: u64 = 100;

const CHANNELS: u64 = 10_000;
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const FIRST_NAMES: [&str; 12] = [
    "Anna", "Bruno", "Carla", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas",
    "Klara", "Leo",
];
const LAST_NAMES: [&str; 10] = [
    "Adler", "Bauer", "Castro", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jansen",
];
/// The states that query 3 looks for are among them.
const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES: [&str; 10] = [
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];

/// A field that is a number or a time.
pub(super) type NumberOf = fn(&Events, u64) -> i64;
/// A field that is text, appended.
pub(super) type TextOf = fn(&Events, u64, &mut Vec<u8>);

/// Makes the fields of events from their numbers.
#[derive(Debug)]
pub(super) struct Events {
    people: u64,
    auctions: u64,
    /// Events of a round of the proportions.
    round: u64,
    rate: u64,
    start: i64,
    hot_auctions: u64,
    hot_bidders: u64,
    hot_sellers: u64,
    sizes: [u64; 3],
    keys: Keys,
}

/// A key of random numbers for each field.
#[derive(Debug)]
struct Keys {
    name: u64,
    detail: u64,
    card: u64,
    city: u64,
    state: u64,
    extra: u64,
    price: u64,
    reserve: u64,
    expires: u64,
    seller: u64,
    category: u64,
    auction: u64,
    bidder: u64,
    channel: u64,
    url: u64,
}

impl Events {
    pub(super) fn new(settings: &Settings) -> Self {
        let key = |purpose: &str| random::key(settings.seed, purpose);
        let [people, auctions, _] = settings.proportions;
        Self {
            people,
            auctions,
            round: settings.proportions.iter().sum(),
            rate: settings.rate,
            start: settings.start,
            hot_auctions: settings.hot_auctions,
            hot_bidders: settings.hot_bidders,
            hot_sellers: settings.hot_sellers,
            sizes: settings.sizes,
            keys: Keys {
                name: key("name"),
                detail: key("detail"),
                card: key("card"),
                city: key("city"),
                state: key("state"),
                extra: key("extra"),
                price: key("price"),
                reserve: key("reserve"),
                expires: key("expires"),
                seller: key("seller"),
                category: key("category"),
                auction: key("auction"),
                bidder: key("bidder"),
                channel: key("channel"),
                url: key("url"),
            },
        }
    }

    pub(super) fn kind(&self, event: u64) -> EventKind {
        let place = event % self.round;
        if place < self.people {
            EventKind::Person
        } else if place < self.people + self.auctions {
            EventKind::Auction
        } else {
            EventKind::Bid
        }
    }

    /// The maker of a field of numbers or times of a kind; `None` if there is none of this name.
    pub(super) fn number(&self, kind: EventKind, field: &str) -> Option<NumberOf> {
        let make: NumberOf = match (kind, field) {
            (_, "dateTime") => Self::time,
            (EventKind::Person, "id") => |e, n| e.id(e.last_person(n)),
            (EventKind::Auction, "id") => |e, n| e.id(e.last_auction(n)),
            (EventKind::Auction, "initialBid") => |e, n| price(e.keys.price, n),
            (EventKind::Auction, "reserve") => {
                |e, n| price(e.keys.price, n) + price(e.keys.reserve, n)
            }
            (EventKind::Auction, "expires") => Self::expires,
            (EventKind::Auction, "seller") => |e, n| {
                let mut random = Random::new(e.keys.seller, n);
                let hot = e.last_person(n) / HOT_EVERY * HOT_EVERY;
                e.id(e.hot_or(hot, e.hot_sellers, &mut random, |r| e.active_person(n, r)))
            },
            (EventKind::Auction, "category") => |e, n| {
                let category = Random::new(e.keys.category, n).below(CATEGORIES);
                (FIRST_CATEGORY + category).cast_signed()
            },
            (EventKind::Bid, "auction") => |e, n| {
                let mut random = Random::new(e.keys.auction, n);
                let hot = e.last_auction(n) / HOT_EVERY * HOT_EVERY;
                e.id(e.hot_or(hot, e.hot_auctions, &mut random, |r| e.open_auction(n, r)))
            },
            (EventKind::Bid, "bidder") => |e, n| {
                let mut random = Random::new(e.keys.bidder, n);
                // the one beside the hot seller
                let hot = e.last_person(n) / HOT_EVERY * HOT_EVERY + 1;
                e.id(e.hot_or(hot, e.hot_bidders, &mut random, |r| e.active_person(n, r)))
            },
            (EventKind::Bid, "price") => |e, n| price(e.keys.price, n),
            _ => return None,
        };
        Some(make)
    }

    /// The maker of a field of text of a kind; `None` if there is none of this name.
    pub(super) fn text(&self, kind: EventKind, field: &str) -> Option<TextOf> {
        let make: TextOf = match (kind, field) {
            (EventKind::Person, "name") => |e, n, out| {
                let mut random = Random::new(e.keys.name, n);
                out.extend_from_slice(one_of(&FIRST_NAMES, &mut random));
                out.push(b' ');
                out.extend_from_slice(one_of(&LAST_NAMES, &mut random));
            },
            (EventKind::Person, "emailAddress") => |e, n, out| {
                let mut random = Random::new(e.keys.detail, n);
                let name = random.between(3, 7);
                letters(name, &mut random, out);
                out.push(b'@');
                let host = random.between(3, 5);
                letters(host, &mut random, out);
                out.extend_from_slice(b".com");
            },
            (EventKind::Person, "creditCard") => |e, n, out| {
                let mut random = Random::new(e.keys.card, n);
                for group in 0..4 {
                    if group > 0 {
                        out.push(b' ');
                    }
                    let digits = random.below(10_000);
                    for unit in [1_000, 100, 10, 1] {
                        out.push(b'0' + (digits / unit % 10) as u8);
                    }
                }
            },
            (EventKind::Person, "city") => |e, n, out| {
                out.extend_from_slice(one_of(&CITIES, &mut Random::new(e.keys.city, n)));
            },
            (EventKind::Person, "state") => |e, n, out| {
                out.extend_from_slice(one_of(&STATES, &mut Random::new(e.keys.state, n)));
            },
            (EventKind::Auction, "itemName") => |e, n, out| {
                let mut random = Random::new(e.keys.name, n);
                let length = random.between(3, 20);
                letters(length, &mut random, out);
            },
            (EventKind::Auction, "description") => |e, n, out| {
                let mut random = Random::new(e.keys.detail, n);
                let length = random.between(3, 100);
                letters(length, &mut random, out);
            },
            (EventKind::Bid, "channel") => |e, n, out| match e.channel(n) {
                Ok(hot) => out.extend_from_slice(HOT_CHANNELS[hot].as_bytes()),
                Err(channel) => {
                    out.extend_from_slice(b"channel-");
                    decimal(channel, out);
                }
            },
            (EventKind::Bid, "url") => Self::url,
            (EventKind::Person, "extra") => |e, n, out| e.extra(EventKind::Person, n, 75, out),
            (EventKind::Auction, "extra") => |e, n, out| e.extra(EventKind::Auction, n, 110, out),
            (EventKind::Bid, "extra") => |e, n, out| e.extra(EventKind::Bid, n, 80, out),
            _ => return None,
        };
        Some(make)
    }

    fn id(&self, number: u64) -> i64 {
        (FIRST_ID + number).cast_signed()
    }

    /// When an event happens, in milliseconds.
    fn time(&self, event: u64) -> i64 {
        let millis = u128::from(event) * 1_000 / u128::from(self.rate);
        self.start
            .saturating_add(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// The number of the last person at an event, itself included.
    fn last_person(&self, event: u64) -> u64 {
        event / self.round * self.people + (event % self.round).min(self.people - 1)
    }

    /// The number of the last auction at an event, itself included; 0 before the first.
    fn last_auction(&self, event: u64) -> u64 {
        let before = event / self.round * self.auctions;
        let place = event % self.round;
        match place.checked_sub(self.people) {
            None => before.saturating_sub(1),
            Some(place) => before + place.min(self.auctions - 1),
        }
    }

    /// The hot one, but once in `ratio` another.
    fn hot_or(
        &self,
        hot: u64,
        ratio: u64,
        random: &mut Random,
        other: impl FnOnce(&mut Random) -> u64,
    ) -> u64 {
        if random.below(ratio) > 0 {
            hot
        } else {
            other(random)
        }
    }

    fn active_person(&self, event: u64, random: &mut Random) -> u64 {
        let people = self.last_person(event) + 1;
        let active = people.min(ACTIVE_PEOPLE);
        people - active + random.below(active + LEAD)
    }

    fn open_auction(&self, event: u64, random: &mut Random) -> u64 {
        let last = self.last_auction(event);
        let first = last.saturating_sub(AUCTIONS_IN_FLIGHT);
        first + random.below(last - first + 1 + LEAD)
    }

    /// An auction is open for as long as it takes, on average, to have the next hundred of them.
    fn expires(&self, event: u64) -> i64 {
        let ahead = AUCTIONS_IN_FLIGHT * self.round / self.auctions;
        let horizon = self.time(event + ahead).abs_diff(self.time(event));
        let length = 1 + Random::new(self.keys.expires, event).below((horizon * 2).max(1));
        self.time(event).saturating_add(length.cast_signed())
    }

    /// A bid's channel: a hot one, or the number of another.
    fn channel(&self, event: u64) -> Result<usize, u64> {
        let mut random = Random::new(self.keys.channel, event);
        if random.below(2) > 0 {
            Ok(random.below(HOT_CHANNELS.len() as u64) as usize)
        } else {
            Err(random.below(CHANNELS))
        }
    }

    /// A channel has one address; nine of ten addresses say the channel's id.
    fn url(&self, event: u64, out: &mut Vec<u8>) {
        let (number, plain) = match self.channel(event) {
            Ok(hot) => (CHANNELS + hot as u64, true),
            Err(channel) => (channel, false),
        };
        let mut random = Random::new(self.keys.url, number);
        out.extend_from_slice(b"https://www.nexmark.com");
        for _ in 0..3 {
            out.push(b'/');
            letters(5, &mut random, out);
        }
        out.extend_from_slice(b"/item.htm?query=1");
        if !plain && random.below(10) > 0 {
            out.extend_from_slice(b"&channel_id=");
            decimal(random.below(1 << 31), out);
        }
    }

    /// Letters that bring an event with about so many bytes in its other fields to its kind's
    /// average size.
    fn extra(&self, kind: EventKind, event: u64, others: u64, out: &mut Vec<u8>) {
        let missing = self.sizes[kind as usize].saturating_sub(others);
        let spread = missing / 5;
        let mut random = Random::new(self.keys.extra, event);
        let length = random.between(missing - spread, missing + spread);
        letters(length, &mut random, out);
    }
}

/// A price in cents: 10 to the power of a uniform number between 0 and 6, times 100.
fn price(key: u64, event: u64) -> i64 {
    let power = Random::new(key, event).unit() * 6.0;
    (random::exp(power * std::f64::consts::LN_10) * 100.0).round() as i64
}

fn one_of<const N: usize>(words: &[&'static str; N], random: &mut Random) -> &'static [u8] {
    words[random.below(N as u64) as usize].as_bytes()
}

/// Appends small letters.
fn letters(count: u64, random: &mut Random, out: &mut Vec<u8>) {
    let mut left = count;
    while left > 0 {
        let mut bits = random.next();
        for _ in 0..left.min(8) {
            // 256 values for 26 letters: not even, and nobody minds
            out.push(b'a' + (((bits & 0xff) * 26) >> 8) as u8);
            bits >>= 8;
        }
        left -= left.min(8);
    }
}

fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
