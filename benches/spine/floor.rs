//! The yardstick: an actix handler that writes each chunk to its place and flushes it, and does nothing else.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::StreamExt;

/// Bytes gathered before each write.
const BUFFER: usize = 256 * 1024;

pub fn serve(path: &Path) {
    let file = Arc::new(
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .expect("a file"),
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("Floor is ready at http://{}", listener.local_addr().expect("an address"));
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(file.clone()))
                .route("/chunk/{offset}", web::post().to(chunk))
        })
        .workers(2)
        .listen(listener)
        .expect("listening")
        .run()
        .await
        .expect("serving");
    });
}

async fn chunk(
    file: web::Data<Arc<File>>,
    offset: web::Path<u64>,
    mut payload: web::Payload,
) -> HttpResponse {
    let mut at = offset.into_inner();
    let mut buffer = Vec::with_capacity(BUFFER + 64 * 1024);
    while let Some(bytes) = payload.next().await {
        buffer.extend_from_slice(&bytes.expect("bytes"));
        if buffer.len() >= BUFFER {
            file.write_all_at(&buffer, at).expect("writing");
            at += buffer.len() as u64;
            buffer.clear();
        }
    }
    file.write_all_at(&buffer, at).expect("writing");
    file.sync_data().expect("flushing");
    HttpResponse::Ok().finish()
}
