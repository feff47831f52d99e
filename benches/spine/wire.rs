//! A small HTTP client over one kept connection, and the servers under test as child processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A server process; killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
    setup_code: Option<String>,
}

impl Server {
    pub fn floor(path: &Path) -> Self {
        let me = std::env::current_exe().expect("our own path");
        Self::start(Command::new(me).arg("floor").arg(path))
    }

    pub fn drive(data_dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drive"));
        command.arg("--data-dir").arg(data_dir).args([
            "--listen",
            "127.0.0.1:0",
            "--log-level",
            "warn",
        ]);
        Self::start(&mut command)
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a server");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = lines.next().expect("a line").expect("text");
        let address = ready.rsplit_once("http://").expect("an address").1.to_owned();
        let setup_code = if ready.starts_with("Drive") {
            let second = lines.next().expect("a line").expect("text");
            second.split_once("#setup=").map(|(_, code)| code.to_owned())
        } else {
            None
        };
        Self { child, address, setup_code }
    }

    /// Makes the administrator; its access token.
    pub fn sign_in(&self) -> String {
        let mut wire = Wire::connect(&self.address, None);
        let code = self.setup_code.as_ref().expect("a set-up code");
        let body = json!({ "code": code, "name": "bench", "password": "correct horse" });
        wire.json("POST", "/api/auth/setup", &body)["accessToken"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.child.id())
    }

    /// A figure of `/proc/<pid>/status` in MiB, such as `VmHWM`, the most memory it ever had.
    pub fn memory_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("its status");
        let line = status.lines().find(|line| line.starts_with(name)).expect("the figure");
        line.split_whitespace().nth(1).expect("a number").parse::<f64>().expect("a number") / 1024.0
    }
}

/// Seconds of processor time that a process has used, in the kernel and outside.
pub fn cpu_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its figures");
    let fields = text.rsplit_once(')').expect("a name").1.split_whitespace();
    let ticks: u64 =
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
    // Linux counts in hundredths for everybody.
    ticks as f64 / 100.0
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One kept connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
    token: Option<String>,
}

impl Wire {
    pub fn connect(address: &str, token: Option<&str>) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream), token: token.map(str::to_owned) }
    }

    /// Sends a request and reads its answer: status and body.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let auth = self
            .token
            .as_ref()
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{auth}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = self.stream.get_mut();
        if body.len() < 4096 {
            stream.write_all(&[head.as_bytes(), body].concat()).expect("sending");
        } else {
            stream.write_all(head.as_bytes()).expect("sending");
            stream.write_all(body).expect("sending");
        }
        let (status, body, _) = self.answer();
        (status, body)
    }

    /// A page of a list: status, body, and the cursor of the next one.
    pub fn page(&mut self, path: &str) -> (u16, Vec<u8>, Option<String>) {
        let token = self.token.clone().unwrap_or_default();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n");
        self.stream.get_mut().write_all(head.as_bytes()).expect("sending");
        self.answer()
    }

    fn answer(&mut self) -> (u16, Vec<u8>, Option<String>) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        let status = line.split(' ').nth(1).expect("a status").parse().expect("a status");
        let (mut length, mut next) = (0, None);
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a header");
            if line.trim().is_empty() {
                break;
            }
            if line.to_ascii_lowercase().starts_with("x-next-cursor:") {
                next = line.split_once(": ").map(|(_, cursor)| cursor.trim().to_owned());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        (status, body, next)
    }

    pub fn json(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) =
            self.send(method, path, "application/json", body.to_string().as_bytes());
        assert!(status < 300, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// Creates an upload; its task id.
    pub fn create(&mut self, name: &str, size: u64, chunk_size: u64) -> String {
        let body = json!({ "fileName": name, "fileSize": size, "chunkSize": chunk_size });
        let task = self.json("POST", "/api/files/upload/create", &body);
        task["taskId"].as_str().expect("a task").to_owned()
    }

    pub fn chunk(&mut self, task: &str, index: u64, bytes: &[u8]) {
        let path = format!("/api/files/upload/chunk/{task}/{index}");
        let (status, body) = self.send("POST", &path, "application/octet-stream", bytes);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }

    pub fn complete(&mut self, task: &str) -> Value {
        self.json("POST", &format!("/api/files/upload/complete/{task}"), &json!({}))
    }
}
