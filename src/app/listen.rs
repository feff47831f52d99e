//! The listener: the address, TLS, the threads and limits of the HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use rustls::ServerConfig;

use super::DataDir;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::chunks::MIB;
use crate::domain::error::{Error, Result};
use crate::http::origin::Origins;
use crate::http::{self, State, guard};
use crate::tls::{self, Certificate, Tls};

/// Time a connection lingers after its last answer, so that a client still sending hears why. Sockets linger as long.
const DISCONNECT_WAIT: Duration = Duration::from_secs(1);
const HEAD_WAIT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const CONNECTIONS_PER_WORKER: usize = 2_000;
/// Threads of each worker that read, write and hash.
const BLOCKING_THREADS: usize = 32;

/// The names that this machine is known by in its own network.
fn own_names(config: &Config) -> Vec<String> {
    let machine = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let mut names = config.server.allowed_hosts.clone();
    names.extend(host_of(&config.server.public_url));
    names.extend(config.tls.acme_domains.iter().cloned());
    if !machine.is_empty() {
        names.extend(
            ["", ".local", ".lan", ".home.arpa"].map(|ending| format!("{machine}{ending}")),
        );
    }
    names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

/// The host of an address such as `https://drive.example:8443/`.
fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.host_str().map(str::to_owned)
}

/// Names, sites and TLS, as the settings say.
pub(super) fn origins(config: &Config) -> Origins {
    Origins {
        hosts: own_names(config),
        cors: config.server.cors_origins.clone(),
        secure: config.tls.is_on() || config.server.public_url.starts_with("https:"),
        content_url: Some(config.server.content_url.trim_end_matches('/').to_owned())
            .filter(|url| !url.is_empty()),
    }
}

/// What to serve with; `None` for plain http.
pub(super) fn tls(config: &Config, data_dir: &DataDir, clock: &Clock) -> Result<Option<Tls>> {
    let folder = data_dir.path.join("secrets");
    if config.tls.self_signed {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let address = config.server.listen.ip();
        if !address.is_unspecified() && !address.is_loopback() {
            names.push(address.to_string());
        }
        names.extend(own_names(config));
        names.dedup();
        let made = Certificate::self_signed(&folder, &names, clock.now())?;
        let fingerprint = Some(made.fingerprint());
        return Ok(Some(Tls { fingerprint, ..made.tls()? }));
    }
    let domains = &config.tls.acme_domains;
    if !domains.is_empty() {
        let settings = &config.tls;
        return tls::acme(&folder, domains, &settings.acme_email, &settings.acme_directory)
            .map(Some);
    }
    if !config.tls.is_on() {
        return Ok(None);
    }
    Certificate::from_files(&config.tls.certificate, &config.tls.key)?.tls().map(Some)
}

/// Binds and begins to serve.
pub(super) fn serve(
    config: &Config,
    state: web::Data<State>,
    tls: Option<ServerConfig>,
) -> Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind(config.server.listen).map_err(|error| {
        Error::invalid(
            "server.listen",
            format!("Cannot listen on {}: {error}.", config.server.listen),
        )
    })?;
    let address =
        listener.local_addr().map_err(|error| Error::io("asking for the address", &error))?;
    let workers = match config.server.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    };
    let server = HttpServer::new(move || {
        ActixApp::new().app_data(state.clone()).wrap(from_fn(guard::guard)).configure(http::routes)
    })
    .workers(workers)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .max_connections(CONNECTIONS_PER_WORKER)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_WAIT)
    .client_disconnect_timeout(DISCONNECT_WAIT)
    .shutdown_timeout(config.server.shutdown_seconds)
    .h2_initial_window_size((2 * MIB) as u32)
    .disable_signals();
    let bound = match tls {
        None => server.listen(listener),
        Some(tls) => server.listen_rustls_0_23(listener, tls),
    };
    let server = bound.map_err(|error| Error::io("listening", &error))?.run();
    Ok((server, address))
}
