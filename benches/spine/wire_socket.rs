//! A WebSocket client that takes the time from a commit to its packet.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use drive::clock::Clock;
use drive::domain::time::Timestamp;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::wire::Wire;

/// Two bounds of the time from a commit to the receipt of its event.
#[derive(Default)]
pub struct Bounds {
    /// From the answer to the request that committed, which is sent after the same commit: a little less.
    pub after_answer: Vec<Duration>,
    /// From the moment the event carries, read before the transaction begins: more, by the commit's own flush.
    pub with_commit: Vec<Duration>,
}

/// Creates tasks one after the other and hears of them.
pub fn latencies(address: &str, token: &str, count: usize) -> Bounds {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut request = format!("ws://{address}/ws").into_client_request().expect("an address");
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    let (address, token) = (address.to_owned(), token.to_owned());
    runtime.block_on(async move {
        let (mut socket, _) = connect_async(request).await.expect("a socket");
        let creator = std::thread::spawn(move || create(&address, &token, count));
        let clock = Clock::default();
        let mut bounds = Bounds::default();
        let mut heard = Vec::new();
        while heard.len() < count {
            let message = socket.next().await.expect("a packet").expect("a packet");
            let (now, wall) = (Instant::now(), clock.now());
            let Message::Text(text) = message else { continue };
            let packet: Value = serde_json::from_str(&text).expect("JSON");
            let data = &packet["data"];
            if packet["type"] == "task.created" && data["parameters"]["fileSize"] == 0 {
                let at: Timestamp =
                    serde_json::from_value(data["createdAt"].clone()).expect("a time");
                bounds.with_commit.push(Duration::from_millis(wall.ms_since(at) as u64));
                heard.push((data["taskId"].as_str().expect("an id").to_owned(), now));
            }
        }
        let answered = creator.join().expect("no error");
        bounds.after_answer =
            heard.iter().map(|(id, now)| now.saturating_duration_since(answered[id])).collect();
        bounds
    })
}

/// When each create was answered.
fn create(address: &str, token: &str, count: usize) -> HashMap<String, Instant> {
    let mut wire = Wire::connect(address, Some(token));
    let mut answered = HashMap::new();
    for number in 0..count {
        let body = json!({ "fileName": format!("timed-{number}"), "fileSize": 0 });
        let task = wire.json("POST", "/api/files/upload/create", &body);
        let now = Instant::now();
        let id = task["taskId"].as_str().expect("an id").to_owned();
        wire.json("POST", &format!("/api/tasks/{id}/cancel"), &json!({}));
        answered.insert(id, now);
        std::thread::sleep(Duration::from_millis(20));
    }
    answered
}
