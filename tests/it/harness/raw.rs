//! HTTP by hand, for what no client library sends: halves of bodies, lies about lengths, one kept connection.

use std::time::Duration;

use reqwest::{StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Answer, Client};

/// An answer comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    /// Read, but not part of an answer yet.
    rest: Vec<u8>,
}

impl Raw {
    pub async fn connect(client: &Client) -> Self {
        let stream = TcpStream::connect(client.address).await.unwrap();
        Self { stream, rest: Vec::new() }
    }

    /// Sends a request's head; `headers` stand on lines of their own, each ended by `\r\n`.
    pub async fn head(&mut self, client: &Client, method: &str, path: &str, headers: &str) {
        let token = client.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}{headers}\r\n", client.address);
        self.send(head.as_bytes()).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends one piece of a body in chunked transfer encoding; an empty one ends the body.
    pub async fn piece(&mut self, bytes: &[u8]) {
        let mut piece = format!("{:x}\r\n", bytes.len()).into_bytes();
        piece.extend_from_slice(bytes);
        piece.extend_from_slice(b"\r\n");
        self.send(&piece).await;
    }

    /// The next answer, read whole; its length must be declared.
    pub async fn answer(&mut self) -> Answer {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an answer in time")
    }

    async fn read(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "closed before an answer");
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status: StatusCode = status.parse().unwrap();
        let mut headers = header::HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.append(
                header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let length =
            headers.get("content-length").map_or(0, |text| text.to_str().unwrap().parse().unwrap());
        while self.rest.len() < length {
            assert!(self.more().await, "closed within an answer");
        }
        let body = self.rest.drain(..length).collect();
        Answer { status, headers, body }
    }

    /// Waits until the server ends the connection.
    pub async fn closed(&mut self) {
        let end = async { while self.more().await {} };
        tokio::time::timeout(PATIENCE, end).await.expect("the end of the connection in time");
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.rest).await.is_ok_and(|count| count > 0)
    }
}
