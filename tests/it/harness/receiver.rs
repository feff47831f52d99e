//! A receiver of webhooks and push messages on a port of its own: keeps what comes, and answers as the test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Settings of a server whose receivers lie on this machine.
pub const PRIVATE: (&str, &str) = ("DRIVE_NOTIFY_ALLOW_PRIVATE", "true");

/// How requests are answered.
#[derive(Clone, Debug)]
pub enum Manner {
    Status(u16),
    /// A status with one more header.
    With(u16, String),
    /// An answer that never ends.
    Endless,
    /// No answer, and the connection stays open.
    Silent,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Listens, and answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            manner: Arc::new(Mutex::new(Manner::Status(200))),
            received: Arc::default(),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = serving.clone();
                tokio::spawn(async move { one.serve(stream).await });
            }
        });
        receiver
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers in another way from now on.
    pub fn answer(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// All requests once there are so many.
    pub async fn wait(&self, count: usize) -> Vec<Received> {
        let patience = Instant::now();
        while self.received().len() < count {
            let all = self.received();
            assert!(patience.elapsed().as_secs() < 25, "only {} of {count} came", all.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.received()
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let (head, begin) = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break (String::from_utf8_lossy(&bytes[..end]).into_owned(), end + 4);
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut one = Received { path, headers, body: Vec::new() };
        let length: usize = one.header("content-length").parse().unwrap_or(0);
        while bytes.len() < begin + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        one.body = bytes[begin..begin + length].to_vec();
        let manner = self.manner.lock().unwrap().clone();
        self.received.lock().unwrap().push(one);
        let (status, more) = match manner {
            Manner::Status(status) => (status, String::new()),
            Manner::With(status, header) => (status, format!("{header}\r\n")),
            Manner::Silent => return std::future::pending().await,
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.ok()?;
                loop {
                    stream.write_all(&[b'x'; 65536]).await.ok()?;
                }
            }
        };
        let head =
            format!("HTTP/1.1 {status} x\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()
    }
}
