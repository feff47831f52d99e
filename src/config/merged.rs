//! Merging of the sources: flags win over the environment, the environment over the file, the file over the defaults.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{Config, DEFAULTS, Flags};
use crate::domain::error::{Error, Result};

/// Variables that the original upload system named, and `LOG_LEVEL`.
const SEED_VARIABLES: [(&str, &str, &str); 8] = [
    ("STORAGE_UPLOADS_PATH", "storage", "uploads_path"),
    ("STORAGE_PREFERRED_REMOTE", "storage", "preferred_pool"),
    ("UPLOAD_DEFAULT_CHUNK_SIZE", "uploads", "default_chunk_size"),
    ("UPLOAD_MAX_CHUNK_SIZE", "uploads", "max_chunk_size"),
    ("UPLOAD_STALE_THRESHOLD_HOURS", "uploads", "stale_hours"),
    ("UPLOAD_CACHE_DURATION_MINUTES", "uploads", "cache_minutes"),
    ("UPLOAD_CLEANUP_INTERVAL_MINUTES", "janitor", "interval_minutes"),
    ("LOG_LEVEL", "log", "level"),
];

/// One setting with the place it came from.
#[derive(Clone, Debug)]
struct Setting {
    section: String,
    key: String,
    value: Value,
    origin: String,
}

/// The merged settings, and where each came from.
#[derive(Clone, Debug)]
pub struct Merged {
    settings: Vec<Setting>,
}

impl Merged {
    /// Merges all sources. `environment` is what `std::env::vars` yields; an argument, so that tests need no real one.
    pub fn read(
        flags: &Flags,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut merged = Self { settings: flatten(parse(DEFAULTS, "drive.toml")?, "default")? };
        if let Some(path) = &flags.config {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Error::invalid("config", format!("--config {}: {error}", path.display()))
            })?;
            let origin = path.display().to_string();
            for setting in flatten(parse(&text, &origin)?, &origin)? {
                merged.set(&setting.section, &setting.key, setting.value, &origin, &origin)?;
            }
        }
        for (name, text) in environment {
            merged.set_variable(&name, &text)?;
        }
        let given = [
            (
                "server",
                "data_dir",
                "--data-dir",
                flags.data_dir.as_ref().map(|path| path.display().to_string()),
            ),
            ("server", "listen", "--listen", flags.listen.clone()),
            ("log", "level", "--log-level", flags.log_level.clone()),
        ];
        let switches = [
            ("tls", "self_signed", "--tls-self-signed", flags.tls_self_signed),
            ("server", "behind_proxy", "--behind-proxy", flags.behind_proxy),
            ("server", "insecure_http", "--insecure-http", flags.insecure_http),
        ];
        for (section, key, flag, _) in switches.into_iter().filter(|(_, _, _, given)| *given) {
            merged.set(section, key, Value::Boolean(true), flag, flag)?;
        }
        for (section, key, flag, text) in given {
            if let Some(text) = text {
                merged.set(section, key, Value::String(text), flag, flag)?;
            }
        }
        Ok(merged)
    }

    fn set_variable(&mut self, name: &str, text: &str) -> Result<()> {
        let seed = SEED_VARIABLES.iter().find(|(variable, _, _)| *variable == name);
        let (section, key) = match seed {
            Some(&(_, section, key)) => (section.to_owned(), key.to_owned()),
            None => {
                let Some(path) = name.strip_prefix("DRIVE_") else { return Ok(()) };
                let path = path.to_ascii_lowercase();
                let Some((section, key)) = path.split_once('_') else { return unknown(name, name) };
                self.nested(&path).unwrap_or_else(|| (section.to_owned(), key.to_owned()))
            }
        };
        self.open_pool(&section);
        let Some(setting) = self.find(&section, &key) else { return unknown(name, name) };
        let text = if key == "level" { level_of(text) } else { text.to_owned() };
        let value = match &setting.value {
            Value::String(_) => Value::String(text),
            Value::Array(_) => Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(Value::from)
                    .collect(),
            ),
            like => format!("v = {}", text.trim())
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("v"))
                .filter(|value| value.same_type(like) || (like.is_float() && value.is_integer()))
                .ok_or_else(|| {
                    Error::invalid(
                        name,
                        format!("{name}: \"{text}\" is not a {}.", like.type_str()),
                    )
                })?,
        };
        self.set(&section, &key, value, name, name)
    }

    /// The setting of a section within a section, such as `auth.jwt`, whose variable this is.
    fn nested(&self, path: &str) -> Option<(String, String)> {
        let within = self.settings.iter().filter(|one| one.section.contains('.'));
        let mut named = within.map(|one| (one.section.clone(), one.key.clone()));
        named.find(|(section, key)| format!("{}_{key}", section.replace('.', "_")) == path)
    }

    /// The sections of further pools, `pool2` and on, begin as copies of the defaults of the first.
    fn open_pool(&mut self, section: &str) {
        let number = section.strip_prefix("pool").and_then(|number| number.parse::<u32>().ok());
        if number.is_none() || self.settings.iter().any(|setting| setting.section == section) {
            return;
        }
        let defaults = DEFAULTS.parse().ok().and_then(|table| flatten(table, "default").ok());
        let own = defaults.into_iter().flatten().filter(|setting| setting.section == "pool");
        self.settings.extend(own.map(|setting| Setting { section: section.to_owned(), ..setting }));
    }

    fn find(&mut self, section: &str, key: &str) -> Option<&mut Setting> {
        self.settings.iter_mut().find(|setting| setting.section == section && setting.key == key)
    }

    fn set(
        &mut self,
        section: &str,
        key: &str,
        value: Value,
        origin: &str,
        name: &str,
    ) -> Result<()> {
        self.open_pool(section);
        match self.find(section, key) {
            Some(setting) => {
                setting.value = match (&setting.value, value) {
                    (Value::Float(_), Value::Integer(number)) => Value::Float(number as f64),
                    (_, value) => value,
                };
                origin.clone_into(&mut setting.origin);
                Ok(())
            }
            None => unknown(&format!("{section}.{key}"), name),
        }
    }

    /// Turns the merged values into settings; what does not fit stops the start.
    pub fn build(&self) -> Result<Config> {
        let mut root = Table::new();
        let mut pools: Vec<(&str, Table)> = Vec::new();
        for setting in &self.settings {
            let section = setting.section.as_str();
            let table = if section.starts_with("pool") {
                let known = pools.iter().position(|(name, _)| *name == section);
                let at = known.unwrap_or(pools.len());
                if known.is_none() {
                    pools.push((section, Table::new()));
                }
                pools.get_mut(at).map(|(_, table)| table)
            } else {
                let empty = || Value::Table(Table::new());
                section.split('.').try_fold(&mut root, |table, part| {
                    table.entry(part).or_insert_with(empty).as_table_mut()
                })
            };
            if let Some(table) = table {
                table.insert(setting.key.clone(), setting.value.clone());
            }
        }
        let names: Vec<String> = pools.iter().map(|(name, _)| (*name).to_owned()).collect();
        let tables = pools.into_iter().map(|(_, table)| Value::Table(table)).collect();
        root.insert("pool".to_owned(), Value::Array(tables));
        let config: Config =
            serde_path_to_error::deserialize(Value::Table(root)).map_err(|error| {
                let mut path = error.path().to_string();
                for (number, name) in names.iter().enumerate() {
                    path = path.replace(&format!("pool[{number}]"), name);
                }
                let origin =
                    self.settings.iter().find(|one| format!("{}.{}", one.section, one.key) == path);
                let from = origin.map_or("", |setting| setting.origin.as_str());
                let why = error.into_inner().to_string();
                Error::invalid(&path, format!("{path} (from {from}): {}", why.trim()))
            })?;
        config.check()?;
        Ok(config)
    }

    /// The merged settings as a settings file, each with its origin.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for setting in &self.settings {
            if setting.section != section {
                section = &setting.section;
                let heading = match section {
                    further if further.starts_with("pool") && further != "pool" => "[[pool]]",
                    "pool" if self.settings.iter().any(|one| one.section == "pool2") => "[[pool]]",
                    plain => &format!("[{plain}]"),
                };
                let _ = writeln!(text, "{}{heading}", if text.is_empty() { "" } else { "\n" });
            }
            let line = format!("{} = {}", setting.key, setting.value);
            let _ = writeln!(text, "{line:<48} # {}", setting.origin);
        }
        text
    }
}

fn unknown(key: &str, origin: &str) -> Result<()> {
    Err(Error::invalid(
        key,
        format!("Unknown setting {key} in {origin}; drive.toml lists all that exist."),
    ))
}

fn parse(text: &str, origin: &str) -> Result<Table> {
    text.parse().map_err(|error| Error::invalid("config", format!("{origin}: {error}")))
}

fn flatten(table: Table, origin: &str) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    for (section, value) in table {
        let tables = match value {
            Value::Table(keys) => vec![(section, keys)],
            // Several pools: the first is `pool`, the others are `pool2` and on.
            Value::Array(pools) if section == "pool" => (1..)
                .zip(pools)
                .filter_map(|(number, pool)| match pool {
                    Value::Table(keys) if number == 1 => Some(("pool".to_owned(), keys)),
                    Value::Table(keys) => Some((format!("pool{number}"), keys)),
                    _ => None,
                })
                .collect(),
            _ => {
                return Err(Error::invalid(
                    &section,
                    format!("{origin}: {section} must stand in a [section]."),
                ));
            }
        };
        for (section, keys) in tables {
            let (nested, plain): (Vec<_>, Vec<_>) =
                keys.into_iter().partition(|(_, value)| value.is_table());
            let setting = |section: &str, (key, value)| Setting {
                section: section.to_owned(),
                key,
                value,
                origin: origin.to_owned(),
            };
            settings.extend(plain.into_iter().map(|pair| setting(&section, pair)));
            for (name, keys) in nested {
                let section = format!("{section}.{name}");
                let Value::Table(keys) = keys else { continue };
                settings.extend(keys.into_iter().map(|pair| setting(&section, pair)));
            }
        }
    }
    Ok(settings)
}

/// `LOG_LEVEL` also comes as `Name:Level`; the name was a module of the original and means all of Drive here.
fn level_of(text: &str) -> String {
    let plain = |level: &str| {
        Some(match level.trim().to_ascii_lowercase().as_str() {
            "error" | "critical" | "fatal" => "error",
            "warn" | "warning" => "warn",
            "info" | "information" => "info",
            "debug" => "debug",
            "trace" | "verbose" => "trace",
            _ => return None,
        })
    };
    let level = text.rsplit_once(':').map_or(text, |(_, level)| level);
    plain(level).map_or_else(|| text.to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<(Config, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.toml");
        std::fs::write(&path, file).unwrap();
        let flags = Flags { config: Some(path), ..flags };
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let merged = Merged::read(&flags, environment)?;
        Ok((merged.build()?, merged.describe()))
    }

    #[test]
    fn each_source_wins_over_the_next() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[uploads]\nstale_hours = 5\n[pool]\nquota_multiplier = 2\n";
        let environment = [
            ("DRIVE_SERVER_LISTEN", "127.0.0.1:2"),
            ("UPLOAD_STALE_THRESHOLD_HOURS", "6"),
            ("HOME", "/"),
        ];
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
        let (config, described) = read(file, &environment, flags).unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.uploads.stale_hours, 6);
        assert_eq!(config.pools[0].quota_multiplier, 2.0);
        assert_eq!(config.uploads.max_chunk_size, 16_777_216);
        assert!(
            described.contains("# --listen")
                && described.contains("# UPLOAD_STALE_THRESHOLD_HOURS")
        );
    }

    #[test]
    fn every_variable_of_the_original_is_honoured() {
        let environment = [
            ("STORAGE_UPLOADS_PATH", "/srv/uploads"),
            ("STORAGE_PREFERRED_REMOTE", "550e8400-e29b-41d4-a716-446655440000"),
            ("UPLOAD_DEFAULT_CHUNK_SIZE", "65536"),
            ("UPLOAD_MAX_CHUNK_SIZE", "131072"),
            ("UPLOAD_STALE_THRESHOLD_HOURS", "1"),
            ("UPLOAD_CACHE_DURATION_MINUTES", "2"),
            ("UPLOAD_CLEANUP_INTERVAL_MINUTES", "3"),
            ("LOG_LEVEL", "DysonNetwork.Drive.Storage:Debug"),
        ];
        let (config, _) = read("", &environment, Flags::default()).unwrap();
        assert_eq!(config.uploads_path(), Path::new("/srv/uploads"));
        assert!(config.preferred_pool().unwrap().is_some());
        assert_eq!(
            (config.uploads.default_chunk_size, config.uploads.max_chunk_size),
            (65_536, 131_072)
        );
        assert_eq!((config.uploads.cache_minutes, config.janitor.interval_minutes), (2, 3));
        assert_eq!(config.log.level, "debug");
    }

    #[test]
    fn what_is_unknown_or_wrong_is_named() {
        let wrong = |file: &str, environment: &[(&str, &str)]| {
            read(file, environment, Flags::default()).unwrap_err().message().to_owned()
        };
        assert!(wrong("[server]\nlisen = \"x\"\n", &[]).contains("server.lisen"));
        assert!(wrong("[sever]\nlisten = \"x\"\n", &[]).contains("sever.listen"));
        assert!(wrong("[server]\nlisten = \"x\"\n", &[]).contains("server.listen"));
        assert!(wrong("[server]\nworkers = \"x\"\n", &[]).contains("server.workers"));
        assert!(wrong("", &[("DRIVE_SERVER_LISEN", "x")]).contains("DRIVE_SERVER_LISEN"));
        assert!(wrong("", &[("DRIVE_SERVER_WORKERS", "many")]).contains("DRIVE_SERVER_WORKERS"));
        assert!(wrong("", &[("UPLOAD_MAX_CHUNK_SIZE", "1")]).contains("uploads.max_chunk_size"));
        assert!(wrong("[server]\nlisten = \"0.0.0.0:80\"\n", &[]).contains("insecure_http"));
        assert!(wrong("", &[("STORAGE_PREFERRED_REMOTE", "x")]).contains("preferred_pool"));
    }
}
