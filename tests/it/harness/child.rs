//! The real program as a child process, to be killed without warning.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::client::Client;
use super::program;

/// Runs the program to its end with this on its standard input.
pub fn run(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(program())
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub struct ChildDrive {
    child: Child,
    pub address: SocketAddr,
    pub setup_code: Option<String>,
}

impl ChildDrive {
    /// Starts the program on a data directory and waits until it says that it is ready.
    pub fn start(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_with(data_dir, environment, "warn", Stdio::inherit())
    }

    /// The same, with everything it has to say written to a file.
    pub fn start_talkative(data_dir: &Path, log: &Path) -> Self {
        Self::start_talkative_with(data_dir, &[], log)
    }

    /// The same with settings.
    pub fn start_talkative_with(data_dir: &Path, environment: &[(&str, &str)], log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        Self::start_with(data_dir, environment, "trace", log.into())
    }

    fn start_with(data_dir: &Path, environment: &[(&str, &str)], level: &str, log: Stdio) -> Self {
        let mut child = Command::new(program())
            .args([
                "--data-dir",
                data_dir.to_str().unwrap(),
                "--listen",
                "127.0.0.1:0",
                "--log-level",
                level,
            ])
            .env("DRIVE_STORAGE_KEEP_FREE_BYTES", "0")
            // As in the harness: no tasks that nobody asked for.
            .env("DRIVE_PREVIEWS_ENABLED", "false")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("a first line").unwrap();
        let address = ready.rsplit_once("http://").expect("an address").1.parse().unwrap();
        let second = lines.next().expect("a second line").unwrap();
        let setup_code = second.split_once("#setup=").map(|(_, code)| code.to_owned());
        Self { child, address, setup_code }
    }

    pub fn nobody(&self) -> Client {
        Client::new(self.address)
    }

    /// SIGKILL, and the end of the process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the end of the process; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for ChildDrive {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
