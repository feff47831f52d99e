//! Guesses at passwords. From one address, an account may be guessed at five times; each further guess doubles the
//! wait, up to a quarter of an hour. Guesses from many addresses are counted for the account too, but never against an
//! address from which its owner signed in before, so that nobody is locked out of an account by strangers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;

use super::State;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::time::{HOUR_MS, Timestamp};
use crate::store::sessions;

const FREE: u32 = 5;
const FIRST_WAIT_MS: i64 = 2_000;
const WAIT_MAX_MS: i64 = 15 * 60 * 1000;
/// Wrong guesses that an address may make at all accounts, and an account may get from all addresses, in an hour.
const ADDRESS_MAX: u32 = 60;
const ACCOUNT_MAX: u32 = 100;
/// Counts that are kept; beyond it the oldest half goes.
const KEPT_MAX: usize = 20_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Account(String),
    Address(IpAddr),
}

#[derive(Clone, Copy)]
struct Count {
    wrong: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Count {
    /// Milliseconds until another guess is heard.
    fn wait_ms(self, key: &Key, now: Timestamp) -> i64 {
        let since = |moment: Timestamp| now.0 - moment.0;
        let most = match key {
            Key::Pair(..) => {
                let doubled = self.wrong.saturating_sub(FREE).min(20);
                if self.wrong < FREE {
                    return 0;
                }
                return (FIRST_WAIT_MS << doubled).min(WAIT_MAX_MS) - since(self.last);
            }
            Key::Account(_) => ACCOUNT_MAX,
            Key::Address(_) => ADDRESS_MAX,
        };
        if self.wrong < most { 0 } else { HOUR_MS - since(self.first) }
    }

    fn over(self, now: Timestamp) -> bool {
        now.0 - self.last.0 > HOUR_MS || now.0 < self.last.0
    }
}

/// Guesses of one address that may be looked at together. Hashing is slow, so that one that sends many at once would
/// fill the queue before it is counted.
const TOGETHER_MAX: u32 = 4;

/// Wrong guesses of the last hour, and those that are looked at now.
#[derive(Default)]
pub struct Throttle {
    counts: Mutex<HashMap<Key, Count>>,
    together: Mutex<HashMap<IpAddr, u32>>,
}

/// A guess that is looked at.
struct Place<'a> {
    throttle: &'a Throttle,
    address: IpAddr,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut together = lock(&self.throttle.together);
        if let Some(count) = together.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                together.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Throttle {
    fn place(&self, address: IpAddr) -> Result<Place<'_>> {
        let mut together = lock(&self.together);
        let count = together.entry(address).or_default();
        if *count >= TOGETHER_MAX {
            let message =
                "Other sign-ins from your address are being looked at. Try again in a moment.";
            return Err(Error::new(Kind::TooMany, message).with("retryAfter", 1));
        }
        *count += 1;
        Ok(Place { throttle: self, address })
    }

    fn wait_ms(&self, keys: &[Key], now: Timestamp) -> i64 {
        let counts = lock(&self.counts);
        let wait = |key: &Key| {
            let count = counts.get(key).filter(|count| !count.over(now));
            count.map_or(0, |count| count.wait_ms(key, now))
        };
        keys.iter().map(wait).max().unwrap_or(0)
    }

    /// Counted before the guess is looked at, so that many at once are many.
    fn count(&self, keys: &[Key], now: Timestamp) {
        let mut counts = lock(&self.counts);
        if counts.len() >= KEPT_MAX {
            let mut moments: Vec<i64> = counts.values().map(|count| count.last.0).collect();
            let middle = moments.len() / 2;
            let (_, median, _) = moments.select_nth_unstable(middle);
            let median = *median;
            counts.retain(|_, count| count.last.0 > median);
        }
        for key in keys {
            let fresh = Count { wrong: 0, first: now, last: now };
            let count = counts.entry(key.clone()).or_insert(fresh);
            if count.over(now) || (!matches!(key, Key::Pair(..)) && now.0 - count.first.0 > HOUR_MS)
            {
                *count = fresh;
            }
            count.wrong += 1;
            count.last = now;
        }
    }

    fn take_back(&self, keys: &[Key], verdict: Verdict) {
        let mut counts = lock(&self.counts);
        for key in keys {
            if let Some(count) = counts.get_mut(key) {
                count.wrong = count.wrong.saturating_sub(1);
            }
            if matches!(key, Key::Pair(..)) && verdict == Verdict::Right {
                counts.remove(key);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    None,
    Right,
    Wrong,
}

/// One guess on its way. It counts as wrong until it is known to be right; one that came to no answer does not count.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: Vec<Key>,
    verdict: Verdict,
    _place: Option<Place<'a>>,
}

impl Attempt<'_> {
    pub fn failed(mut self) {
        self.verdict = Verdict::Wrong;
    }

    pub fn succeeded(mut self) {
        self.verdict = Verdict::Right;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.verdict != Verdict::Wrong {
            self.throttle.take_back(&self.keys, self.verdict);
        }
    }
}

impl State {
    /// Begins a guess at the password of a name, or refuses to hear it now.
    pub async fn attempt(&self, name: &str, request: &HttpRequest) -> Result<Attempt<'_>> {
        let (mut keys, mut place) = (Vec::new(), None);
        if self.settings.limits_enabled {
            let from = self.address(request);
            let address = super::address::network(from);
            place = Some(self.throttle.place(address)?);
            let name = name.to_lowercase();
            keys.push(Key::Address(address));
            keys.push(Key::Pair(name.clone(), address));
            let (asked, from) = (name.clone(), from.to_string());
            let store = &self.engine.store;
            if !store.read(move |db| sessions::known_address(db, &asked, &from)).await? {
                keys.push(Key::Account(name));
            }
        }
        let now = self.engine.clock.now();
        let wait_ms = self.throttle.wait_ms(&keys, now);
        if wait_ms > 0 {
            let seconds = (wait_ms as u64).div_ceil(1000);
            let message = format!("There were too many wrong passwords. Try again in {seconds} s.");
            return Err(Error::new(Kind::TooMany, message).with("retryAfter", seconds));
        }
        self.throttle.count(&keys, now);
        Ok(Attempt { throttle: &self.throttle, keys, verdict: Verdict::None, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn waits_double_and_end() {
        let throttle = Throttle::default();
        let keys = [Key::Pair("ada".into(), HERE)];
        let mut now = Timestamp(1_000_000);
        for _ in 0..FREE {
            assert_eq!(throttle.wait_ms(&keys, now), 0);
            throttle.count(&keys, now);
        }
        for doubled in 0..20 {
            let wait = throttle.wait_ms(&keys, now);
            assert_eq!(wait, (FIRST_WAIT_MS << doubled).min(WAIT_MAX_MS));
            now = now.plus_ms(wait);
            assert_eq!(throttle.wait_ms(&keys, now), 0);
            throttle.count(&keys, now);
        }
        assert_eq!(throttle.wait_ms(&keys, now.plus_ms(HOUR_MS + 1)), 0);
        throttle.take_back(&keys, Verdict::Right);
        assert_eq!(throttle.wait_ms(&keys, now), 0, "the right password forgives");
    }

    #[test]
    fn many_addresses_share_the_account_and_memory_is_bounded() {
        let throttle = Throttle::default();
        let now = Timestamp(1_000_000);
        let account = [Key::Account("ada".into())];
        for _ in 0..ACCOUNT_MAX {
            assert_eq!(throttle.wait_ms(&account, now), 0);
            throttle.count(&account, now);
        }
        assert_eq!(throttle.wait_ms(&account, now), HOUR_MS);
        for number in 0..3 * KEPT_MAX as u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
            throttle.count(&[Key::Address(address)], now.plus_ms(i64::from(number)));
        }
        assert!(lock(&throttle.counts).len() <= KEPT_MAX);
    }
}
