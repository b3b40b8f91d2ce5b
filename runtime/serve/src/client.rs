//! Asks a running job over HTTP: blocking, so calls belong on a thread that may wait.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body, BodyReader, RequestBuilder};

use crate::api::{
    ApiError, Checkpoint, ErrorBody, JobStatus, Metrics, StopRequest, Stopping, TapFormat, TapLine,
    TapRequest,
};
use crate::files::JobAddress;

/// Why a job did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there, or it went away: most likely the job has ended.
    #[error("the job does not answer: {0}")]
    Connection(std::io::Error),
    /// It answered with a refusal.
    #[error("{0}")]
    Refused(#[from] ApiError),
    /// What answers is no job, or a newer one.
    #[error("the answer cannot be understood: {0}")]
    Answer(String),
}

impl From<serde_json::Error> for ClientError {
    fn from(error: serde_json::Error) -> Self {
        ClientError::Answer(error.to_string())
    }
}

impl From<ureq::Error> for ClientError {
    fn from(error: ureq::Error) -> Self {
        use std::io::ErrorKind;
        match error {
            ureq::Error::Io(error) => ClientError::Connection(error),
            ureq::Error::Timeout(_) => {
                ClientError::Connection(std::io::Error::new(ErrorKind::TimedOut, error))
            }
            ureq::Error::ConnectionFailed => {
                ClientError::Connection(std::io::Error::new(ErrorKind::ConnectionRefused, error))
            }
            other => ClientError::Answer(other.to_string()),
        }
    }
}

impl From<std::io::Error> for ClientError {
    fn from(error: std::io::Error) -> Self {
        // What reads a body wraps the client's own errors.
        ureq::Error::from(error).into()
    }
}

/// How long a job may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// How long it may take to answer a question about itself.
const ANSWER: Duration = Duration::from_secs(10);

/// The most bytes of an answer, and of a line of a tap.
const MOST_BYTES: u64 = 64 << 20;

const JSON: &str = "application/json";

/// A job's address and token. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    token: String,
    agent: Agent,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's business.
        write!(f, "Client({})", self.address)
    }
}

impl Client {
    /// A client of the job at a URL such as `http://127.0.0.1:40123`.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, ClientError> {
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.trim_end_matches('/').parse().ok())
            .ok_or_else(|| ClientError::Answer(format!("'{url}' is no address of a job")))?;
        Ok(Self {
            address,
            token: token.into(),
            agent: agent(),
        })
    }

    /// A client of the job that left this address.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(address: &JobAddress) -> Result<Self, ClientError> {
        Self::new(&address.url, address.token.clone())
    }

    /// How the job is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> Result<JobStatus, ClientError> {
        self.get("/v1/status")
    }

    /// What the job does.
    ///
    /// # Errors
    /// It does not answer, or does not run yet.
    pub fn metrics(&self) -> Result<Metrics, ClientError> {
        self.get("/v1/metrics")
    }

    /// Takes a checkpoint and waits for it.
    ///
    /// # Errors
    /// It does not answer, or cannot.
    pub fn checkpoint(&self) -> Result<Checkpoint, ClientError> {
        let request = self.agent.post(self.url("/v1/checkpoint"));
        json(self.dressed(request, None).send_empty()?)
    }

    /// Stops the job; waits for the savepoint if one is asked for.
    ///
    /// # Errors
    /// It does not answer, or cannot.
    pub fn stop(&self, request: &StopRequest) -> Result<Stopping, ClientError> {
        let post = self.agent.post(self.url("/v1/stop"));
        let post = self.dressed(post, None).content_type(JSON);
        json(post.send(serde_json::to_string(request)?)?)
    }

    /// The rows that a node gives, line by line, until the job ends or the tap is dropped.
    ///
    /// # Errors
    /// The job does not answer, or has no such node.
    pub fn tap(&self, request: &TapRequest) -> Result<Tap, ClientError> {
        // Closing a tap closes all connections of its agent.
        let agent = agent();
        let body = self.open_tap(&agent, request, TapFormat::Json)?;
        Ok(Tap {
            lines: BufReader::new(body),
            closer: TapCloser {
                agent,
                closed: Arc::default(),
            },
            over: false,
        })
    }

    /// The rows that a node gives, as an Arrow stream.
    ///
    /// # Errors
    /// The job does not answer, or has no such node.
    pub fn tap_arrow(&self, request: &TapRequest) -> Result<impl Read + use<>, ClientError> {
        self.open_tap(&agent(), request, TapFormat::Arrow)
    }

    /// What stands at a path, as text.
    ///
    /// # Errors
    /// The job does not answer, or refuses.
    pub fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let request = self.agent.get(self.url(path));
        text(self.dressed(request, Some(ANSWER)).call()?)
    }

    /// What is answered to a body that is sent to a path, as text.
    ///
    /// # Errors
    /// The job does not answer, or refuses.
    pub fn post_text(&self, path: &str, body: &str) -> Result<String, ClientError> {
        let request = self.agent.post(self.url(path));
        let request = self.dressed(request, Some(ANSWER)).content_type(JSON);
        text(request.send(body)?)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(self.url(path));
        json(self.dressed(request, Some(ANSWER)).call()?)
    }

    fn open_tap(
        &self,
        agent: &Agent,
        request: &TapRequest,
        format: TapFormat,
    ) -> Result<BodyReader<'static>, ClientError> {
        let format = match format {
            TapFormat::Json => "json",
            TapFormat::Arrow => "arrow",
        };
        let mut get = agent
            .get(self.url("/v1/tap"))
            .query("node", &request.node)
            .query("rows", request.rows.to_string())
            .query("every", format!("{}ms", request.every_ms))
            .query("format", format);
        if let Some(limit) = request.limit {
            get = get.query("limit", limit.to_string());
        }
        // It begins soon, and then goes on for as long as the job runs.
        let get = self.dressed(get, Some(ANSWER)).config();
        let response = accepted(get.timeout_recv_body(None).build().call()?)?;
        Ok(response.into_body().into_reader())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request with the token, that is answered in this time.
    fn dressed<B>(
        &self,
        request: RequestBuilder<B>,
        patience: Option<Duration>,
    ) -> RequestBuilder<B> {
        request
            .header("Authorization", format!("Bearer {}", self.token))
            .config()
            .timeout_recv_response(patience)
            .timeout_recv_body(patience)
            .build()
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_per_write(Some(ANSWER))
        // The job itself is asked, whatever proxy there is for the world outside, and the token is
        // for nobody it might point to.
        .proxy(None)
        .max_redirects(0)
        // A refusal has a body that says why.
        .http_status_as_error(false);
    config.build().new_agent()
}

/// The answer, if it is no refusal.
fn accepted(mut response: Response<Body>) -> Result<Response<Body>, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    let text = body.lossy_utf8(true).read_to_string()?;
    match serde_json::from_str::<ErrorBody>(&text) {
        Ok(body) => Err(ClientError::Refused(body.error)),
        Err(_) => Err(ClientError::Answer(format!("{status}: {}", text.trim()))),
    }
}

fn json<T: DeserializeOwned>(response: Response<Body>) -> Result<T, ClientError> {
    let mut response = accepted(response)?;
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    Ok(serde_json::from_slice(&body.read_to_vec()?)?)
}

fn text(response: Response<Body>) -> Result<String, ClientError> {
    let mut response = accepted(response)?;
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    Ok(body.read_to_string()?)
}

/// The lines of a tap, as they come.
pub struct Tap {
    lines: BufReader<BodyReader<'static>>,
    closer: TapCloser,
    /// After an error or the end nothing follows.
    over: bool,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

impl Tap {
    /// Something that ends the tap from another thread, even while it waits for a row.
    pub fn closer(&self) -> TapCloser {
        self.closer.clone()
    }

    fn line(&mut self) -> Result<Option<TapLine>, ClientError> {
        let mut line = Vec::new();
        let mut lines = (&mut self.lines).take(MOST_BYTES);
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == MOST_BYTES {
            let megabytes = MOST_BYTES >> 20;
            return Err(ClientError::Answer(format!(
                "a row has more than {megabytes} MB"
            )));
        }
        let line = String::from_utf8_lossy(&line);
        Ok(Some(TapLine::parse(line.trim_end())?))
    }
}

/// Ends a tap.
#[derive(Clone)]
pub struct TapCloser {
    agent: Agent,
    closed: Arc<AtomicBool>,
}

impl std::fmt::Debug for TapCloser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TapCloser")
    }
}

impl TapCloser {
    /// Ends it: whoever reads it comes to its end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.agent.clone().shutdown();
    }
}

impl Iterator for Tap {
    type Item = Result<TapLine, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let line = self.line().transpose();
        self.over = !matches!(line, Some(Ok(_)));
        // To be torn away is no error for who asked for it.
        line.filter(|line| line.is_ok() || !self.closer.closed.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Answers one request with these bytes and holds the connection; gives the request's head.
    fn server(answer: impl Into<Vec<u8>>) -> (Client, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = answer.into();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            // A client that has heard enough may be gone.
            let _ = stream.write_all(&answer);
            let _ = stream.read(&mut [0]);
            String::from_utf8(head).unwrap()
        });
        (Client::new(&url, "secret-token").unwrap(), served)
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["127.0.0.1:1", "https://127.0.0.1:1", "http://localhost"] {
            assert!(Client::new(url, "t").is_err(), "{url}");
        }
        let client = Client::new("http://[::1]:80/", "t").unwrap();
        assert_eq!(client.url("/v1"), "http://[::1]:80/v1");
    }

    #[test]
    fn a_tap_is_asked_for_with_the_token_and_a_node_of_any_name() {
        let (client, served) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let request = TapRequest {
            limit: Some(3),
            ..TapRequest::new("größe &1")
        };
        assert_eq!(client.tap(&request).unwrap().count(), 0);
        drop(client);
        let head = served.join().unwrap();
        assert!(
            head.starts_with(
                "GET /v1/tap?node=gr%C3%B6%C3%9Fe%20%261&rows=100&every=1000ms&format=json&limit=3 HTTP/1.1\r\n"
            ),
            "{head}"
        );
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("authorization: bearer secret-token\r\n"),
            "{head}"
        );
    }

    #[test]
    fn a_silent_tap_can_be_closed_from_another_thread() {
        let (client, _served) = server(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"end\":\"limit\"}\n\r\n",
        );
        let mut tap = client.tap(&TapRequest::new("n")).unwrap();
        assert!(matches!(tap.next(), Some(Ok(TapLine::End(_)))));
        let closer = tap.closer();
        let reader = thread::spawn(move || tap.next().is_none());
        // It waits for a row that never comes.
        thread::sleep(Duration::from_millis(200));
        assert!(!reader.is_finished());
        let begun = Instant::now();
        closer.close();
        assert!(reader.join().unwrap(), "closing is no error");
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(500), "{took:?}");
        // Once more does no harm.
        closer.close();
    }

    #[test]
    fn a_tap_that_is_torn_away_is_an_error_once() {
        let (client, served) = server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"en");
        let mut tap = client.tap(&TapRequest::new("n")).unwrap();
        let closer = tap.closer();
        // The other end goes, not this one.
        let reader = thread::spawn(move || {
            let first = tap.next();
            assert!(tap.next().is_none());
            first
        });
        drop(client);
        closer.agent.clone().shutdown();
        let first = reader.join().unwrap();
        assert!(
            matches!(first, Some(Err(ClientError::Connection(_)))),
            "{first:?}"
        );
        served.join().unwrap();
    }

    #[test]
    fn a_token_is_not_carried_to_where_an_answer_points() {
        let (client, served) = server(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        );
        let why = client.status().unwrap_err().to_string();
        assert_eq!(why, "the answer cannot be understood: 302 Found: ");
        drop(client);
        served.join().unwrap();
    }

    #[test]
    fn what_is_no_job_is_told() {
        let (client, _served) = server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmeow");
        let why = client.status().unwrap_err();
        assert!(matches!(why, ClientError::Answer(_)), "{why}");
        let (client, _served) = server("SSH-2.0-OpenSSH\r\n");
        let why = client.status().unwrap_err();
        assert!(matches!(why, ClientError::Answer(_)), "{why:?}");
        // And where nobody is.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let why = Client::new(&url, "t").unwrap().status().unwrap_err();
        assert!(matches!(why, ClientError::Connection(_)), "{why:?}");
        assert!(why.to_string().contains("refused"), "{why}");
    }
}
