//! A large download beside nginx, which hands the file to the kernel (`sendfile`): the same bytes from the page cache, one
//! connection, in pairs whose order alternates.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::wire::{Server, Wire, cpu_seconds};

const SIZE: usize = 1 << 30;
const CHUNK: usize = 16 << 20;
const PAIRS: usize = 7;

/// Its processes end when this is dropped.
struct Nginx {
    child: Child,
    address: String,
}

impl Nginx {
    /// `None` where there is no nginx on this machine.
    fn start(folder: &Path) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port").to_string();
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .collect();
        let config = format!(
            "worker_processes 1;\ndaemon off;\nmaster_process off;\nerror_log {at}/error.log;\npid {at}/pid;\n\
             events {{ worker_connections 64; }}\n\
             http {{\naccess_log off;\nsendfile on;\ntcp_nopush on;\n{temporary}\
             server {{ listen {address}; root {at}; }}\n}}\n"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, config).expect("its settings");
        let child =
            Command::new("nginx").arg("-p").arg(folder).arg("-c").arg(&path).spawn().ok()?;
        let nginx = Self { child, address };
        for _ in 0..100 {
            if TcpStream::connect(&nginx.address).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds of one download, its bytes thrown away.
fn fetch(address: &str, path: &str, token: &str, buffer: &mut [u8]) -> f64 {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sending");
    let mut got = 0;
    loop {
        match stream.read(buffer).expect("receiving") {
            0 => break,
            read => got += read,
        }
    }
    assert!(got > SIZE, "{path}: only {got} bytes came");
    begun.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub fn download(folder: &Path) {
    let folder = folder.join("download");
    std::fs::create_dir_all(folder.join("data")).expect("a folder");
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    std::fs::write(folder.join("one.bin"), &bytes).expect("a file");

    let drive = Server::drive(&folder.join("data"));
    let token = drive.sign_in();
    let mut wire = Wire::connect(&drive.address, Some(&token));
    let task = wire.create("one.bin", SIZE as u64, CHUNK as u64);
    for (index, chunk) in (0..).zip(bytes.chunks(CHUNK)) {
        wire.chunk(&task, index, chunk);
    }
    let file = wire.complete(&task);
    drop(bytes);
    let path = file["url"].as_str().expect("its address").to_owned();
    let Some(nginx) = Nginx::start(&folder) else {
        return println!("download: left out, there is no nginx on this machine");
    };

    let mut buffer = vec![0; 256 * 1024];
    let mut ours = || {
        let before = drive.cpu_seconds();
        let took = fetch(&drive.address, &path, &token, &mut buffer);
        (took, drive.cpu_seconds() - before)
    };
    let mut buffer = vec![0; 256 * 1024];
    let mut theirs = || {
        let before = cpu_seconds(nginx.child.id());
        let took = fetch(&nginx.address, "/one.bin", "none", &mut buffer);
        (took, cpu_seconds(nginx.child.id()) - before)
    };
    let _both_warm = (ours(), theirs());
    let mut pair = |number: usize| {
        let ((wall, cpu), (their_wall, their_cpu)) = if number.is_multiple_of(2) {
            let first = ours();
            (first, theirs())
        } else {
            let first = theirs();
            (ours(), first)
        };
        [wall, cpu, their_wall, their_cpu, wall / their_wall]
    };
    let pairs: Vec<_> = (0..PAIRS).map(&mut pair).collect();
    let figure = |at: usize| median(pairs.iter().map(|pair| pair[at]).collect());
    println!(
        "download of 1 GiB, {PAIRS} pairs: drive {:.3} s ({:.2} s CPU), nginx with sendfile {:.3} s ({:.2} s CPU), \
         {:.2} x (median of the pairs)",
        figure(0),
        figure(1),
        figure(2),
        figure(3),
        figure(4),
    );
}
