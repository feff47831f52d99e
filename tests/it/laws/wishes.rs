//! For each operation at least one wish on real files, with what it needs beforehand.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};

use crate::harness::bytes;
use crate::harness::client::Client;

/// What a cancel may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// All or nothing.
    Task,
    /// Each file for itself.
    Item,
}

type Prepare = for<'a> fn(&'a Client) -> Pin<Box<dyn Future<Output = Value> + Send + 'a>>;

pub struct Case {
    pub name: &'static str,
    pub task_type: &'static str,
    pub whole: Whole,
    prepare: Prepare,
}

impl Case {
    /// Uploads what the wish is about; its parameters.
    pub async fn prepare(&self, user: &Client) -> Value {
        (self.prepare)(user).await
    }
}

/// Some files of odd sizes, one of them empty; their ids.
pub async fn files(user: &Client) -> Vec<Value> {
    let mut ids = Vec::new();
    for (seed, (name, size)) in
        [("one.bin", 700_001), ("two.bin", 300_000), ("empty.bin", 0), ("three.bin", 65_536)]
            .into_iter()
            .enumerate()
    {
        let file = user.upload(name, &bytes(seed as u64, size), json!({ "folder": "/in" })).await;
        ids.push(file["id"].clone());
    }
    ids
}

pub async fn pool(user: &Client, name: &str) -> Value {
    let pools = user.get("/api/pools").await.ok();
    pools.as_array().unwrap().iter().find(|pool| pool["name"] == name).unwrap()["id"].clone()
}

pub fn types() -> BTreeSet<String> {
    [file_move(), storage_migration(), bulk_operation()]
        .into_iter()
        .flatten()
        .map(|case| case.task_type.to_owned())
        .collect()
}

pub fn file_move() -> Vec<Case> {
    vec![
        Case {
            name: "move to another pool and folder",
            task_type: "FileMove",
            whole: Whole::Item,
            prepare: |user| {
                Box::pin(async move {
                    let ids = files(user).await;
                    let far = pool(user, "far").await;
                    json!({ "fileIds": ids, "targetPoolId": far, "targetFolder": "/out" })
                })
            },
        },
        Case {
            name: "move to another folder",
            task_type: "FileMove",
            whole: Whole::Item,
            prepare: |user| {
                Box::pin(
                    async move { json!({ "fileIds": files(user).await, "targetFolder": "/out" }) },
                )
            },
        },
    ]
}

pub fn storage_migration() -> Vec<Case> {
    vec![
        Case {
            name: "migrate a pool",
            task_type: "StorageMigration",
            whole: Whole::Item,
            prepare: |user| {
                Box::pin(async move {
                    files(user).await;
                    json!({
                        "sourcePoolId": pool(user, "default").await,
                        "targetPoolId": pool(user, "far").await,
                    })
                })
            },
        },
        Case {
            name: "copy a pool",
            task_type: "StorageMigration",
            whole: Whole::Item,
            prepare: |user| {
                Box::pin(async move {
                    files(user).await;
                    json!({
                        "sourcePoolId": pool(user, "default").await,
                        "targetPoolId": pool(user, "far").await,
                        "deleteSource": false,
                    })
                })
            },
        },
    ]
}

pub fn bulk_operation() -> Vec<Case> {
    vec![Case {
        name: "copy many",
        task_type: "BulkOperation",
        whole: Whole::Item,
        prepare: |user| {
            Box::pin(async move {
                json!({
                    "operationType": "copy",
                    "targetIds": files(user).await,
                    "operationParameters": { "targetFolder": "/copies" },
                })
            })
        },
    }]
}
