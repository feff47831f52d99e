//! The pools of the configuration, opened.

use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};
use zeroize::Zeroizing;

use crate::blobs::bucket::{Address, Bucket, Credentials};
use crate::blobs::folder::Folder;
use crate::blobs::pool::{Home, PoolDir, Seen, Setup};
use crate::config::Config;
use crate::config::pool::{Backend, PoolSection};
use crate::domain::error::{Error, Result};
use crate::domain::id::PoolId;
use crate::domain::pool::Pool;
use crate::outgoing::{self, Connector, Reach};
use crate::store::{Store, pools};

/// Opens all pools. One that is not there is offline, and the server runs.
///
/// # Errors
/// A setting that is wrong: keys of an S3 pool that are nowhere to be found.
pub(super) fn open(config: &Config, store: &Store) -> Result<(Vec<Pool>, Vec<PoolDir>)> {
    let mut configured = config.preferred_pool()?;
    let (mut opened, mut dirs) = (Vec::new(), Vec::new());
    for (number, section) in (1..).zip(&config.pools) {
        let home = match section.backend {
            Backend::Local => Home::Folder(Folder::new(config.pool_path(section))),
            Backend::S3 => Home::Bucket(bucket(section, number)?),
        };
        let name = section.name.clone();
        // A preferred pool that nobody knows yet is the first one, at its first start.
        let wished = configured.take();
        let (id, known) = store.write_now(move |tx| pools::ensure(tx, &name, wished))?;
        let dir = PoolDir::open(Setup {
            id,
            name: section.name.clone(),
            home,
            uploads: config.uploads_path(),
            keep_free: config.storage.keep_free_bytes,
            verify_reads: section.verify_reads,
            seen: if known { Seen::Before } else { Seen::Never },
        });
        if dir.check().is_ok() {
            store.write_now(move |tx| pools::opened(tx, id))?;
        }
        dirs.push(dir);
        opened.push(Pool { id, name: section.name.clone(), policy: section.policy() });
    }
    Ok((opened, dirs))
}

pub(super) fn preferred(config: &Config, pools: &[Pool]) -> Result<PoolId> {
    let first = pools.first().ok_or_else(|| Error::invalid("pool", "There is no pool."))?.id;
    let preferred = config.preferred_pool()?.unwrap_or(first);
    if pools.iter().any(|pool| pool.id == preferred) {
        return Ok(preferred);
    }
    let known: Vec<String> =
        pools.iter().map(|pool| format!("{} ({})", pool.id, pool.name)).collect();
    let message = format!(
        "storage.preferred_pool: there is no pool {preferred}; there is {}.",
        known.join(", ")
    );
    Err(Error::invalid("storage.preferred_pool", message))
}

fn bucket(section: &PoolSection, number: u32) -> Result<Bucket> {
    let key = |key: &str| match number {
        1 => format!("pool.{key}"),
        number => format!("pool{number}.{key}"),
    };
    if section.endpoint.starts_with("http://") && is_public(&section.endpoint) {
        let key = key("endpoint");
        let message = format!("{key}: http:// is for this machine and its network alone.");
        return Err(Error::invalid(&key, message));
    }
    let address = Address {
        bucket: section.bucket.clone(),
        endpoint: section.endpoint.clone(),
        region: section.region.clone(),
        prefix: section.prefix.clone(),
        path_style: section.path_style,
        allow_http: section.allow_http,
    };
    let credentials = credentials(&section.credentials_file, &key("credentials_file"))?;
    Bucket::new(&address, &credentials, Connector::new()?)
}

/// Does this name an address of the internet? A name is taken at its word.
fn is_public(endpoint: &str) -> bool {
    let address: Option<IpAddr> = match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    address.is_some_and(|address| outgoing::allowed(address, Reach::Public))
}

/// The key pair of a bucket: from a file in the form of `~/.aws/credentials`, else from the variables that all programs
/// for S3 know.
fn credentials(file: &Path, setting: &str) -> Result<Credentials> {
    let wrong = |why: &str| Err(Error::invalid(setting, format!("{setting}: {why}")));
    let (id, secret) = if file.as_os_str().is_empty() {
        let variable = |name: &str| {
            std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
        };
        (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    } else {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => return wrong(&format!("{}: {error}.", file.display())),
        };
        (value(&text, "access_key_id"), value(&text, "secret_access_key"))
    };
    match (id, secret) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(Credentials { access_key_id, secret_access_key })
        }
        _ => wrong(
            "name a file with aws_access_key_id = … and aws_secret_access_key = …, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY.",
        ),
    }
}

/// The first `aws_key = value`, or `key = value`, of a file in sections.
fn value(text: &str, key: &str) -> Option<Zeroizing<String>> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let mut named = pairs.filter(|(name, _)| {
        let name = name.trim();
        name.strip_prefix("aws_").unwrap_or(name) == key
    });
    let (_, value) = named.next()?;
    let value = value.trim().trim_matches('"');
    (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_a_file_of_the_usual_form() {
        let text =
            "[default]\n# mine\naws_access_key_id = AKIA1\naws_secret_access_key=\"a/b=c\"\n";
        assert_eq!(value(text, "access_key_id").unwrap().as_str(), "AKIA1");
        assert_eq!(value(text, "secret_access_key").unwrap().as_str(), "a/b=c");
        assert_eq!(value("access_key_id = x", "access_key_id").unwrap().as_str(), "x");
        assert!(value("access_key_id =\n", "access_key_id").is_none());
        let debug = format!(
            "{:?}",
            Credentials {
                access_key_id: Zeroizing::new("AKIA1".into()),
                secret_access_key: Zeroizing::new("secret".into()),
            }
        );
        assert_eq!(debug, "Credentials");
        assert!(is_public("http://1.1.1.1:9000") && !is_public("http://192.168.1.5:9000"));
        assert!(!is_public("http://[::1]:9000") && !is_public("http://nas.lan:9000"));
    }
}
