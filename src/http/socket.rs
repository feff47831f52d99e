//! `/ws`: signs in, says hello, replays what was missed, then follows. Numbers are contiguous for each account; when
//! the history a client asks for is gone it is told so, and gets the tasks as they are.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::State;
use super::access::{Class, TASKS_READ};
use super::address::network;
use super::auth::{cross_site, not_signed_in};
use super::input::Query;
use super::limits::Who;
use super::problem::Problem;
use super::tasks::view;
use crate::domain::account::Caller;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::engine::live::{Client, Close, packet};
use crate::store::events::{self, Stream};
use crate::store::task_lists;

/// A client that could not sign in at the handshake has this long for its first message.
const AUTH_WAIT: Duration = Duration::from_secs(10);
/// A packet that cannot be handed over for this long ends the connection.
const SEND_WAIT: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_secs(25);
/// Without a sign of life for this long, the client is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// With what the gate remembers, a revoked session is noticed within a second.
const RECHECK: Duration = Duration::from_millis(400);
/// Clients send little: a token, a number.
const FRAME_MAX: usize = 16 * 1024;
const REPLAY_PAGE: usize = 500;
const SNAPSHOT_MAX: usize = 500;
/// Tasks whose newest revision is remembered for a client.
const TOLD_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectQuery {
    ticket: Option<String>,
    since: Option<String>,
}

pub async fn connect(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
    Query(asked): Query<ConnectQuery>,
) -> Result<HttpResponse, Problem> {
    if !state.own_origin(&request) {
        return Err(cross_site().into());
    }
    let caller = match &asked.ticket {
        Some(ticket) => Some(state.known.take_ticket(ticket).ok_or_else(not_signed_in)?),
        None => state.authenticate(&request).await?,
    };
    let who = network(state.address(&request));
    state.limiter.count(Class::Events, Who::Address(who))?;
    if let Some(caller) = &caller {
        TASKS_READ.admit(caller)?;
    }
    let (response, session, stream) = actix_ws::handle(&request, payload).map_err(|_| {
        crate::domain::error::Error::invalid("Upgrade", "Open this address as a WebSocket.")
    })?;
    let stream =
        stream.max_frame_size(FRAME_MAX).aggregate_continuations().max_continuation_size(FRAME_MAX);
    let socket = Socket { state, session, stream, heard: Instant::now(), told: HashMap::new() };
    actix_web::rt::spawn(socket.run(caller, asked.since));
    Ok(response)
}

/// Why a socket ends; `None` when the client went by itself.
type End = Option<(u16, &'static str)>;
type Received = Option<Result<AggregatedMessage, ProtocolError>>;

const SIGNED_OUT: (u16, &str) = (4001, "signed out");
const BAD_SIGN_IN: (u16, &str) = (4001, "sign in first");
const TOO_SLOW: (u16, &str) = (4008, "too slow; reconnect with since");
const TOO_MANY: (u16, &str) = (1013, "too many connections");
const STOPPING: (u16, &str) = (1001, "the server is stopping");
const BROKEN: (u16, &str) = (1011, "internal error");

struct Socket {
    state: web::Data<State>,
    session: Session,
    stream: AggregatedMessageStream,
    heard: Instant,
    /// The newest revision of each task that this client was told; older progress is not sent after it.
    told: HashMap<TaskId, i64>,
}

impl Socket {
    async fn run(mut self, caller: Option<Caller>, since: Option<String>) {
        let end = self.serve(caller, since).await.err().flatten();
        let reason = end.map(|(code, why)| CloseReason {
            code: CloseCode::from(code),
            description: Some(why.to_owned()),
        });
        let _ = timeout(SEND_WAIT, self.session.close(reason)).await;
    }

    async fn serve(&mut self, caller: Option<Caller>, since: Option<String>) -> Result<(), End> {
        let caller = match caller {
            Some(caller) => caller,
            None => timeout(AUTH_WAIT, self.sign_in()).await.map_err(|_| Some(BAD_SIGN_IN))??,
        };
        // Joined first, read second: what happens in between waits in the queue.
        let member = self
            .state
            .live
            .join(caller.account_id, caller.session_id)
            .map_err(|_| Some(TOO_MANY))?;
        let stream = self.stream_of(&caller).await?;
        let hello = json!({
            "accountId": caller.account_id,
            "streamId": stream.stream_id,
            "seq": stream.last_seq,
            "serverTime": self.state.engine.clock.now(),
        });
        self.send(&packet("hello", &hello, None)).await?;
        let mut known = self.catch_up(&caller, &stream, since.as_deref()).await?;

        let mut ping = interval(PING);
        let mut recheck = interval(RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = member.client.ready() => self.forward(&member.client, &mut known).await?,
                message = self.stream.recv() => {
                    if let Some(since) = self.hear(message).await? {
                        let stream = self.stream_of(&caller).await?;
                        known = self.catch_up(&caller, &stream, Some(&since)).await?.max(known);
                    }
                }
                _ = ping.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return Err(None);
                    }
                    timeout(SEND_WAIT, self.session.ping(b"")).await.map_err(|_| None)?.map_err(|_| None)?;
                }
                _ = recheck.tick() => self.still_signed_in(&caller).await?,
            }
        }
    }

    /// Waits for `{"type":"auth","token":…}`.
    async fn sign_in(&mut self) -> Result<Caller, End> {
        loop {
            let message = self.stream.recv().await;
            let Some(text) = self.text_of(message).await? else { continue };
            let message: Value = serde_json::from_str(&text).unwrap_or_default();
            let token = message["token"]
                .as_str()
                .filter(|_| message["type"] == "auth")
                .ok_or(Some(BAD_SIGN_IN))?;
            return match self.state.by_token(token).await {
                Ok(Some(caller)) if TASKS_READ.admit(&caller).is_ok() => Ok(caller),
                Ok(_) => Err(Some(BAD_SIGN_IN)),
                Err(_) => Err(Some(BROKEN)),
            };
        }
    }

    /// The text of a message; `None` for those that carry none.
    async fn text_of(&mut self, message: Received) -> Result<Option<String>, End> {
        self.heard = Instant::now();
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => Ok(Some(text.to_string())),
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.session.pong(&bytes).await.map_err(|_| None)?;
                Ok(None)
            }
            Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => Err(None),
            Some(Ok(_)) => Ok(None),
        }
    }

    /// Answers a message; the number to replay from, when it asks for that.
    async fn hear(&mut self, message: Received) -> Result<Option<String>, End> {
        let Some(text) = self.text_of(message).await? else { return Ok(None) };
        let message: Value = serde_json::from_str(&text).unwrap_or_default();
        match message["type"].as_str() {
            Some("ping") => self.send(&packet("pong", &json!({}), None)).await?,
            Some("subscribe") => return Ok(message["since"].as_str().map(str::to_owned)),
            // Clients of the original sign in by message even where a cookie did it already.
            Some("auth") => {}
            _ => {
                let about = json!({ "message": "Known types are auth, subscribe and ping." });
                self.send(&packet("error", &about, None)).await?;
            }
        }
        Ok(None)
    }

    async fn stream_of(&self, caller: &Caller) -> Result<Stream, End> {
        let owner = caller.account_id;
        let store = &self.state.engine.store;
        let found =
            store.read(move |db| events::find_stream(db, owner)).await.map_err(|_| Some(BROKEN))?;
        match found {
            Some(stream) => Ok(stream),
            None => {
                store.write(move |tx| events::stream(tx, owner)).await.map_err(|_| Some(BROKEN))
            }
        }
    }

    /// Sends what the client has missed; the number up to which it knows everything then.
    async fn catch_up(
        &mut self,
        caller: &Caller,
        stream: &Stream,
        since: Option<&str>,
    ) -> Result<u64, End> {
        let wanted = since.and_then(|since| {
            let (id, seq) = since.rsplit_once(':')?;
            let seq: u64 = seq.parse().ok()?;
            let there =
                id == stream.stream_id && (stream.pruned_through..=stream.last_seq).contains(&seq);
            there.then_some(seq)
        });
        let Some(mut seq) = wanted else {
            if since.is_some() {
                let about = json!({ "streamId": stream.stream_id, "seq": stream.last_seq });
                self.send(&packet("sync.reset", &about, None)).await?;
            }
            self.snapshot(caller).await?;
            return Ok(stream.last_seq);
        };
        loop {
            let owner = caller.account_id;
            let page = self
                .state
                .engine
                .store
                .read(move |db| events::after(db, owner, seq, REPLAY_PAGE))
                .await
                .map_err(|_| Some(BROKEN))?;
            let full = page.len() == REPLAY_PAGE;
            for (number, name, data) in page {
                self.tell(revision(&data));
                self.send(&packet(&name, &data, Some(number))).await?;
                seq = number;
            }
            if !full {
                return Ok(seq);
            }
        }
    }

    async fn snapshot(&mut self, caller: &Caller) -> Result<(), End> {
        let owner = caller.account_id;
        let active = self
            .state
            .engine
            .store
            .read(move |db| task_lists::active(db, owner, SNAPSHOT_MAX))
            .await
            .map_err(|_| Some(BROKEN))?;
        active.iter().for_each(|task| self.tell(Some((task.id, task.rev))));
        let data = json!({
            "tasks": active.iter().map(view).collect::<Vec<_>>(),
            "truncated": active.len() == SNAPSHOT_MAX,
        });
        self.send(&packet("sync.snapshot", &data, None)).await
    }

    async fn forward(&mut self, client: &Client, known: &mut u64) -> Result<(), End> {
        let packets = client.take().map_err(|close| {
            Some(match close {
                Close::TooSlow => TOO_SLOW,
                Close::SignedOut => SIGNED_OUT,
                Close::ShuttingDown => STOPPING,
            })
        })?;
        for packet in packets {
            if let Some(seq) = packet.seq {
                if seq <= *known {
                    continue;
                }
                *known = seq;
            } else if self.is_old(packet.revision) {
                continue;
            }
            self.tell(packet.revision);
            self.send(&packet.text).await?;
        }
        Ok(())
    }

    /// Has the client been told something newer of this task?
    fn is_old(&self, revision: Option<(TaskId, i64)>) -> bool {
        revision.is_some_and(|(task, rev)| self.told.get(&task).is_some_and(|newest| rev < *newest))
    }

    fn tell(&mut self, revision: Option<(TaskId, i64)>) {
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        if let Some((task, rev)) = revision {
            let newest = self.told.entry(task).or_insert(rev);
            *newest = rev.max(*newest);
        }
    }

    async fn still_signed_in(&self, caller: &Caller) -> Result<(), End> {
        match self.state.session_lives(caller).await {
            Ok(true) | Err(_) => Ok(()),
            Ok(false) => Err(Some(SIGNED_OUT)),
        }
    }

    async fn send(&mut self, text: &str) -> Result<(), End> {
        match timeout(SEND_WAIT, self.session.text(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(TOO_SLOW)),
        }
    }
}

/// The task and its revision that a stored event names.
fn revision(data: &Value) -> Option<(TaskId, i64)> {
    Some((TaskId::parse(data["taskId"].as_str()?).ok()?, data["rev"].as_i64()?))
}
