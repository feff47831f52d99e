//! Tokens of an outside issuer in the place of our own: who gets in, as whom, and all the ways to be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::PASSWORD;
use crate::harness::issuer::{AUDIENCE, ISSUER, Issuer, Signer, claims, jwks, with_token};
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, config, folder};

fn number(drive: &TestDrive, sql: &str) -> i64 {
    drive.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn every_algorithm_and_every_form_of_key_is_understood() {
    for algorithm in ["RS256", "ES256", "EdDSA", "HS256"] {
        let issuer = Issuer::new(algorithm);
        for set in [false, true] {
            if set {
                let other = Signer::new("ES256", "other");
                issuer.publish(jwks(&[&other, &issuer.signer]));
            }
            let drive = issuer.spawn(&[]);
            let user = issuer.client(&drive, "7", json!({ "preferred_username": "ada" }));
            let me = user.get("/api/account").await.ok();
            assert_eq!((&me["name"], &me["role"]), (&json!("ada"), &json!("user")), "{algorithm}");
            let stranger = Issuer::new(algorithm).client(&drive, "7", json!({}));
            stranger.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
        }
    }
}

#[tokio::test]
async fn somebody_new_gets_an_account_that_works_like_any_other() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&[("DRIVE_ACCOUNTS_DEFAULT_QUOTA_BYTES", "1000")]);
    let admin = drive.admin().await;
    let user = issuer.client(&drive, "7", json!({ "preferred_username": "grace" }));
    let me = user.get("/api/account").await.ok();
    assert_eq!((&me["quotaBytes"], &me["secondFactor"]), (&json!(1000), &json!(false)));
    user.upload("a.bin", b"mine", json!({})).await;
    let again = issuer.client(&drive, "7", json!({ "preferred_username": "another name" }));
    assert_eq!(again.get("/api/account").await.ok()["id"], me["id"], "the subject is who it is");
    assert_eq!(again.get("/api/quota").await.ok()["used"], 4);

    // Sockets, by all three ways in.
    for way in ["header", "message", "ticket"] {
        let mut socket = match way {
            "header" => Socket::connect(&user, "").await,
            "message" => {
                let mut socket = Socket::open(&user, "/ws", &[]).await.unwrap();
                socket.send(json!({ "type": "auth", "token": user.token })).await;
                socket
            }
            _ => {
                let ticket = user.call("/api/auth/ws-ticket").await.ok();
                let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
                Socket::open(&drive.nobody(), &path, &[]).await.unwrap()
            }
        };
        socket.until("hello").await;
    }

    // No password opens it, until an administrator sets one.
    let login = json!({ "name": "grace", "password": PASSWORD });
    drive.nobody().post("/api/auth/login", login.clone()).await.refused(401, "SIGN_IN_FAILED");
    let path = format!("/api/accounts/{}", me["id"].as_str().unwrap());
    let set = admin.request(Method::PATCH, &path).json(&json!({ "password": PASSWORD }));
    admin.send(set).await.ok();
    drive.nobody().post("/api/auth/login", login).await.ok();

    let made = admin.get("/api/audit?action=account.create").await.ok();
    assert_eq!((&made[0]["account"], &made[0]["object"]), (&json!("grace"), &me["id"]));
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_bearing_their_name() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&[]);
    let admin = drive.admin().await;
    let known = admin.get("/api/account").await.ok();
    let mut names = Vec::new();
    for subject in ["1", "2", "3"] {
        let user = issuer.client(&drive, subject, json!({ "preferred_username": "ADA" }));
        let me = user.get("/api/account").await.ok();
        assert_ne!(me["id"], known["id"]);
        assert_eq!(me["role"], "user");
        names.push(me["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names, ["ADA-2", "ADA-3", "ADA-4"]);
    let odd = json!({ "preferred_username": "Grâce  <b>\u{202e}/../x" });
    let odd = issuer.client(&drive, "4", odd).get("/api/account").await.ok();
    assert_eq!(odd["name"], "Grâce-b-..-x");
    // Many first requests at once make one account.
    let user = issuer.client(&drive, "many", json!({}));
    let all = futures_util::future::join_all((0..20).map(|_| user.get("/api/account"))).await;
    let ids: std::collections::BTreeSet<String> =
        all.into_iter().map(|answer| answer.ok()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(number(&drive, "select count(*) from sessions where kind = 'outside'"), 5);
}

/// Tokens that each have one thing wrong.
fn hostile(issuer: &Issuer, drive: &TestDrive) -> Vec<(&'static str, String)> {
    let now = drive.clock.now();
    let (signer, seconds) = (&issuer.signer, now.0 / 1000);
    let said = |more: Value| claims(now, "7", more);
    let good = said(json!({}));
    let with = |more: Value| signer.token(&said(more));
    let headed = |header: Value| signer.sign(&header, &good);
    let token = signer.token(&good);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let other_payload = URL_SAFE_NO_PAD.encode(said(json!({ "sub": "8" })).to_string());
    let unsigned = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
        format!("{header}.{}.", URL_SAFE_NO_PAD.encode(good.to_string()))
    };
    let attacker = Signer::new(signer.algorithm(), "evil");
    let ours = json!({ "iss": "drive", "aud": "drive", "sid": drive_id(), "sub": drive_id() });
    vec![
        ("another issuer", with(json!({ "iss": "https://evil.example" }))),
        ("issuer with a slash", with(json!({ "iss": format!("{ISSUER}/") }))),
        ("no issuer", with(json!({ "iss": null }))),
        ("another audience", with(json!({ "aud": "drive-web" }))),
        ("no audience", with(json!({ "aud": null }))),
        ("over", with(json!({ "exp": seconds - 31 }))),
        ("never over", with(json!({ "exp": null }))),
        ("an end in words", with(json!({ "exp": "tomorrow" }))),
        ("not begun", with(json!({ "nbf": seconds + 60 }))),
        ("issued tomorrow", with(json!({ "iat": seconds + 86_400 }))),
        ("nobody", with(json!({ "sub": null }))),
        ("a number as somebody", with(json!({ "sub": 7 }))),
        ("tampered payload", format!("{header}.{other_payload}.{signature}")),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{token}.{signature}")),
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg empty", unsigned("")),
        ("confusion", Signer::with_secret(&signer.file).sign(&json!({ "kid": null }), &good)),
        (
            "confusion with kid",
            Signer::with_secret(&signer.file).sign(&json!({ "kid": "one" }), &good),
        ),
        ("empty secret", Signer::with_secret(b"").sign(&json!({ "kid": null }), &good)),
        ("another key", attacker.sign(&json!({ "kid": signer.kid }), &good)),
        ("key brought along", attacker.sign(&json!({ "jwk": attacker.jwk() }), &good)),
        ("key pointed at", attacker.sign(&json!({ "jku": "http://127.0.0.1:1/jwks" }), &good)),
        ("certificate pointed at", attacker.sign(&json!({ "x5u": "file:///etc/passwd" }), &good)),
        ("kid leads away", attacker.sign(&json!({ "kid": "../../x" }), &good)),
        ("kid injects", attacker.sign(&json!({ "kid": "' or 1=1 --" }), &good)),
        ("kid is no text", headed(json!({ "kid": 7 }))),
        ("another kind", headed(json!({ "typ": "logout+jwt" }))),
        ("must be understood", headed(json!({ "crit": ["exp"] }))),
        ("plays one of ours", signer.sign(&json!({ "typ": "at+jwt" }), &said(ours))),
        ("9 KiB", with(json!({ "padding": "x".repeat(9 * 1024) }))),
        ("no JSON", format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("[]"))),
        ("empty", "..".to_owned()),
    ]
}

fn drive_id() -> &'static str {
    "01a20d84-4cc9-74e6-9588-c587a52b521b"
}

#[tokio::test]
async fn hostile_tokens_are_refused_and_leave_nothing_behind() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        for set in [false, true] {
            let issuer = Issuer::new(algorithm);
            if set {
                issuer.publish(jwks(&[&issuer.signer]));
            }
            let drive = issuer.spawn(&[]);
            let mut all = hostile(&issuer, &drive);
            if set {
                let good = claims(drive.clock.now(), "7", json!({}));
                let unknown = issuer.signer.sign(&json!({ "kid": "two" }), &good);
                all.push(("kid of another key", unknown));
            }
            for (name, token) in all {
                let client = with_token(&drive, token);
                let answer = client.get("/api/account").await;
                assert_eq!(answer.status, 401, "{algorithm}: {name}");
                answer.refused(401, "NOT_SIGNED_IN");
            }
            assert_eq!(number(&drive, "select count(*) from accounts"), 0, "{algorithm}");
            assert_eq!(number(&drive, "select count(*) from identities"), 0, "{algorithm}");
            // What is odd but honest.
            let (now, signer) = (drive.clock.now(), &issuer.signer);
            let seconds = now.0 / 1000;
            for (header, more) in [
                (json!({ "typ": null, "kid": null }), json!({})),
                (json!({ "typ": "at+jwt" }), json!({ "aud": ["x", AUDIENCE] })),
                (json!({ "jku": "http://127.0.0.1:1/" }), json!({ "nbf": seconds + 20 })),
                (json!({}), json!({ "exp": seconds - 20, "iat": null })),
            ] {
                let token = signer.sign(&header, &claims(now, "7", more));
                with_token(&drive, token).get("/api/account").await.ok();
            }
        }
    }
}

#[tokio::test]
async fn our_own_tokens_are_none_of_the_issuers_and_theirs_none_of_ours() {
    let issuer = Issuer::new("HS256");
    let drive = issuer.spawn(&[]);
    let admin = drive.admin().await;
    admin.get("/api/account").await.ok();
    // Signed with our own key, but for the outside audience.
    let key = std::fs::read(drive.data_dir().join("secrets/access-token.key")).unwrap();
    let ours = Signer::with_secret(&key);
    let good = claims(drive.clock.now(), "7", json!({}));
    for kind in ["JWT", "at+jwt"] {
        let token = ours.sign(&json!({ "typ": kind, "kid": null }), &good);
        with_token(&drive, token).get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    }
    // Signed by the issuer, but naming one of our sessions.
    let sql = "select id || ' ' || account_id from sessions";
    let ids: String = drive.db().query_row(sql, [], |row| row.get(0)).unwrap();
    let (session, account) = ids.split_once(' ').unwrap();
    let stolen = json!({ "iss": "drive", "aud": "drive", "sub": account, "sid": session });
    let stolen = claims(drive.clock.now(), account, stolen);
    let token = issuer.signer.sign(&json!({ "typ": "at+jwt" }), &stolen);
    with_token(&drive, token).get("/api/account").await.refused(401, "NOT_SIGNED_IN");
}

#[test]
fn wrong_settings_stop_the_start_and_are_named() {
    let issuer = Issuer::new("ES256");
    let file = issuer.file().display().to_string();
    let good = [
        ("DRIVE_AUTH_JWT_ISSUER", ISSUER),
        ("DRIVE_AUTH_JWT_AUDIENCE", AUDIENCE),
        ("DRIVE_AUTH_JWT_ALGORITHM", "ES256"),
        ("DRIVE_AUTH_JWT_KEY_FILE", file.as_str()),
        ("DRIVE_OIDC_ISSUER", "https://id.example"),
        ("DRIVE_OIDC_CLIENT_ID", "drive-web"),
    ];
    let place = folder();
    config(place.path(), &good).unwrap();
    for (name, value, key) in [
        ("DRIVE_AUTH_JWT_ISSUER", "", "auth.jwt.issuer"),
        ("DRIVE_AUTH_JWT_ISSUER", "drive", "auth.jwt.issuer"),
        ("DRIVE_AUTH_JWT_AUDIENCE", "", "auth.jwt.audience"),
        ("DRIVE_AUTH_JWT_ALGORITHM", "none", "auth.jwt.algorithm"),
        ("DRIVE_AUTH_JWT_KEY_FILE", "", "auth.jwt.key_file"),
        ("DRIVE_AUTH_JWT_CLOCK_SKEW_SECONDS", "601", "auth.jwt.clock_skew_seconds"),
        ("DRIVE_AUTH_JWT_ACCOUNT_CLAIM", "", "auth.jwt.account_claim"),
        ("DRIVE_AUTH_JWT_ROLE_MAP", "a=admin", "auth.jwt.role_claim"),
        ("DRIVE_AUTH_JWT_ROLE_MAP", "a=king", "auth.jwt.role_map"),
        ("DRIVE_OIDC_ISSUER", "", "oidc.issuer"),
        ("DRIVE_OIDC_ISSUER", "http://id.example", "oidc.issuer"),
        ("DRIVE_OIDC_CLIENT_ID", "", "oidc.client_id"),
        ("DRIVE_OIDC_SCOPES", "profile", "oidc.scopes"),
        ("DRIVE_OIDC_LABEL", " ", "oidc.label"),
        ("DRIVE_OIDC_ACCOUNT_CLAIM", "", "oidc.account_claim"),
        ("DRIVE_AUTH_JWT_NONSENSE", "1", "DRIVE_AUTH_JWT_NONSENSE"),
    ] {
        let all = [&good[..], &[(name, value)]].concat();
        let error = config(place.path(), &all).unwrap_err();
        assert!(error.message().contains(key), "{name}={value}: {error}");
    }
    // One issuer for both: what it gives to whoever signs in must be no access token.
    let same = [("DRIVE_OIDC_ISSUER", ISSUER), ("DRIVE_OIDC_CLIENT_ID", AUDIENCE)];
    let error = config(place.path(), &[&good[..], &same].concat()).unwrap_err();
    assert!(error.message().contains("auth.jwt.audience"), "{error}");
}

#[test]
fn key_files_that_cannot_be_used_stop_the_start() {
    use drive::domain::identity::{Algorithm, Mapping, Trust};
    use drive::http::identity::Outside;
    let issuer = Issuer::new("ES256");
    let open = |algorithm: Algorithm, key_file: std::path::PathBuf| {
        let mapping = Mapping {
            account_claim: "sub".into(),
            name_claim: "name".into(),
            role_claim: None,
            roles: Vec::new(),
            create: true,
        };
        let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
        let trust = Trust { issuer, audience, algorithm, key_file, skew_seconds: 30, mapping };
        Outside::open(Some(trust), None).err().map(|error| error.message().to_owned())
    };
    assert_eq!(open(Algorithm::Es256, issuer.file()), None);
    let nowhere = open(Algorithm::Es256, "/nowhere/key.pem".into()).unwrap();
    assert!(nowhere.contains("auth.jwt.key_file") && nowhere.contains("/nowhere"), "{nowhere}");
    for algorithm in [Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Hs256] {
        let why = open(algorithm, issuer.file()).unwrap();
        assert!(why.contains(algorithm.name()), "a public key is no secret: {why}");
    }
}
