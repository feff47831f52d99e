//! A WebSocket client that takes the time from a commit to its packet.

use std::time::Duration;

use drive::clock::Clock;
use drive::domain::time::Timestamp;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::wire::Wire;

/// Creates tasks one after the other and hears of them. Each time is taken from the moment the event carries, which
/// the server reads before it begins the transaction, so the commit's own flush is part of it.
pub fn latencies(address: &str, token: &str, count: usize) -> Vec<Duration> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut request = format!("ws://{address}/ws").into_client_request().expect("an address");
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    let (address, token) = (address.to_owned(), token.to_owned());
    runtime.block_on(async move {
        let (mut socket, _) = connect_async(request).await.expect("a socket");
        let creator = std::thread::spawn(move || {
            let mut wire = Wire::connect(&address, Some(&token));
            for number in 0..count {
                let body = json!({ "fileName": format!("timed-{number}"), "fileSize": 0 });
                let task = wire.json("POST", "/api/files/upload/create", &body);
                let id = task["taskId"].as_str().expect("an id");
                wire.json("POST", &format!("/api/tasks/{id}/cancel"), &json!({}));
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let clock = Clock::default();
        let mut waits = Vec::new();
        while waits.len() < count {
            let message = socket.next().await.expect("a packet").expect("a packet");
            let now = clock.now();
            let Message::Text(text) = message else { continue };
            let packet: Value = serde_json::from_str(&text).expect("JSON");
            if packet["type"] == "task.created" && packet["data"]["parameters"]["fileSize"] == 0 {
                let at: Timestamp =
                    serde_json::from_value(packet["data"]["createdAt"].clone()).expect("a time");
                waits.push(Duration::from_millis(now.ms_since(at) as u64));
            }
        }
        creator.join().expect("no error");
        waits
    })
}
