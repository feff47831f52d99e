//! For each operation at least one wish on real files, with what it needs beforehand.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};

use crate::harness::bytes;
use crate::harness::client::Client;
use crate::harness::pictures::picture;
use crate::harness::tasks::Tasks as _;

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
    /// Do two runs give files of the same size, in the same steps?
    pub fn is_exact(&self) -> bool {
        self.task_type != "FileEncrypt"
    }

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
        let file = user
            .upload(
                name,
                &bytes(seed as u64, size),
                json!({ "folder": "/in", "lastModified": "2025-01-02T03:04:06Z" }),
            )
            .await;
        ids.push(file["id"].clone());
    }
    ids
}

pub fn types() -> BTreeSet<String> {
    [
        file_move(),
        storage_migration(),
        bulk_operation(),
        file_compress(),
        file_decompress(),
        file_conversion(),
        file_encrypt(),
        file_decrypt(),
        custom(),
    ]
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
                    let far = user.pool("far").await;
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
                        "sourcePoolId": user.pool("default").await,
                        "targetPoolId": user.pool("far").await,
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
                        "sourcePoolId": user.pool("default").await,
                        "targetPoolId": user.pool("far").await,
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

fn compress(format: &'static str) -> Prepare {
    match format {
        "zip" => |user| Box::pin(compress_as(user, "zip", None)),
        "secret zip" => |user| Box::pin(compress_as(user, "zip", Some("open sesame"))),
        "tar" => |user| Box::pin(compress_as(user, "tar", None)),
        "tar.gz" => |user| Box::pin(compress_as(user, "tar.gz", None)),
        _ => |user| Box::pin(compress_as(user, "tar.zst", None)),
    }
}

async fn compress_as(user: &Client, format: &str, password: Option<&str>) -> Value {
    files(user).await;
    let mut wish = json!({
        "folder": "/in", "compressionFormat": format, "outputFileName": "all",
        "targetFolder": "/made", "targetPoolId": user.pool("far").await,
    });
    if let Some(password) = password {
        wish["password"] = json!(password);
        wish["outputFileName"] = json!("secret.zip");
    }
    wish
}

/// With a password the salts differ from one archive to the next, so only its size is compared there, by `picture`.
pub fn file_compress() -> Vec<Case> {
    ["zip", "tar", "tar.gz", "tar.zst"]
        .into_iter()
        .map(|format| Case {
            name: format,
            task_type: "FileCompress",
            whole: Whole::Task,
            prepare: compress(format),
        })
        .collect()
}

pub fn file_decompress() -> Vec<Case> {
    ["zip", "secret zip", "tar.zst"]
        .into_iter()
        .map(|format| Case {
            name: format,
            task_type: "FileDecompress",
            whole: Whole::Task,
            prepare: match format {
                "zip" => |user| Box::pin(unpack(user, "zip", None)),
                "secret zip" => |user| Box::pin(unpack(user, "zip", Some("open sesame"))),
                _ => |user| Box::pin(unpack(user, "tar.zst", None)),
            },
        })
        .collect()
}

async fn unpack(user: &Client, format: &str, password: Option<&str>) -> Value {
    let wish = compress_as(user, format, password).await;
    let made = user.run("FileCompress", wish).await;
    assert_eq!(made["status"], "Completed", "{made}");
    let mut wish = json!({ "fileId": made["results"]["resultFileId"], "targetFolder": "/out" });
    if let Some(password) = password {
        wish["password"] = json!(password);
    }
    wish
}

pub fn file_conversion() -> Vec<Case> {
    vec![
        Case {
            name: "csv to json",
            task_type: "FileConversion",
            whole: Whole::Task,
            prepare: |user| {
                Box::pin(async move {
                    let rows: String = (0..60_000).map(|n| format!("{n},name {n}\n")).collect();
                    let table = format!("n,name\n{rows}");
                    let file = user.upload("t.csv", table.as_bytes(), json!({})).await;
                    json!({ "fileId": file["id"], "targetFormat": "json", "targetFolder": "/out" })
                })
            },
        },
        Case {
            name: "zip to tar.zst",
            task_type: "FileConversion",
            whole: Whole::Task,
            prepare: |user| {
                Box::pin(async move {
                    let wish = unpack(user, "zip", None).await;
                    json!({ "fileId": wish["fileId"], "targetFormat": "tar.zst", "targetFolder": "/out" })
                })
            },
        },
    ]
}

pub fn custom() -> Vec<Case> {
    ["verifyFiles", "exportManifest"]
        .into_iter()
        .map(|handler| Case {
            name: handler,
            task_type: "Custom",
            whole: Whole::Task,
            prepare: match handler {
                "verifyFiles" => |user| {
                    Box::pin(async move { json!({ "handler": "verifyFiles", "fileIds": files(user).await }) })
                },
                _ => |user| {
                    Box::pin(async move {
                        files(user).await;
                        json!({ "handler": "exportManifest", "folder": "/in", "targetFolder": "/out" })
                    })
                },
            },
        })
        .chain([Case {
            name: "makePreviews",
            task_type: "Custom",
            whole: Whole::Item,
            prepare: |user| {
                Box::pin(async move {
                    for side in [40, 50, 60] {
                        let content = picture(side, side, image::ImageFormat::Png);
                        let name = format!("{side}.png");
                        user.upload(&name, &content, json!({ "folder": "/in" })).await;
                    }
                    json!({ "handler": "makePreviews" })
                })
            },
        }])
        .collect()
}

/// A password of the wishes; nothing may show it.
pub const PASSWORD: &str = "a law-abiding password";

pub fn file_encrypt() -> Vec<Case> {
    vec![Case {
        name: "encrypt",
        task_type: "FileEncrypt",
        whole: Whole::Item,
        prepare: |user| {
            Box::pin(async move { json!({ "fileIds": files(user).await, "password": PASSWORD }) })
        },
    }]
}

pub fn file_decrypt() -> Vec<Case> {
    vec![Case {
        name: "decrypt",
        task_type: "FileDecrypt",
        whole: Whole::Item,
        prepare: |user| {
            Box::pin(async move {
                let wish = json!({ "fileIds": files(user).await, "password": PASSWORD });
                let locked = user.run("FileEncrypt", wish.clone()).await;
                assert_eq!(locked["status"], "Completed", "{locked}");
                wish
            })
        },
    }]
}
