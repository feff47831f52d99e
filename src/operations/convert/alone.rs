//! Runs a test in a process of its own, where the memory it takes can be told from that of its neighbours.

use std::process::Command;

const MARK: &str = "DRIVE_TEST_ALONE";

/// Runs `body` in another process, as the only test there; `test` is the full name of the calling test.
#[track_caller]
pub(super) fn alone(test: &str, body: impl FnOnce()) {
    each_alone(test, 1, |_| body());
}

/// Runs `body` with each number below `count`, each time in another process.
#[track_caller]
pub(super) fn each_alone(test: &str, count: usize, body: impl FnOnce(usize)) {
    if let Ok(number) = std::env::var(MARK) {
        return body(number.parse().unwrap());
    }
    (0..count).for_each(|number| run(test, number));
}

#[track_caller]
fn run(test: &str, number: usize) {
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, number.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success(), "{said}{}", String::from_utf8_lossy(&outcome.stderr));
    assert!(said.contains("1 passed"), "{test} was not found");
    let told = said.lines().filter(|line| line.contains(" bytes"));
    told.for_each(|line| println!("{line}"));
}

/// The most memory that this process ever held, in bytes, or since [`forget_peak`].
pub(super) fn peak_bytes() -> u64 {
    status("VmHWM")
}

/// The memory that this process holds now, in bytes.
pub(super) fn held_bytes() -> u64 {
    status("VmRSS")
}

pub(super) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
