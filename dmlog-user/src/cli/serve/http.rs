//! The HTTP side: one thread for all connections, with a limit on everything that somebody else decides.
//!
//! A connection is one request and lives [`CONNECTION_WITHIN`] at most, whatever it does: it may send its head slowly, or
//! read its answer slowly, or send garbage. Beyond [`CONNECTIONS_MAX`] at a time the next one is told so and closed.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::negotiation::dialect;
use super::shelf::{STALE_AFTER, Shelf};
use crate::export::openmetrics::Dialect;

/// Connections at a time: more than twice as many scrapers as anybody has, each with some 20 KiB here.
pub const CONNECTIONS_MAX: usize = 256;

/// How long a connection may take in all.
pub const CONNECTION_WITHIN: Duration = Duration::from_secs(10);

/// How long the head of its request may take.
pub const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// What somebody else may take of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time of a connection.
    pub connection: Duration,
    /// Time of the head of its request.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS_MAX, connection: CONNECTION_WITHIN, head: HEAD_WITHIN }
    }
}

/// Bytes of that head at most. Nobody needs as many; it is the least that `hyper` takes, twice.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Headers in it at most.
const HEADERS_MAX: usize = 64;

/// How long connections may go on when the server ends.
const END_WITHIN: Duration = Duration::from_secs(1);

/// How long nobody is accepted after the system refused to: it is out of descriptors or memory.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);

/// What one too many is told.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n";

/// A server that runs. Dropped, it ends.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves what lies on a shelf to whoever comes.
    ///
    /// # Errors
    /// The system's, if there can be no thread or the listener is none.
    pub fn start(listener: TcpListener, shelf: Arc<Shelf>, limits: Limits) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (end, ends) = watch::channel(false);
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let run = move || runtime.block_on(accept(&listener, &shelf, limits, ends));
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(run)?;
        Ok(Self { address, end, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic in there has been told on stderr; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: &tokio::net::TcpListener,
    shelf: &Arc<Shelf>,
    limits: Limits,
    mut ends: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ends.wait_for(|is_over| *is_over) => break,
        };
        let Ok((stream, _from)) = accepted else {
            sleep(REFUSAL_PAUSE).await;
            continue;
        };
        match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => {
                let shelf = Arc::clone(shelf);
                tokio::spawn(async move {
                    serve(stream, &shelf, limits).await;
                    drop(permit);
                });
            }
            Err(_all_taken) => {
                shelf.count_refused();
                // What does not fit into an empty socket buffer is not worth waiting for.
                let _ = stream.try_write(REFUSAL);
            }
        }
    }
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let _ = timeout(END_WITHIN, permits.acquire_many(all)).await;
}

/// One connection, from its begin to its end.
async fn serve(stream: TcpStream, shelf: &Shelf, limits: Limits) {
    // An answer is written at once, and nothing follows it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| async move {
        let response = respond(&request, shelf).await;
        shelf.count_request(response.status().as_u16());
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(limits.connection, connection).await {
        Ok(Err(error)) if error.is_timeout() => shelf.count_timed_out(),
        Ok(Err(error)) if error.is_parse_too_large() => {
            shelf.count_request(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16());
        }
        Ok(Err(error)) if error.is_parse() => shelf.count_request(StatusCode::BAD_REQUEST.as_u16()),
        // It is answered, or they went away.
        Ok(Ok(()) | Err(_)) => {}
        Err(_elapsed) => shelf.count_timed_out(),
    }
}

async fn respond(request: &Request<Incoming>, shelf: &Shelf) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !["/", "/metrics", "/healthz"].contains(&path) {
        return plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n");
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this is only for reading\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let pages = shelf.newest().await;
    match path {
        "/metrics" => {
            let accept = request.headers().get_all(header::ACCEPT).iter();
            let dialect = dialect(accept.filter_map(|value| value.to_str().ok()));
            let text = match dialect {
                Dialect::OpenMetrics => &pages.openmetrics,
                Dialect::Prometheus => &pages.prometheus,
            };
            let mut response = answer(StatusCode::OK, dialect.content_type(), text.clone());
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
            response
        }
        "/healthz" if pages.made.elapsed() > STALE_AFTER => {
            let stale = Bytes::from_static(b"{\"status\":\"stale\"}\n");
            answer(StatusCode::SERVICE_UNAVAILABLE, "application/json", stale)
        }
        "/healthz" => {
            let status = if pages.is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            answer(status, "application/json", pages.health.clone())
        }
        _ => answer(StatusCode::OK, "text/html; charset=utf-8", pages.home.clone()),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}
