//! The server's own route table, for the tests that walk over all of it.

use drive::http::access::Access;
use drive::http::{API, OUTSIDE};
use reqwest::Method;

/// A route with its placeholders, such as `/api/tasks/{task_id}`.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub pattern: String,
    pub access: Access,
}

impl Route {
    /// The pattern with ids in the place of its placeholders.
    pub fn path(&self, task_id: &str, file_id: &str) -> String {
        self.pattern
            .replace("{task_id}", task_id)
            .replace("{index}", "0")
            .replace("{hash}", "0")
            .replace("{path:.*}", "x")
            .split('/')
            .map(|part| if part.starts_with('{') { file_id } else { part })
            .collect::<Vec<_>>()
            .join("/")
    }
}

/// Every route, those of `/api` under both prefixes.
pub fn all() -> Vec<Route> {
    let of = |prefix: &str, table: &[drive::http::access::Route]| -> Vec<Route> {
        let route = |line: &drive::http::access::Route| Route {
            method: line.method.parse().unwrap(),
            pattern: format!("{prefix}{}", line.pattern),
            access: line.access,
        };
        table.iter().map(route).collect()
    };
    [of("", OUTSIDE), of("/api", API), of("/drive", API)].concat()
}
