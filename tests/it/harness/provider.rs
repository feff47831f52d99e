//! A small OpenID Connect provider on 127.0.0.1: description, keys, sign-in page, exchange of codes with PKCE. It is
//! strict, and can be told to misbehave.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use drive::clock::Clock;
use serde_json::{Value, json};
use sha2::Digest as _;
use tempfile::TempDir;
use url::Url;

use super::client::{Answer, Client};
use super::issuer::{Signer, claims, jwks};
use super::{TestDrive, folder};

pub const CLIENT: &str = "drive web";
const SECRET: &str = "s3cret: with/odd+signs%";

/// Changes the header and the claims of a token before it is signed.
pub type Twist = fn(&mut Value, &mut Value);

/// Changes a finished token.
pub type Forge = fn(String) -> String;

struct Code {
    challenge: String,
    nonce: String,
    redirect_uri: String,
}

/// What the provider does; a test changes it.
pub struct Scene {
    pub issuer: String,
    /// What tokens are signed with, and the keys that are published.
    pub signer: Arc<Signer>,
    pub published: Vec<Arc<Signer>>,
    /// Who signs in, and what is said of them.
    pub subject: String,
    pub more: Value,
    pub twist: Option<Twist>,
    pub forge: Option<Forge>,
    /// What people are sent back with in the place of a code.
    pub error: Option<&'static str>,
    /// Another name than its own that it sends people back with.
    pub name: Option<String>,
    pub token_status: u16,
    /// The client has no secret and names itself in the form.
    pub public: bool,
    pub describe: fn(&mut Value),
    /// How often the keys were asked for.
    pub keys_asked: usize,
    codes_made: usize,
    codes: HashMap<String, Code>,
}

pub struct Provider {
    scene: Arc<Mutex<Scene>>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
}

type Shared = web::Data<Mutex<Scene>>;

fn parameters(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

async fn describe(scene: Shared) -> HttpResponse {
    let scene = scene.lock().unwrap();
    let at = |path: &str| format!("{}{path}", scene.issuer);
    let mut told = json!({
        "issuer": scene.issuer,
        "authorization_endpoint": at("/authorize?tenant=home"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "authorization_response_iss_parameter_supported": true,
    });
    (scene.describe)(&mut told);
    HttpResponse::Ok().json(told)
}

async fn keys(scene: Shared) -> HttpResponse {
    let mut scene = scene.lock().unwrap();
    scene.keys_asked += 1;
    let published: Vec<&Signer> = scene.published.iter().map(AsRef::as_ref).collect();
    HttpResponse::Ok().body(jwks(&published))
}

/// Whoever comes is signed in at once.
async fn authorize(scene: Shared, request: HttpRequest) -> HttpResponse {
    let mut scene = scene.lock().unwrap();
    let asked = parameters(request.query_string());
    assert_eq!(asked["tenant"], "home", "what the description says is kept");
    assert_eq!((asked["client_id"].as_str(), asked["response_type"].as_str()), (CLIENT, "code"));
    assert_eq!(asked["scope"], "openid profile");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["state"].len() >= 43 && asked["nonce"].len() >= 43);
    scene.codes_made += 1;
    let code = format!("code-{}", scene.codes_made);
    let begun = Code {
        challenge: asked["code_challenge"].clone(),
        nonce: asked["nonce"].clone(),
        redirect_uri: asked["redirect_uri"].clone(),
    };
    scene.codes.insert(code.clone(), begun);
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    let name = scene.name.clone().unwrap_or_else(|| scene.issuer.clone());
    back.query_pairs_mut().extend_pairs([("state", asked["state"].as_str()), ("iss", &name)]);
    match scene.error {
        Some(error) => back.query_pairs_mut().append_pair("error", error),
        None => back.query_pairs_mut().append_pair("code", &code),
    };
    HttpResponse::Found().insert_header(("location", back.as_str())).finish()
}

async fn token(scene: Shared, request: HttpRequest, body: String) -> HttpResponse {
    let mut scene = scene.lock().unwrap();
    if scene.token_status != 200 {
        let status = actix_web::http::StatusCode::from_u16(scene.token_status).unwrap();
        return HttpResponse::build(status).body("not now");
    }
    let refuse = |error: &str| HttpResponse::BadRequest().json(json!({ "error": error }));
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encode(CLIENT), encode(SECRET)));
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let asked = parameters(&body);
    let known = match scene.public {
        true => given.is_none() && asked.get("client_id").is_some_and(|id| id == CLIENT),
        false => given == Some(&format!("Basic {pair}")),
    };
    if !known {
        return refuse("invalid_client");
    }
    let Some(code) = scene.codes.remove(&asked["code"]) else { return refuse("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&asked["code_verifier"]));
    if challenge != code.challenge
        || asked["redirect_uri"] != code.redirect_uri
        || asked["grant_type"] != "authorization_code"
    {
        return refuse("invalid_grant");
    }
    let mut header = json!({});
    let about = json!({ "iss": scene.issuer, "aud": CLIENT, "nonce": code.nonce });
    let mut said = claims(Clock::default().now(), &scene.subject, about);
    for (name, value) in scene.more.as_object().unwrap() {
        said[name] = value.clone();
    }
    if let Some(twist) = scene.twist {
        twist(&mut header, &mut said);
    }
    said.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut id_token = scene.signer.sign(&header, &said);
    if let Some(forge) = scene.forge {
        id_token = forge(id_token);
    }
    HttpResponse::Ok()
        .json(json!({ "token_type": "Bearer", "access_token": "x", "id_token": id_token }))
}

impl Provider {
    pub fn spawn(algorithm: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = Arc::new(Signer::new(algorithm, "one"));
        let scene = Scene {
            issuer,
            published: vec![signer.clone()],
            signer,
            subject: "7".into(),
            more: json!({ "preferred_username": "grace" }),
            twist: None,
            forge: None,
            error: None,
            name: None,
            token_status: 200,
            public: false,
            describe: |_| {},
            keys_asked: 0,
            codes_made: 0,
            codes: HashMap::new(),
        };
        let scene = web::Data::new(Mutex::new(scene));
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let shared = scene.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(shared.clone())
                        .route("/.well-known/openid-configuration", web::get().to(describe))
                        .route("/jwks", web::get().to(keys))
                        .route("/authorize", web::get().to(authorize))
                        .route("/token", web::post().to(token))
                });
                let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
                ready.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let folder = folder();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        let scene = scene.into_inner();
        Self { scene, handle: opened.recv().unwrap(), thread: Some(thread), folder }
    }

    pub fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap()
    }

    /// From now on nobody answers.
    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The wish is sent at once; only its answer would be waited for.
            drop(self.handle.stop(false));
            thread.join().unwrap();
        }
    }

    /// A server where people can sign in with this provider.
    pub fn drive(&self, more: &[(&str, &str)]) -> TestDrive {
        let issuer = self.scene().issuer.clone();
        let secret = self.folder.path().join("secret").display().to_string();
        let own = [
            ("DRIVE_OIDC_ISSUER", issuer.as_str()),
            ("DRIVE_OIDC_CLIENT_ID", CLIENT),
            ("DRIVE_OIDC_CLIENT_SECRET_FILE", secret.as_str()),
            ("DRIVE_OIDC_ALLOW_PRIVATE", "true"),
            ("DRIVE_OIDC_LABEL", "the test"),
        ];
        TestDrive::spawn_with(&[&own[..], more].concat())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A browser: keeps cookies and lets nobody but the test follow a redirect.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    http: reqwest::Client,
    pub cookies: HashMap<String, String>,
}

impl Browser {
    pub fn new(drive: &TestDrive) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { client: drive.nobody(), http, cookies: HashMap::new() }
    }

    /// Goes to an address, or to a path of the server.
    pub async fn go(&mut self, to: &str) -> Answer {
        let whole = match to.starts_with('/') {
            true => format!("http://{}{to}", self.client.address),
            false => to.to_owned(),
        };
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = self.http.get(whole).header("cookie", cookies);
        let answer = self.client.send(request.header("sec-fetch-site", "cross-site")).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Begins to sign in; where the provider's page is.
    pub async fn start(&mut self) -> String {
        location(&self.go("/api/auth/oidc/start").await)
    }

    /// Begins, and signs in at the provider; the way back.
    pub async fn way_back(&mut self) -> String {
        let page = self.start().await;
        location(&self.go(&page).await)
    }

    /// All of it; where the browser ends.
    pub async fn sign_in(&mut self) -> String {
        let back = self.way_back().await;
        location(&self.go(&back).await)
    }

    /// Who is signed in here.
    pub async fn account(&mut self) -> Answer {
        self.go("/api/account").await
    }
}

/// Where a redirect leads.
#[track_caller]
pub fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{}", String::from_utf8_lossy(&answer.body));
    answer.header("location").to_owned()
}
