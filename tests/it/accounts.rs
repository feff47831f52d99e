//! Who may come in: the first set-up, signing in and out, tokens, cookies, and requests from other sites.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drive::domain::id::{AccountId, SessionId};
use drive::http::tokens::Keys;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, PASSWORD};

async fn login(client: &Client, name: &str, password: &str) -> Answer {
    client.post("/api/auth/login", json!({ "name": name, "password": password })).await
}

/// Asks with just these headers, without the access token.
async fn with(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let nobody = Client { token: None, ..client.clone() };
    let mut request = nobody.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    nobody.send(request).await
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/api/account").await.status == 200
}

#[tokio::test]
async fn the_first_administrator_is_made_once_with_the_code() {
    let drive = TestDrive::spawn();
    let nobody = drive.nobody();
    let code = drive.setup_code.clone().unwrap();
    assert!(code.len() >= 32, "{code}");
    let setup = |code: &str, name: &str, password: &str| {
        nobody.post("/api/auth/setup", json!({ "code": code, "name": name, "password": password }))
    };
    for wrong in ["", "x", &code[1..], &format!("{code}x")] {
        setup(wrong, "ada", PASSWORD).await.refused(403, "SETUP_CLOSED");
    }
    for (name, password, field) in [
        ("", PASSWORD, "name"),
        ("a b", PASSWORD, "name"),
        ("a/b", PASSWORD, "name"),
        ("a\u{202e}b", PASSWORD, "name"),
        (&"n".repeat(65), PASSWORD, "name"),
        ("ada", "", "password"),
        ("ada", "seven77", "password"),
        ("ada", &"p".repeat(257), "password"),
    ] {
        let refusal = setup(&code, name, password).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{name} {password}");
    }
    // Everybody who has the code may try at once; one comes first.
    let names: Vec<_> = (0..8).map(|index| format!("ada{index}")).collect();
    let answers = join_all(names.iter().map(|name| setup(&code, name, PASSWORD))).await;
    let (made, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), refused.len()), (1, 7));
    refused.into_iter().for_each(|answer| drop(answer.refused(403, "SETUP_CLOSED")));
    let account = made.into_iter().next().unwrap().ok()["account"].clone();
    assert_eq!(account["role"], "admin");
    setup(&code, "late", PASSWORD).await.refused(403, "SETUP_CLOSED");

    let drive = drive.restart();
    assert_eq!(drive.setup_code, None);
    assert!(!drive.data_dir().join("secrets/setup-code").exists());
    let again = json!({ "code": code, "name": "later", "password": PASSWORD });
    drive.nobody().post("/api/auth/setup", again).await.refused(403, "SETUP_CLOSED");
    login(&drive.nobody(), account["name"].as_str().unwrap(), PASSWORD).await.ok();
}

#[tokio::test]
async fn the_code_stays_the_same_until_it_is_used() {
    let drive = TestDrive::spawn();
    let code = drive.setup_code.clone();
    let drive = drive.restart();
    assert_eq!(drive.setup_code, code);
    drive.admin().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let drive = TestDrive::spawn();
    drive.user("ada").await;
    let nobody = drive.nobody();
    let wrong = login(&nobody, "ada", "wrong horse battery").await;
    assert_eq!(wrong.header("set-cookie"), "");
    let wrong = wrong.refused(401, "SIGN_IN_FAILED");
    assert_eq!(login(&nobody, "nobody", PASSWORD).await.refused(401, "SIGN_IN_FAILED"), wrong);
    assert_eq!(login(&nobody, "", "").await.refused(401, "SIGN_IN_FAILED"), wrong);
    drive.db().execute("update accounts set disabled = 1", []).unwrap();
    assert_eq!(login(&nobody, "ada", PASSWORD).await.refused(401, "SIGN_IN_FAILED"), wrong);
}

#[tokio::test]
async fn a_name_is_known_in_any_case_and_told_as_it_was_made() {
    let drive = TestDrive::spawn();
    drive.user("Ada.Lovelace").await;
    for name in ["Ada.Lovelace", "ada.lovelace", "ADA.LOVELACE"] {
        let answer = login(&drive.nobody(), name, PASSWORD).await.ok();
        assert_eq!(answer["account"]["name"], "Ada.Lovelace");
        assert_eq!(answer["expiresIn"], 900);
    }
}

#[tokio::test]
async fn a_crowd_at_the_door_is_served_or_told_to_wait() {
    let drive = TestDrive::spawn();
    drive.user("ada").await;
    let nobody = drive.nobody();
    let answers = join_all((0..64).map(|_| login(&nobody, "ada", "wrong horse battery"))).await;
    let (waiting, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 429);
    assert!(
        !waiting.is_empty() && !refused.is_empty(),
        "{} of 64 were told to wait",
        waiting.len()
    );
    for answer in waiting {
        assert_eq!(answer.header("retry-after"), "1");
        answer.refused(429, "TOO_MANY_REQUESTS");
    }
    refused.into_iter().for_each(|answer| drop(answer.refused(401, "SIGN_IN_FAILED")));
    login(&nobody, "ada", PASSWORD).await.ok();
}

async fn refresh(client: &Client, token: &str) -> Answer {
    client.post("/api/auth/refresh", json!({ "refreshToken": token })).await
}

#[tokio::test]
async fn a_refresh_token_is_used_up_by_its_use() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (nobody, first) = (drive.nobody(), user.refresh_token.clone().unwrap());
    let answer = refresh(&nobody, &first).await.ok();
    let second = answer["refreshToken"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    let fresh =
        Client { token: answer["accessToken"].as_str().map(str::to_owned), ..nobody.clone() };
    assert_eq!(fresh.get("/api/account").await.ok()["name"], "ada");
    refresh(&nobody, &first).await.refused(401, "NOT_SIGNED_IN");
    for wrong in ["", "x", user.token.as_deref().unwrap()] {
        refresh(&nobody, wrong).await.refused(401, "NOT_SIGNED_IN");
    }
    // Of those who use one token at once, one gets a new one.
    let answers = join_all((0..8).map(|_| refresh(&nobody, &second))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);

    // It outlives the access token, but not the session.
    let user = drive.signed_in("ada").await;
    drive.clock.advance_ms(16 * 60 * 1000);
    assert!(!is_signed_in(&user).await);
    let answer = refresh(&nobody, user.refresh_token.as_deref().unwrap()).await.ok();
    drive.clock.advance_ms(31 * 24 * 3600 * 1000);
    refresh(&nobody, answer["refreshToken"].as_str().unwrap()).await.refused(401, "NOT_SIGNED_IN");
}

#[tokio::test]
async fn signing_out_ends_token_cookie_and_refresh_at_once_and_nothing_else() {
    let drive = TestDrive::spawn();
    let (user, elsewhere) = (drive.user("ada").await, drive.signed_in("ada").await);
    let cookie = user.cookie.clone().unwrap();
    let cookie = [("cookie", cookie.as_str())];
    let by_cookie = || with(&user, Method::GET, "/api/account", &cookie);
    by_cookie().await.ok();
    let answer = user.call("/api/auth/logout").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").starts_with("drive_session=;"), "{:?}", answer.headers);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    user.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    by_cookie().await.refused(401, "NOT_SIGNED_IN");
    refresh(&user, user.refresh_token.as_deref().unwrap()).await.refused(401, "NOT_SIGNED_IN");
    user.call("/api/auth/logout").await.refused(401, "NOT_SIGNED_IN");
    assert!(is_signed_in(&elsewhere).await, "another device stays signed in");
}

/// The claims of a token, as anyone can read them.
fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[tokio::test]
async fn tokens_that_are_not_ours_or_over_are_refused() {
    let drive = TestDrive::spawn();
    let (user, bob) = (drive.user("ada").await, drive.user("bob").await);
    let token = user.token.clone().unwrap();
    let of = |text: &str| claims(text)["sub"].as_str().unwrap().to_owned();
    let account = AccountId::parse(&of(&token)).unwrap();
    let other = AccountId::parse(&of(bob.token.as_deref().unwrap())).unwrap();
    let session = SessionId::parse(claims(&token)["sid"].as_str().unwrap()).unwrap();
    let key = std::fs::read(drive.data_dir().join("secrets/access-token.key")).unwrap();
    let now = drive.clock.now();
    let sign = |key: &[u8], sub, sid| Keys::new(key).sign(sub, sid, now, 60_000).unwrap();
    let carrying = |token: String| Client { token: Some(token), ..drive.nobody() };
    // What is signed here is what the server signs, so what is refused below is refused for its own reason.
    assert!(is_signed_in(&carrying(sign(&key, account, session))).await);

    let (head, body) = (token.split('.').next().unwrap(), token.split('.').nth(1).unwrap());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let mut longer = claims(&token);
    longer["exp"] = json!(i64::MAX);
    let longer = URL_SAFE_NO_PAD.encode(longer.to_string());
    for wrong in [
        sign(b"another key of thirty-two bytes!", account, session),
        sign(&key, other, session),
        sign(&key, account, SessionId::generate()),
        format!("{none}.{body}."),
        format!("{none}.{body}"),
        format!("{head}.{longer}.{}", token.rsplit('.').next().unwrap()),
        token[..token.len() - 2].to_owned(),
        user.refresh_token.clone().unwrap(),
        String::new(),
        "x.y.z".to_owned(),
    ] {
        carrying(wrong.clone()).get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    }
    drive.clock.advance_ms(15 * 60 * 1000 - 2000);
    assert!(is_signed_in(&user).await);
    drive.clock.advance_ms(3000);
    assert!(!is_signed_in(&user).await);
}

#[tokio::test]
async fn the_cookie_signs_in_and_no_script_can_read_it() {
    let drive = TestDrive::spawn();
    drive.user("ada").await;
    let answer = login(&drive.nobody(), "ada", PASSWORD).await;
    let set = answer.header("set-cookie").to_owned();
    for part in ["drive_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(set.contains(part), "{part} is not in {set}");
    }
    assert!(!set.contains("Secure"), "without TLS a browser would not send it back");
    let cookie = set.split(';').next().unwrap();
    let me = with(&drive.nobody(), Method::GET, "/api/account", &[("cookie", cookie)]).await.ok();
    assert_eq!(me["name"], "ada");
    for wrong in ["drive_session=", "drive_session=x", "other=x"] {
        with(&drive.nobody(), Method::GET, "/api/account", &[("cookie", wrong)])
            .await
            .refused(401, "NOT_SIGNED_IN");
    }
    // A header that says who is asking is not overruled by a cookie.
    let both = [("cookie", cookie), ("authorization", "Bearer x")];
    with(&drive.nobody(), Method::GET, "/api/account", &both).await.refused(401, "NOT_SIGNED_IN");
}

#[tokio::test]
async fn a_page_that_shows_one_account_gets_nothing_with_the_cookie_of_another() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    let id = async |user: &Client| {
        let cookie = user.cookie.clone().unwrap();
        let account = with(user, Method::GET, "/api/account", &[("cookie", &cookie)]).await.ok();
        account["id"].as_str().unwrap().to_owned()
    };
    let (own, other) = (id(&ada).await, id(&bob).await);
    let cookie = ada.cookie.clone().unwrap();
    let asked = async |shown: &str| {
        let headers = [("cookie", cookie.as_str()), ("x-drive-account", shown)];
        with(&drive.nobody(), Method::POST, "/api/folders?path=/x", &headers).await
    };
    for wrong in [other.as_str(), "", "ada"] {
        asked(wrong).await.refused(401, "NOT_SIGNED_IN");
    }
    assert_ne!(asked(&own).await.status, 401);
}

#[tokio::test]
async fn requests_from_pages_of_other_sites_are_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let cookie = user.cookie.clone().unwrap();
    let own = format!("http://{}", drive.address);
    let cases: [(&[(&str, &str)], bool); 10] = [
        (&[], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("origin", &own)], true),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "http://127.0.0.1:1")], false),
        (&[("origin", "null")], false),
        (&[("origin", &own), ("sec-fetch-site", "cross-site")], false),
    ];
    for (headers, allowed) in cases {
        let all: Vec<_> = headers.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        let answer = with(&user, Method::POST, "/api/auth/ws-ticket", &all).await;
        match allowed {
            true => drop(answer.ok()),
            false => drop(answer.refused(403, "CROSS_SITE")),
        }
        with(&user, Method::GET, "/api/account", &all).await.ok();
        // A token is sent by no browser by itself.
        let token = format!("Bearer {}", user.token.as_deref().unwrap());
        let all: Vec<_> =
            headers.iter().copied().chain([("authorization", token.as_str())]).collect();
        with(&user, Method::POST, "/api/auth/ws-ticket", &all).await.ok();

        let mut request = user.http.post(format!("{own}/api/auth/login"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = user.send(request.json(&json!({ "name": "ada", "password": PASSWORD }))).await;
        assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{headers:?}");
    }
}

#[tokio::test]
async fn behind_a_proxy_its_address_is_the_own_one() {
    let drive = TestDrive::spawn_with(&[("DRIVE_SERVER_PUBLIC_URL", "https://drive.example/")]);
    let user = drive.user("ada").await;
    let cookie = user.cookie.clone().unwrap();
    let own = format!("http://{}", drive.address);
    for (origin, allowed) in
        [("https://drive.example", true), ("http://drive.example", false), (own.as_str(), false)]
    {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        let answer = with(&user, Method::POST, "/api/auth/ws-ticket", &headers).await;
        assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{origin}");
    }
    let answer = login(&drive.nobody(), "ada", PASSWORD).await;
    assert!(answer.header("set-cookie").contains("Secure"), "{:?}", answer.headers);
}
