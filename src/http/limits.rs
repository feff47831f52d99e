//! How often is often enough: a token bucket for each class of requests and each account, or address where nobody is
//! signed in. It holds as many requests as a minute has, and fills evenly (GCRA, by the governor crate).

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::access::Class;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;

/// Buckets of one class; beyond it the full ones go, and if that is not enough, all.
const BUCKETS_MAX: usize = 50_000;

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Account(AccountId),
    Address(IpAddr),
}

type Buckets = RateLimiter<Who, HashMapStateStore<Who>, MonotonicClock, StateInformationMiddleware>;

struct Limit {
    per_minute: NonZeroU32,
    buckets: RwLock<Buckets>,
}

/// The limits of all classes.
pub struct Limiter(HashMap<Class, Limit>);

/// What is left to somebody after a request.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    pub per_minute: u64,
    pub remaining: u64,
}

fn buckets(per_minute: NonZeroU32) -> Buckets {
    let quota = Quota::per_minute(per_minute);
    RateLimiter::<_, _, _>::new(quota, HashMapStateStore::default(), MonotonicClock)
        .with_middleware()
}

impl Limiter {
    /// Without limits where they are not enabled.
    pub fn new(enabled: bool, per_minute: &[(Class, u32)]) -> Self {
        let limits = per_minute.iter().filter(|_| enabled).filter_map(|(class, count)| {
            let per_minute = NonZeroU32::new(*count)?;
            Some((*class, Limit { per_minute, buckets: RwLock::new(buckets(per_minute)) }))
        });
        Self(limits.collect())
    }

    /// Counts a request, or refuses it and says when the next one is welcome.
    pub fn count(&self, class: Class, who: Who) -> Result<Option<Left>> {
        let Some(limit) = self.0.get(&class) else { return Ok(None) };
        let per_minute = u64::from(limit.per_minute.get());
        let held = limit.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let crowded = held.len() > BUCKETS_MAX;
        let counted = held.check_key(&who);
        let now = MonotonicClock.now();
        drop(held);
        if crowded {
            limit.make_room();
        }
        match counted {
            Ok(state) => {
                let remaining = u64::from(state.remaining_burst_capacity());
                Ok(Some(Left { per_minute, remaining }))
            }
            Err(refused) => {
                let seconds = refused.wait_time_from(now).as_secs() + 1;
                let message = format!(
                    "These are too many requests: {per_minute} in a minute are allowed. Try again in {seconds} s."
                );
                Err(Error::new(Kind::TooMany, message)
                    .with("retryAfter", seconds)
                    .with("perMinute", per_minute))
            }
        }
    }
}

impl Limit {
    fn make_room(&self) {
        let mut held = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        held.retain_recent();
        if held.len() > BUCKETS_MAX / 2 {
            *held = buckets(self.per_minute);
        }
    }
}

/// The headers of the IETF draft "RateLimit header fields", in the spelling that clients know.
pub fn tell(headers: &mut HeaderMap, limit: u64, remaining: u64, reset_seconds: u64) {
    for (name, value) in [
        ("ratelimit-limit", limit),
        ("ratelimit-remaining", remaining),
        ("ratelimit-reset", reset_seconds),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bucket_of_its_own_and_their_number_is_bounded() {
        let limiter = Limiter::new(true, &[(Class::Login, 3)]);
        let who = |number: u32| Who::Address(IpAddr::V4(std::net::Ipv4Addr::from_bits(number)));
        for remaining in [2, 1, 0] {
            let left = limiter.count(Class::Login, who(1)).unwrap().unwrap();
            assert_eq!((left.per_minute, left.remaining), (3, remaining));
        }
        let refused = limiter.count(Class::Login, who(1)).unwrap_err();
        assert_eq!(refused.kind(), Kind::TooMany);
        let wait = refused.details()["retryAfter"].as_u64().unwrap();
        assert!((1..=21).contains(&wait), "{wait}");
        assert!(limiter.count(Class::Login, who(2)).is_ok(), "another address");
        assert!(limiter.count(Class::Read, who(1)).unwrap().is_none(), "another class");
        for number in 0..2 * BUCKETS_MAX as u32 {
            let _ = limiter.count(Class::Login, who(number));
        }
        let held = limiter.0[&Class::Login].buckets.read().unwrap().len();
        assert!(held <= BUCKETS_MAX + 1, "{held}");
        assert!(
            Limiter::new(false, &[(Class::Login, 1)])
                .count(Class::Login, who(1))
                .unwrap()
                .is_none()
        );
    }
}
