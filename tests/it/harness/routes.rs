//! The server's own route table, read from its source, so that a new route is not forgotten by the tests that walk
//! over all of them.

use reqwest::Method;

/// A route with its placeholders, such as `/api/tasks/{task_id}`.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub pattern: String,
}

impl Route {
    /// The pattern with ids in the place of its placeholders.
    pub fn path(&self, task_id: &str, file_id: &str) -> String {
        self.pattern
            .replace("{task_id}", task_id)
            .replace("{file_id}", file_id)
            .replace("{index}", "0")
            .replace("{hash}", "0")
            .replace("{path:.*}", "x")
    }
}

/// Every route, those of `/api` under both prefixes.
pub fn all() -> Vec<Route> {
    let source = include_str!("../../../src/http/mod.rs");
    let (outer, inner) = source.split_once("fn api(").expect("the table of /api");
    let mut routes = table(outer, "");
    routes.extend(table(inner, "/api"));
    routes.extend(table(inner, "/drive"));
    routes
}

fn table(source: &str, prefix: &str) -> Vec<Route> {
    let routes: Vec<_> = source.split(".route(").skip(1).map(|text| route(text, prefix)).collect();
    let verbs = ["get", "head", "post", "put", "patch", "delete"];
    let found: usize =
        verbs.iter().map(|verb| source.matches(&format!("web::{verb}()")).count()).sum();
    assert_eq!(routes.len(), found, "a route is written in a form that this table does not read");
    routes
}

/// Reads `"/path", web::verb().to(…)`.
fn route(text: &str, prefix: &str) -> Route {
    let pattern = text.split('"').nth(1).expect("a path");
    let verb = text.split("web::").nth(1).expect("a verb").split('(').next().unwrap();
    let method = verb.to_uppercase().parse().unwrap();
    Route { method, pattern: format!("{prefix}{pattern}") }
}
