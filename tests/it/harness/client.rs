//! Typed verbs over real HTTP.

use std::net::SocketAddr;

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// The password of every test account.
pub const PASSWORD: &str = "correct horse battery";

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("no JSON: {error}: {}", String::from_utf8_lossy(&self.body))
        })
    }

    /// The JSON of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(
            self.status.is_success(),
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    /// Asserts the contract's error form, this status and this code; the whole body.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["message"].as_str().is_some_and(|text| text.len() > 10), "{body}");
        assert!(body["details"].is_object(), "{body}");
        body
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A client, signed in or not.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub http: reqwest::Client,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
    /// `name=value` of the session cookie, as a browser would send it.
    pub cookie: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        drive::outgoing::install_provider();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { address, http, token: None, refresh_token: None, cookie: None }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.address));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: answer.bytes().await.expect("a body").to_vec() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// A list and its `X-Total`.
    pub async fn list(&self, path: &str) -> (Value, String) {
        let answer = self.get(path).await;
        let total = answer.header("x-total").to_owned();
        (answer.ok(), total)
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// The id of the client's own account.
    pub async fn account_id(&self) -> String {
        self.get("/api/account").await.ok()["id"].as_str().unwrap().to_owned()
    }

    /// A POST without a body.
    pub async fn call(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    pub async fn set_up(&mut self, code: &str, name: &str) {
        let answer = self
            .post("/api/auth/setup", json!({ "code": code, "name": name, "password": PASSWORD }))
            .await;
        self.keep(answer);
    }

    pub async fn sign_in(&mut self, name: &str) {
        let answer =
            self.post("/api/auth/login", json!({ "name": name, "password": PASSWORD })).await;
        self.keep(answer);
    }

    fn keep(&mut self, answer: Answer) {
        self.cookie = answer.header("set-cookie").split(';').next().map(str::to_owned);
        let body = answer.ok();
        self.token = body["accessToken"].as_str().map(str::to_owned);
        self.refresh_token = body["refreshToken"].as_str().map(str::to_owned);
    }

    /// Creates an upload of `size` bytes; `more` is added to the request.
    pub async fn create(&self, name: &str, size: u64, more: Value) -> Answer {
        let mut body = json!({ "fileName": name, "fileSize": size });
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            body[key] = value;
        }
        self.post("/api/files/upload/create", body).await
    }

    /// Sends a chunk as raw bytes.
    pub async fn chunk(&self, task_id: &str, index: u64, bytes: &[u8]) -> Answer {
        let path = format!("/api/files/upload/chunk/{task_id}/{index}");
        let request = self
            .request(Method::POST, &path)
            .header(header::CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(bytes.to_vec())).await
    }

    /// Sends a chunk as a form with a file, as browsers do.
    pub async fn chunk_form(
        &self,
        task_id: &str,
        index: u64,
        field: &'static str,
        bytes: &[u8],
    ) -> Answer {
        let path = format!("/api/files/upload/chunk/{task_id}/{index}");
        let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("blob");
        let form = reqwest::multipart::Form::new().part(field, part);
        self.send(self.request(Method::POST, &path).multipart(form)).await
    }

    pub async fn complete(&self, task_id: &str) -> Answer {
        self.call(&format!("/api/files/upload/complete/{task_id}")).await
    }

    /// Uploads a whole file by chunks; the CloudFile.
    pub async fn upload(&self, name: &str, bytes: &[u8], more: Value) -> Value {
        let task = self.create(name, bytes.len() as u64, more).await.ok();
        let (id, size) = (id(&task), task["chunkSize"].as_u64().unwrap());
        for (index, chunk) in bytes.chunks(size as usize).enumerate() {
            self.chunk(&id, index as u64, chunk).await.ok();
        }
        self.complete(&id).await.ok()
    }

    /// The id of the pool with this name.
    pub async fn pool(&self, name: &str) -> Value {
        let pools = self.get("/api/pools").await.ok();
        let found = pools.as_array().unwrap().iter().find(|pool| pool["name"] == name);
        found.unwrap_or_else(|| panic!("no pool {name} in {pools}"))["id"].clone()
    }

    pub async fn content(&self, file_id: &str) -> Vec<u8> {
        let answer = self.get(&format!("/api/files/{file_id}/content")).await;
        assert_eq!(answer.status, 200);
        answer.body
    }
}

/// The `taskId` of an answer.
#[track_caller]
pub fn id(task: &Value) -> String {
    task["taskId"].as_str().unwrap_or_else(|| panic!("no taskId in {task}")).to_owned()
}
