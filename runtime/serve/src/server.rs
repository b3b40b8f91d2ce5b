//! The server: one thread of its own, so that a busy job still answers.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::api::{
    ApiError, Checkpoint, ErrorBody, ErrorCode, JobStatus, Metrics, StopRequest, Stopping,
    TapFormat, TapRequest,
};
use crate::prometheus;

/// A job's answer that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// Pieces of a tap's stream. It ends when the sender goes.
pub type TapStream = mpsc::Receiver<Bytes>;

/// The job that is served.
pub trait JobHandle: Send + Sync + 'static {
    /// How it is.
    fn status(&self) -> JobStatus;

    /// What it does.
    ///
    /// # Errors
    /// It does not run yet.
    fn metrics(&self) -> Result<Metrics, ApiError>;

    /// Opens a tap. Called within a tokio runtime that outlives the stream. Dropping the stream
    /// closes the tap.
    ///
    /// # Errors
    /// There is no such node, or the job is over.
    fn tap(&self, request: TapRequest) -> Result<TapStream, ApiError>;

    /// Takes a checkpoint now and waits until it is complete.
    fn checkpoint(&self) -> Answer<'_, Checkpoint>;

    /// Stops the job with a last checkpoint; waits for the savepoint if one is asked for.
    fn stop(&self, request: StopRequest) -> Answer<'_, Stopping>;
}

/// What a request must know to be let in.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The fewest characters of a token.
    pub const SHORTEST: usize = 16;

    /// A token that somebody chose.
    ///
    /// # Errors
    /// It is too short to be one, or cannot stand in a header.
    pub fn new(text: impl Into<String>) -> Result<Self, ServeError> {
        let text = text.into();
        if text.len() < Self::SHORTEST {
            return Err(ServeError::ShortToken);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ServeError::OddToken);
        }
        Ok(Self(text))
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this token, in a time that does not tell where it differs.
    fn is(&self, given: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), given.as_bytes());
        let mut differs = own.len() ^ given.len();
        for (at, byte) in own.iter().enumerate() {
            let other = given.get(at).copied().unwrap_or(0);
            differs |= usize::from(byte ^ other);
        }
        std::hint::black_box(differs) == 0
    }
}

/// Where to listen and to whom.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The address; port 0 takes one that is free.
    pub address: SocketAddr,
    /// What requests must know.
    pub token: Token,
    /// Other machines may ask too.
    pub public: bool,
    /// `/metrics` needs no token.
    pub metrics_public: bool,
}

/// Why a job cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can be reached from other machines.
    #[error(
        "{0} can be reached from other machines, which then can read the job's rows and stop it if they know its token, and the traffic is not encrypted"
    )]
    NotLoopback(SocketAddr),
    /// See [`Token::SHORTEST`].
    #[error(
        "the token is too short; it needs at least {} characters",
        Token::SHORTEST
    )]
    ShortToken,
    /// It cannot stand in a header.
    #[error("the token has characters other than visible ASCII")]
    OddToken,
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No thread or no runtime.
    #[error("cannot start the server: {0}")]
    Start(std::io::Error),
}

/// A server that runs. Dropping it ends it at once.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: std::sync::mpsc::Receiver<()>,
}

/// How long requests at hand may take when the server ends.
const PATIENCE: Duration = Duration::from_secs(2);

impl Server {
    /// Listens, and answers from a thread of its own.
    ///
    /// # Errors
    /// The address cannot be listened on, or must not be.
    pub fn start(options: &ServerOptions, job: Arc<dyn JobHandle>) -> Result<Self, ServeError> {
        if !options.public && !options.address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(options.address));
        }
        let bind = |source| ServeError::Bind {
            address: options.address,
            source,
        };
        let listener = TcpListener::bind(options.address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let router = router(options, job);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("api".to_owned())
            .spawn(move || {
                let served = runtime.block_on(async move {
                    // Rows are small and shall not wait for one another.
                    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
                        // It is only slower without.
                        let _ = stream.set_nodelay(true);
                    });
                    // A sender that is gone stops it too.
                    let shutdown = async move {
                        let _ = stopped.await;
                    };
                    axum::serve(listener, router)
                        .with_graceful_shutdown(shutdown)
                        .await
                });
                if let Err(error) = served {
                    tracing::error!(%error, "the job's API ended");
                }
                runtime.shutdown_background();
                // Nobody may be waiting.
                let _ = end.send(());
            })
            .map_err(ServeError::Start)?;
        Ok(Self {
            address,
            stop: Some(stop),
            ended,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, and waits a moment for those at hand.
    pub fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

struct Shared {
    job: Arc<dyn JobHandle>,
    token: Token,
    metrics_public: bool,
}

type Job = State<Arc<Shared>>;

fn router(options: &ServerOptions, job: Arc<dyn JobHandle>) -> Router {
    let shared = Arc::new(Shared {
        job,
        token: options.token.clone(),
        metrics_public: options.metrics_public,
    });
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/metrics", get(metrics))
        .route("/v1/tap", get(tap))
        .route("/v1/checkpoint", post(checkpoint))
        .route("/v1/stop", post(stop))
        .route(METRICS, get(exposition))
        .method_not_allowed_fallback(wrong_method)
        .fallback(wrong_path)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), let_in))
        .with_state(shared)
}

/// Where Prometheus asks.
const METRICS: &str = "/metrics";

/// Only who knows the token learns anything, even which paths there are.
async fn let_in(State(shared): Job, request: Request, next: Next) -> Response {
    let open = shared.metrics_public && request.uri().path() == METRICS;
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let known = given.is_some_and(|given| shared.token.is(given));
    if open || known {
        return next.run(request).await;
    }
    let message = match given {
        Some(_) => "the token is not this job's",
        None => "a token is needed",
    };
    let mut response = refuse(&ApiError::new(ErrorCode::Unauthorized, message).help(
        "send the header 'Authorization: Bearer TOKEN'; the token is in api.json in the job's state directory, or what --listen-token said",
    ));
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

async fn status(State(shared): Job) -> Response {
    json(&shared.job.status())
}

async fn metrics(State(shared): Job) -> Response {
    answer(shared.job.metrics())
}

async fn exposition(State(shared): Job) -> Response {
    // A job that does not run yet has a state, too.
    let text = prometheus::text(&shared.job.status(), shared.job.metrics().ok().as_ref());
    with_type(Body::from(text), prometheus::CONTENT_TYPE)
}

async fn checkpoint(State(shared): Job) -> Response {
    answer(shared.job.checkpoint().await)
}

async fn stop(State(shared): Job, body: Bytes) -> Response {
    let request = match body.trim_ascii() {
        [] => Ok(StopRequest::default()),
        body => serde_json::from_slice(body),
    };
    match request {
        Ok(request) => answer(shared.job.stop(request).await),
        Err(error) => refuse(
            &ApiError::new(
                ErrorCode::BadRequest,
                format!("the body cannot be understood: {error}"),
            )
            .help(
                "send {} or {\"savepoint\": true}, and \"folder\" to say where savepoints are collected",
            ),
        ),
    }
}

type Parameters = Vec<(String, String)>;

async fn tap(
    State(shared): Job,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let request = match parameters {
        Ok(Query(parameters)) => tap_request(parameters),
        Err(rejection) => Err(ApiError::new(ErrorCode::BadRequest, rejection.body_text())),
    };
    let opened = request.and_then(|request| {
        let format = request.format;
        Ok((shared.job.tap(request)?, format))
    });
    match opened {
        Ok((mut rows, format)) => {
            let pieces = futures::stream::poll_fn(move |context| {
                rows.poll_recv(context)
                    .map(|piece| piece.map(Ok::<_, std::convert::Infallible>))
            });
            let media_type = match format {
                TapFormat::Json => "application/x-ndjson",
                TapFormat::Arrow => "application/vnd.apache.arrow.stream",
            };
            with_type(Body::from_stream(pieces), media_type)
        }
        Err(error) => refuse(&error),
    }
}

const TAP_HELP: &str = "/v1/tap takes node=ID, rows=N (how many at most each 'every'; 100), \
                        every=TIME (1s), limit=N (how many at most altogether) and \
                        format=json|arrow";

/// The most rows of a tap in each span.
const MOST_ROWS: u64 = 1_000_000;

fn tap_request(parameters: Parameters) -> Result<TapRequest, ApiError> {
    let wrong = |message: String| ApiError::new(ErrorCode::BadRequest, message).help(TAP_HELP);
    let mut request = TapRequest::new("");
    for (name, value) in parameters {
        let number = |value: &str| match value.parse::<u64>() {
            Ok(n) if (1..=MOST_ROWS).contains(&n) => Ok(n),
            _ => Err(wrong(format!(
                "'{name}' takes a number from 1 to {MOST_ROWS}, not '{value}'"
            ))),
        };
        match name.as_str() {
            "node" => request.node = value,
            "rows" => request.rows = number(&value)?,
            "limit" => request.limit = Some(number(&value)?),
            "every" => {
                request.every_ms = millis(&value).ok_or_else(|| {
                    wrong(format!(
                        "'every' takes a time from 10ms to 1h such as 500ms or 2s, not '{value}'"
                    ))
                })?;
            }
            "format" => {
                request.format = match value.as_str() {
                    "json" => TapFormat::Json,
                    "arrow" => TapFormat::Arrow,
                    other => {
                        return Err(wrong(format!("'format' is json or arrow, not '{other}'")));
                    }
                };
            }
            other => return Err(wrong(format!("there is no parameter '{other}'"))),
        }
    }
    if request.node.is_empty() {
        return Err(wrong("'node' is missing: whose rows?".to_owned()));
    }
    Ok(request)
}

/// `500ms`, `2s`, `1m` or `1h` in milliseconds, if it is within bounds.
fn millis(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (10..=3_600_000).contains(&millis).then_some(millis)
}

async fn wrong_path(request: Request) -> Response {
    refuse(
        &ApiError::new(
            ErrorCode::NotFound,
            format!("there is nothing at {}", request.uri().path()),
        )
        .help("GET /v1/status, /v1/metrics, /v1/tap, /metrics; POST /v1/checkpoint, /v1/stop"),
    )
}

async fn wrong_method(request: Request) -> Response {
    let takes = match request.uri().path() {
        "/v1/checkpoint" | "/v1/stop" => "POST",
        _ => "GET",
    };
    refuse(&ApiError::new(
        ErrorCode::MethodNotAllowed,
        format!(
            "{} takes {takes}, not {}",
            request.uri().path(),
            request.method()
        ),
    ))
}

fn answer<T: Serialize>(result: Result<T, ApiError>) -> Response {
    match result {
        Ok(value) => json(&value),
        Err(error) => refuse(&error),
    }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            text.push(b'\n');
            with_type(Body::from(text), "application/json")
        }
        Err(error) => refuse(&ApiError::new(
            ErrorCode::Failed,
            format!("the answer cannot be written: {error}"),
        )),
    }
}

fn refuse(error: &ApiError) -> Response {
    let body = ErrorBody {
        error: error.clone(),
    };
    // Three strings are always JSON.
    let mut text = serde_json::to_vec(&body).unwrap_or_default();
    text.push(b'\n');
    let mut response = with_type(Body::from(text), "application/json");
    *response.status_mut() =
        StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn with_type(body: Body, media_type: &'static str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // What a job does is old the next moment.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_all_or_nothing() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is("0123456789abcdef"));
        for other in [
            "",
            "0123456789abcdeF",
            "0123456789abcdef0",
            "0123456789abcde",
        ] {
            assert!(!token.is(other), "{other}");
        }
        assert!(matches!(Token::new("short"), Err(ServeError::ShortToken)));
        assert!(matches!(
            Token::new("0123456789 abcdef"),
            Err(ServeError::OddToken)
        ));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    fn parsed(text: &[(&str, &str)]) -> Result<TapRequest, ApiError> {
        let own = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
        tap_request(text.iter().map(own).collect())
    }

    #[test]
    fn a_tap_is_asked_for_by_parameters() {
        let request = parsed(&[
            ("node", "n"),
            ("rows", "5"),
            ("every", "500ms"),
            ("limit", "7"),
            ("format", "arrow"),
        ]);
        assert_eq!(
            request.unwrap(),
            TapRequest {
                node: "n".into(),
                rows: 5,
                every_ms: 500,
                limit: Some(7),
                format: TapFormat::Arrow,
            }
        );
        assert_eq!(parsed(&[("node", "n")]).unwrap(), TapRequest::new("n"));
    }

    #[test]
    fn a_tap_that_cannot_be_understood_says_why() {
        let why = |text: &[(&str, &str)]| parsed(text).unwrap_err().message;
        assert_eq!(why(&[]), "'node' is missing: whose rows?");
        assert_eq!(
            why(&[("node", "n"), ("rows", "0")]),
            "'rows' takes a number from 1 to 1000000, not '0'"
        );
        assert_eq!(
            why(&[("node", "n"), ("every", "1 day")]),
            "'every' takes a time from 10ms to 1h such as 500ms or 2s, not '1 day'"
        );
        assert_eq!(
            why(&[("node", "n"), ("format", "csv")]),
            "'format' is json or arrow, not 'csv'"
        );
        assert_eq!(why(&[("nod", "n")]), "there is no parameter 'nod'");
    }
}
