//! A WebSocket client that waits for what it wants to see, never for time to pass.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::client::Client;

/// Whatever a test waits for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Packet(Value),
    Closed(Option<u16>),
}

impl Socket {
    /// Connects with the client's access token in the handshake; `query` is put behind the path.
    pub async fn connect(client: &Client, query: &str) -> Self {
        let token = client.token.clone().unwrap_or_default();
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        Self::open(client, &format!("/ws{query}"), &headers).await.expect("a socket")
    }

    /// Connects to this path with just these headers.
    pub async fn open(
        client: &Client,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{}{path}", client.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Ok(Self { inner: connect_async(request).await?.0 })
    }

    /// The status and the code with which a handshake was refused.
    pub async fn refused(
        client: &Client,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> (u16, Value) {
        match Self::open(client, path, headers).await {
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                (answer.status().as_u16(), body["code"].clone())
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("the handshake succeeded"),
        }
    }

    pub async fn send(&mut self, packet: Value) {
        self.inner.send(Message::text(packet.to_string())).await.unwrap();
    }

    pub async fn next(&mut self) -> Next {
        loop {
            let message =
                tokio::time::timeout(PATIENCE, self.inner.next()).await.expect("a packet in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Next::Packet(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(frame))) => {
                    return Next::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Next::Closed(None),
            }
        }
    }

    /// The next packet, whatever it is.
    pub async fn packet(&mut self) -> Value {
        match self.next().await {
            Next::Packet(packet) => packet,
            Next::Closed(code) => panic!("closed with {code:?} instead of a packet"),
        }
    }

    /// All packets up to and including the first of this type.
    pub async fn until(&mut self, name: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let packet = self.packet().await;
            let found = packet["type"] == name;
            seen.push(packet);
            if found {
                return seen;
            }
        }
    }

    /// All packets that come before the answer to a ping that is sent now.
    pub async fn until_pong(&mut self) -> Vec<Value> {
        self.send(serde_json::json!({ "type": "ping" })).await;
        let mut seen = self.until("pong").await;
        seen.pop();
        seen
    }

    /// Says good-bye.
    pub async fn close(&mut self) {
        self.inner.close(None).await.unwrap();
    }

    /// Waits for the end of the connection itself, which comes after the last packet.
    pub async fn gone(&mut self) {
        let end = async { while self.inner.next().await.is_some_and(|message| message.is_ok()) {} };
        tokio::time::timeout(PATIENCE, end).await.expect("the end of the connection in time");
    }

    /// The close code, whatever comes before it.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Next::Closed(code) = self.next().await {
                return code;
            }
        }
    }
}
