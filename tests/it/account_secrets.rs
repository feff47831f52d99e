//! What lets somebody in is written nowhere: every request that carries such a thing is sent, rightly and wrongly, to a
//! server that logs all it can; then its log, its database and what it told others are searched for it.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::child::{ChildDrive, run};
use crate::harness::client::{Answer, Client};
use crate::harness::socket::Socket;

const PASSWORD: &str = "Kx4-first-password-of-ada";
const NEXT: &str = "Kx4-second-password-of-ada";
const WRONG: &str = "Kx4-somebody-guesses-this";

/// Secrets that were handed out or sent, and everything that was answered where they do not belong.
#[derive(Default)]
struct Seen {
    secrets: Vec<String>,
    answers: Vec<String>,
}

impl Seen {
    fn secret(&mut self, value: &Value) -> String {
        let text = value.as_str().unwrap_or_else(|| panic!("no secret: {value}")).to_owned();
        assert!(text.len() >= 12, "{text} would be found by chance");
        self.secrets.push(text.clone());
        text
    }

    /// An answer that must hold none of them.
    fn answer(&mut self, answer: Answer) -> Value {
        self.answers.push(format!(
            "{:?} {}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        ));
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    fn found_in(&self, text: &[u8]) -> Option<&String> {
        let holds =
            |secret: &&String| text.windows(secret.len()).any(|window| window == secret.as_bytes());
        self.secrets.iter().find(holds)
    }

    /// Files below a folder that hold a secret, apart from the server's own keys.
    fn files_with(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("secrets") {
                    found.extend(self.files_with(&path));
                }
            } else if let Some(secret) = self.found_in(&std::fs::read(&path).unwrap()) {
                found.push(format!("{secret} in {}", path.display()));
            }
        }
        found
    }
}

async fn sign_in(seen: &mut Seen, nobody: &Client, path: &str, body: Value) -> Client {
    let answer = nobody.post(path, body).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    seen.secret(&json!(cookie.split_once('=').unwrap().1));
    let body = answer.ok();
    let token = seen.secret(&body["accessToken"]);
    let refresh = seen.secret(&body["refreshToken"]);
    Client {
        token: Some(token),
        refresh_token: Some(refresh),
        cookie: Some(cookie),
        ..nobody.clone()
    }
}

/// Wrong and right uses of all that can be guessed.
async fn guesses(seen: &mut Seen, user: &Client, nobody: &Client) {
    for body in [
        json!({ "name": "ada", "password": WRONG }),
        json!({ "name": "nobody", "password": WRONG }),
        json!({ "name": "ada", "password": [WRONG] }),
        json!({ "name": "ada", "password": { WRONG: 1 } }),
        json!({ "name": "ada", "password": WRONG, "code": WRONG }),
    ] {
        let answer = nobody.post("/api/auth/login", body).await;
        seen.answer(answer);
    }
    for (path, body) in [
        ("/api/auth/setup", json!({ "code": WRONG, "name": "eve", "password": WRONG })),
        ("/api/auth/refresh", json!({ "refreshToken": WRONG })),
        ("/api/account/password", json!({ "currentPassword": WRONG, "newPassword": WRONG })),
        ("/api/account/totp", json!({ "currentPassword": WRONG })),
        ("/api/account/totp/remove", json!({ "currentPassword": PASSWORD, "code": WRONG })),
        ("/api/accounts", json!({ "name": "ada", "password": WRONG })),
    ] {
        let answer = user.post(path, body).await;
        seen.answer(answer);
    }
    let stranger = Client { token: Some(format!("drv_{WRONG}")), ..nobody.clone() };
    let answer = stranger.get("/api/account").await;
    seen.answer(answer);
    let (status, _) = Socket::refused(nobody, &format!("/ws?ticket={WRONG}"), &[]).await;
    assert_eq!(status, 401);
    let answer = nobody.get(&format!("/api/nowhere/x?token={WRONG}")).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn nothing_that_lets_somebody_in_is_written_anywhere() {
    let folder = crate::harness::folder();
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = ChildDrive::start_talkative(&data_dir, &log);
    let nobody = server.nobody();
    let mut seen =
        Seen { secrets: [PASSWORD, NEXT, WRONG].map(str::to_owned).to_vec(), ..Seen::default() };
    let code = seen.secret(&json!(server.setup_code));
    let set_up = json!({ "code": code, "name": "ada", "password": PASSWORD });
    let first = sign_in(&mut seen, &nobody, "/api/auth/setup", set_up).await;
    let mut events = Socket::connect(&first, "").await;
    guesses(&mut seen, &first, &nobody).await;

    let wanted = json!({ "name": "t", "scopes": ["tasks"] });
    let made = first.post("/api/tokens", wanted).await.ok();
    let program = Client { token: Some(seen.secret(&made["token"])), ..nobody.clone() };
    program.get("/api/tasks").await.ok();
    let begun = first.post("/api/account/totp", json!({ "currentPassword": PASSWORD })).await.ok();
    seen.secret(&begun["secret"]);
    let ticket = first.call("/api/auth/ws-ticket").await.ok();
    let ticket = seen.secret(&ticket["ticket"]);
    Socket::open(&nobody, &format!("/ws?ticket={ticket}"), &[]).await.unwrap();
    let renewed = json!({ "refreshToken": first.refresh_token });
    let renewed = nobody.post("/api/auth/refresh", renewed).await.ok();
    seen.secret(&renewed["accessToken"]);
    seen.secret(&renewed["refreshToken"]);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEXT });
    assert_eq!(first.post("/api/account/password", change).await.status, 204);
    let login = json!({ "name": "ada", "password": NEXT });
    let second = sign_in(&mut seen, &nobody, "/api/auth/login", login).await;
    let made = run(
        &["token", "create", "ada", "--scope", "tasks", "--data-dir", data_dir.to_str().unwrap()],
        &[],
        "",
    );
    seen.secret(&json!(String::from_utf8(made.stdout).unwrap().trim()));

    for path in [
        "/api/account",
        "/api/auth/sessions",
        "/api/tokens",
        "/api/audit",
        "/api/accounts",
        "/api/tasks",
        "/metrics",
        "/health/uploads",
    ] {
        let answer = second.send(second.request(Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path}");
        seen.answer(answer);
    }
    let told = events.until_pong().await;
    seen.answers.push(format!("{told:?}"));
    let shown = run(&["config", "--data-dir", data_dir.to_str().unwrap()], &[], "");
    seen.answers.push(String::from_utf8(shown.stdout).unwrap());
    for answer in &seen.answers {
        assert_eq!(seen.found_in(answer.as_bytes()), None, "{answer}");
    }
    assert!(seen.secrets.len() >= 15, "{} secrets", seen.secrets.len());
    assert_eq!(seen.files_with(folder.path()), Vec::<String>::new());
    assert_eq!(server.stop(), Some(0));
    assert_eq!(seen.files_with(folder.path()), Vec::<String>::new());
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        said.contains("account.sign_in") && said.contains("signed in"),
        "it says little: {said}"
    );
    // The search itself finds what is there.
    std::fs::write(data_dir.join("note"), format!("..{NEXT}..")).unwrap();
    assert_eq!(seen.files_with(folder.path()).len(), 1);
}
