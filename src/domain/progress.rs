//! Progress: when to announce it, how fast it is, how long it still takes.

use std::collections::VecDeque;

use super::time::Timestamp;

/// Points of progress since the last announcement that are worth a new one.
const STEP_POINTS: f64 = 5.0;
/// While anything moves, an announcement at least this often.
const QUIET_MS: i64 = 1_000;
/// Never two announcements closer than this.
const GAP_MS: i64 = 100;
/// Seconds of history behind a rate.
const WINDOW_MS: i64 = 16_000;

/// Percent done; an empty whole is done.
pub fn percent(done: u64, total: u64) -> f64 {
    if total == 0 { 100.0 } else { (done as f64 / total as f64 * 100.0).min(100.0) }
}

/// Decides when a task's progress is announced: 5 points since the last one **sent**, or a second while it moves.
#[derive(Debug)]
pub struct Throttle {
    sent_percent: f64,
    sent_at: Timestamp,
}

impl Throttle {
    pub fn new(percent: f64, now: Timestamp) -> Self {
        Self { sent_percent: percent, sent_at: now }
    }

    /// True when this value is to be sent now; the caller then sends it.
    pub fn admit(&mut self, percent: f64, now: Timestamp) -> bool {
        let waited = now.ms_since(self.sent_at);
        let stepped = (percent - self.sent_percent).abs() >= STEP_POINTS && waited >= GAP_MS;
        let due = percent != self.sent_percent && waited >= QUIET_MS;
        if stepped || due {
            *self = Self::new(percent, now);
        }
        stepped || due
    }
}

/// Bytes a second over the last 16 seconds.
#[derive(Debug, Default)]
pub struct Rate {
    samples: VecDeque<(Timestamp, u64)>,
}

impl Rate {
    pub fn add(&mut self, bytes: u64, now: Timestamp) {
        self.forget(now);
        match self.samples.back_mut() {
            // One sample each quarter second keeps the list short.
            Some((at, sum)) if now.ms_since(*at) < 250 => *sum += bytes,
            _ => self.samples.push_back((now, bytes)),
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while self.samples.front().is_some_and(|(at, _)| now.ms_since(*at) > WINDOW_MS) {
            self.samples.pop_front();
        }
    }

    /// `None` while nothing has moved for the whole window.
    pub fn bytes_per_second(&mut self, now: Timestamp) -> Option<u64> {
        self.forget(now);
        let (first, _) = *self.samples.front()?;
        let sum: u64 = self.samples.iter().map(|(_, bytes)| bytes).sum();
        Some(sum * 1000 / now.ms_since(first).max(250) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_count_from_the_last_one_sent() {
        let mut throttle = Throttle::new(0.0, Timestamp(0));
        // A hundred small steps in one second: every fifth point is sent, none is swallowed for ever.
        let sent = (1..=100)
            .filter(|&i| throttle.admit(f64::from(i), Timestamp(i64::from(i) * 40)))
            .count();
        assert_eq!(sent, 20);
    }

    #[test]
    fn a_slow_task_is_still_heard_every_second_and_a_fast_one_ten_times() {
        let mut throttle = Throttle::new(0.0, Timestamp(0));
        assert!(!throttle.admit(0.1, Timestamp(900)));
        assert!(throttle.admit(0.1, Timestamp(1000)));
        assert!(!throttle.admit(0.1, Timestamp(5000)), "nothing moved");
        assert!(!throttle.admit(50.0, Timestamp(1050)));
        assert!(throttle.admit(60.0, Timestamp(1100)));
    }

    #[test]
    fn rates_forget_the_past() {
        let mut rate = Rate::default();
        assert_eq!(rate.bytes_per_second(Timestamp(0)), None);
        for second in 0..4 {
            rate.add(1000, Timestamp(second * 1000));
        }
        assert_eq!(rate.bytes_per_second(Timestamp(4000)), Some(1000));
        assert_eq!(rate.bytes_per_second(Timestamp(60_000)), None);
    }
}
