//! Every route × everybody who may knock, against a table of its own.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::harness::client::Client;
use crate::harness::routes::{self, Route};
use crate::harness::{TestDrive, eventually};

/// Who may use what below `/api`, written down a second time: what the server's table says must not be the only word.
const EXPECTED: &str = "
public  POST /auth/setup
public  POST /auth/login
public  POST /auth/refresh
public  GET /auth/oidc
public  GET /share/{slug}
public  POST /share/{slug}/uploads
public  PUT /share/{slug}/uploads/{upload}/{index}
public  GET /share/{slug}/uploads/{upload}
public  POST /share/{slug}/uploads/{upload}/complete
public  DELETE /share/{slug}/uploads/{upload}
public  POST /share/{slug}
public  GET /share/{slug}/archive
public  HEAD /share/{slug}/archive
public  GET /share/{slug}/files/{file_id}/content
public  HEAD /share/{slug}/files/{file_id}/content
public  GET /share/{slug}/files/{file_id}/thumbnail
public  GET /auth/oidc/start
public  GET /auth/oidc/callback
anyone  POST /auth/logout
anyone  GET /account
anyone  GET /quota
anyone  GET /operations
anyone  GET /pools
anyone  GET /audit
anyone  GET /usage
own     POST /account/password
own     GET /account/totp
own     POST /account/totp
own     POST /account/totp/confirm
own     POST /account/totp/remove
own     GET /auth/sessions
own     DELETE /auth/sessions
own     DELETE /auth/sessions/{session_id}
own     GET /tokens
own     POST /tokens
own     DELETE /tokens/{session_id}
own     GET /notifications
own     GET /notifications/unread
own     POST /notifications/read
own     GET /notifications/preferences
own     PUT /notifications/preferences
own     DELETE /notifications/{notification_id}
own     GET /push/key
own     GET /push/subscriptions
own     POST /push/subscriptions
own     DELETE /push/subscriptions/{subscription_id}
own     POST /push/test
own     GET /webhooks
own     POST /webhooks
own     GET /webhooks/{webhook_id}
own     PATCH /webhooks/{webhook_id}
own     DELETE /webhooks/{webhook_id}
own     POST /webhooks/{webhook_id}/test
own     GET /webhooks/{webhook_id}/deliveries
admin   POST /usage/send
admin   POST /lanes/{lane}/pause
admin   POST /lanes/{lane}/resume
admin   GET /accounts
admin   POST /accounts
admin   GET /accounts/{account_id}
admin   PATCH /accounts/{account_id}
admin   GET /accounts/{account_id}/grants
admin   GET /accounts/{account_id}/identities
admin   POST /accounts/{account_id}/identities
admin   DELETE /accounts/{account_id}/identities
admin   POST /accounts/{account_id}/grants
admin   DELETE /accounts/{account_id}/grants/{grant_id}
read    GET /files
read    GET /files/{file_id}
read    GET /files/{file_id}/content
read    HEAD /files/{file_id}/content
read    GET /files/{file_id}/thumbnail
read    GET /files/{file_id}/key
read    POST /files/{file_id}/link
read    GET /files/upload/tasks
read    GET /files/upload/tasks/recent
read    GET /files/upload/tasks/{task_id}/details
read    GET /files/upload/progress/{task_id}
read    GET /files/upload/resume/{task_id}
read    GET /files/upload/blocks/{task_id}
read    GET /files/upload/stats
read    GET /folders
read    GET /files/archive
read    HEAD /files/archive
read    POST /files/archive
read    GET /bundles
read    GET /bundles/{bundle_id}
write   POST /bundles
write   PATCH /bundles/{bundle_id}
write   DELETE /bundles/{bundle_id}
write   PATCH /files/{file_id}
write   DELETE /files/{file_id}
write   POST /files/{file_id}/restore
write   POST /folders/move
write   POST /folders
write   DELETE /folders
write   POST /files/{file_id}/copy
write   DELETE /trash
write   POST /files/{file_id}/password
write   POST /files/upload/create
write   POST /files/upload/chunk/{task_id}/{index}
write   PUT /files/upload/chunk/{task_id}/{index}
write   POST /files/upload/complete/{task_id}
write   POST /files/upload/direct
write   PUT /files/upload/direct
write   DELETE /files/upload/tasks/cleanup
write   DELETE /files/upload/task/{task_id}
look    POST /auth/ws-ticket
look    GET /lanes
look    GET /tasks
look    GET /tasks/recent
look    GET /tasks/stats
look    GET /tasks/{task_id}
look    GET /tasks/{task_id}/items
look    GET /tasks/{task_id}/wait
tasks   POST /tasks
tasks   DELETE /tasks/cleanup
tasks   POST /tasks/pause
tasks   POST /tasks/resume
tasks   POST /tasks/cancel
tasks   POST /tasks/retry
tasks   PATCH /tasks/{task_id}
tasks   POST /tasks/{task_id}/pause
tasks   POST /tasks/{task_id}/resume
tasks   POST /tasks/{task_id}/cancel
tasks   POST /tasks/{task_id}/retry
tasks   POST /tasks/{task_id}/progress
tasks   POST /tasks/{task_id}/complete
tasks   POST /tasks/{task_id}/fail
";

/// What each caller may do, in the words of the table above.
const CALLERS: [(&str, &[&str]); 11] = [
    ("nobody", &["public"]),
    ("revoked", &["public"]),
    ("disabled", &["public"]),
    ("guest", &["public", "anyone", "own", "read", "look"]),
    ("user", &["public", "anyone", "own", "read", "look", "write", "tasks"]),
    ("admin", &["public", "anyone", "own", "read", "look", "write", "tasks", "admin"]),
    ("token files:read", &["public", "anyone", "read"]),
    ("token files:write", &["public", "anyone", "write"]),
    ("token tasks", &["public", "anyone", "look", "tasks"]),
    ("admin's token admin", &["public", "anyone", "admin"]),
    ("guest's token files:write", &["public", "anyone"]),
];

fn expected() -> BTreeMap<String, &'static str> {
    let row = |line: &'static str| {
        let (word, route) = line.split_once(' ').unwrap();
        (route.trim().to_owned(), word)
    };
    EXPECTED.lines().filter(|line| !line.is_empty()).map(row).collect()
}

async fn token_of(owner: &Client, scope: &str) -> Client {
    let wanted = json!({ "name": scope, "scopes": [scope] });
    let made = owner.post("/api/tokens", wanted).await.ok();
    Client { token: made["token"].as_str().map(str::to_owned), cookie: None, ..owner.clone() }
}

async fn callers(drive: &TestDrive) -> BTreeMap<&'static str, Client> {
    let admin = drive.admin().await;
    let user = drive.user("user").await;
    let guest = drive.account("guest", "guest", None).await;
    let revoked = drive.user("revoked").await;
    revoked.call("/api/auth/logout").await;
    let disabled = drive.user("disabled").await;
    let id = disabled.account_id().await;
    admin.patch(&format!("/api/accounts/{id}"), json!({ "disabled": true })).await.ok();
    // Made while its owner was more than a guest; what its owner may do now is what counts.
    let demoted = drive.user("demoted").await;
    let of_guest = token_of(&demoted, "files:write").await;
    let id = demoted.account_id().await;
    admin.patch(&format!("/api/accounts/{id}"), json!({ "role": "guest" })).await.ok();
    BTreeMap::from([
        ("nobody", drive.nobody()),
        ("revoked", revoked),
        ("disabled", disabled),
        ("token files:read", token_of(&user, "files:read").await),
        ("token files:write", token_of(&user, "files:write").await),
        ("token tasks", token_of(&user, "tasks").await),
        ("admin's token admin", token_of(&admin, "admin").await),
        ("guest's token files:write", of_guest),
        ("guest", guest),
        ("user", user),
        ("admin", admin),
    ])
}

/// Is this caller let through to the handler, whatever that says then?
async fn is_let_in(client: &Client, route: &Route) -> bool {
    let id = "01a20d84-4cc9-74e6-9588-c587a52b521b";
    let request = client.request(route.method.clone(), &route.path(id, id));
    let answer = client.send(request.header("content-type", "application/json").body("{}")).await;
    if route.method == Method::HEAD {
        return ![401, 403].contains(&answer.status.as_u16());
    }
    let code = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    let code = code["code"].as_str().unwrap_or_default();
    assert_ne!(answer.status.as_u16(), 500, "{} {}", route.method, route.pattern);
    !["NOT_SIGNED_IN", "FORBIDDEN", "SCOPE_MISSING"].contains(&code)
}

#[tokio::test]
async fn everybody_gets_through_the_doors_they_may_and_no_other() {
    let drive = TestDrive::spawn();
    let callers = callers(&drive).await;
    let expected = expected();
    let routes: Vec<_> =
        routes::all().into_iter().filter(|route| route.pattern.starts_with("/api/")).collect();
    let (mut wrong, mut walked) = (Vec::new(), 0);
    for route in routes.iter().filter(|route| route.pattern != "/api/ws") {
        let name = format!("{} {}", route.method, route.pattern.trim_start_matches("/api"));
        let Some(word) = expected.get(&name) else {
            wrong.push(format!("{name} is not in the table of this test"));
            continue;
        };
        for (caller, may) in CALLERS {
            // A caller that signs out is another one afterwards; `accounts` tests it.
            let leaves = name == "POST /auth/logout" && may.contains(word);
            if !leaves && is_let_in(&callers[caller], route).await != may.contains(word) {
                wrong.push(format!("{name} as {caller}"));
            }
            walked += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(walked, CALLERS.len() * expected.len());
}

#[tokio::test]
async fn both_prefixes_have_the_same_doors() {
    let of = |prefix: &str| -> Vec<String> {
        let all = routes::all().into_iter();
        let below = all.filter_map(|route| {
            let rest = route.pattern.strip_prefix(prefix)?.to_owned();
            Some(format!("{} {rest} {:?}", route.method, route.access))
        });
        below.collect()
    };
    assert_eq!(of("/api/"), of("/drive/"));
}

#[tokio::test]
async fn a_role_taken_away_counts_at_once() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.user("bob").await;
    let id = user.account_id().await;
    user.create("a.bin", 1, json!({})).await.ok();
    let path = format!("/api/accounts/{id}");
    let change = |role: &str| admin.patch(&path, json!({ "role": role }));
    change("guest").await.ok();
    user.create("b.bin", 1, json!({})).await.refused(403, "FORBIDDEN");
    user.get("/api/files").await.ok();
    user.get("/api/accounts").await.refused(403, "FORBIDDEN");
    change("admin").await.ok();
    user.get("/api/accounts").await.ok();
    change("user").await.ok();
    user.get("/api/accounts").await.refused(403, "FORBIDDEN");
    eventually("the upload is still there", || drive.holdings().staged.len() == 1).await;
}
