//! Asks a running job: blocking, over one connection a request, with nothing but the standard
//! library. Calls belong on a thread that may wait.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::de::DeserializeOwned;

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
    Connection(#[from] std::io::Error),
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

/// How long a job may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// How long it may take to answer a question about itself.
const ANSWER: Duration = Duration::from_secs(10);

/// A job's address and token.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    token: String,
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
        self.json("GET", "/v1/status", None, Some(ANSWER))
    }

    /// What the job does.
    ///
    /// # Errors
    /// It does not answer, or does not run yet.
    pub fn metrics(&self) -> Result<Metrics, ClientError> {
        self.json("GET", "/v1/metrics", None, Some(ANSWER))
    }

    /// Takes a checkpoint and waits for it.
    ///
    /// # Errors
    /// It does not answer, or cannot.
    pub fn checkpoint(&self) -> Result<Checkpoint, ClientError> {
        self.json("POST", "/v1/checkpoint", None, None)
    }

    /// Stops the job; waits for the savepoint if one is asked for.
    ///
    /// # Errors
    /// It does not answer, or cannot.
    pub fn stop(&self, request: &StopRequest) -> Result<Stopping, ClientError> {
        let body = serde_json::to_string(request)?;
        self.json("POST", "/v1/stop", Some(&body), None)
    }

    /// The rows that a node gives, line by line, until the job ends or the tap is dropped.
    ///
    /// # Errors
    /// The job does not answer, or has no such node.
    pub fn tap(&self, request: &TapRequest) -> Result<Tap, ClientError> {
        let request = TapRequest {
            format: TapFormat::Json,
            ..request.clone()
        };
        let body = self.request("GET", &tap_path(&request), None, None)?;
        Ok(Tap {
            lines: BufReader::new(body),
        })
    }

    /// The rows that a node gives, as an Arrow stream.
    ///
    /// # Errors
    /// The job does not answer, or has no such node.
    pub fn tap_arrow(&self, request: &TapRequest) -> Result<impl Read + use<>, ClientError> {
        let request = TapRequest {
            format: TapFormat::Arrow,
            ..request.clone()
        };
        self.request("GET", &tap_path(&request), None, None)
    }

    /// Whatever stands at a path, as text.
    ///
    /// # Errors
    /// The job does not answer, or refuses.
    pub fn text(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<String, ClientError> {
        let mut text = String::new();
        self.request(method, path, body, Some(ANSWER))?
            .read_to_string(&mut text)?;
        Ok(text)
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        patience: Option<Duration>,
    ) -> Result<T, ClientError> {
        let mut text = Vec::new();
        self.request(method, path, body, patience)?
            .read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        patience: Option<Duration>,
    ) -> Result<Body, ClientError> {
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(Some(ANSWER))?;
        let body = body.unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let status = line(&mut reader)?;
        let code: u16 = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| ClientError::Answer(format!("'{status}' is no HTTP")))?;
        let mut length = Length::ToTheEnd;
        loop {
            let header = line(&mut reader)?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                let bytes = value
                    .parse()
                    .map_err(|_| ClientError::Answer(format!("'{header}' is no length")))?;
                length = Length::Known(bytes);
            } else if name.eq_ignore_ascii_case("transfer-encoding")
                && value.eq_ignore_ascii_case("chunked")
            {
                length = Length::Chunked(0);
            }
        }
        let mut body = Body { reader, length };
        if (200..300).contains(&code) {
            return Ok(body);
        }
        let mut text = String::new();
        body.read_to_string(&mut text)?;
        match serde_json::from_str::<ErrorBody>(&text) {
            Ok(body) => Err(ClientError::Refused(body.error)),
            Err(_) => Err(ClientError::Answer(format!("{status}: {}", text.trim()))),
        }
    }
}

fn tap_path(request: &TapRequest) -> String {
    let format = match request.format {
        TapFormat::Json => "json",
        TapFormat::Arrow => "arrow",
    };
    let mut path = format!(
        "/v1/tap?node={}&rows={}&every={}ms&format={format}",
        percent(&request.node),
        request.rows,
        request.every_ms
    );
    if let Some(limit) = request.limit {
        path.push_str(&format!("&limit={limit}"));
    }
    path
}

/// A value of a query: what is neither letter nor digit is written in hexadecimal.
fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A line of the head without its end.
fn line(reader: &mut impl BufRead) -> Result<String, ClientError> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    Ok(line.trim_end().to_owned())
}

enum Length {
    Known(u64),
    /// Bytes that are left of the chunk at hand.
    Chunked(u64),
    Over,
    ToTheEnd,
}

struct Body {
    reader: BufReader<TcpStream>,
    length: Length,
}

impl Body {
    /// The length of the next chunk; 0 is the end.
    fn next_chunk(&mut self) -> std::io::Result<u64> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let size = line.trim();
            // The end of the chunk before.
            if size.is_empty() {
                continue;
            }
            let size = size.split(';').next().unwrap_or_default();
            return u64::from_str_radix(size, 16)
                .map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData));
        }
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let left = match self.length {
            Length::Over | Length::Known(0) => return Ok(0),
            Length::ToTheEnd => return self.reader.read(into),
            Length::Known(left) => left,
            Length::Chunked(0) => match self.next_chunk()? {
                0 => {
                    self.length = Length::Over;
                    return Ok(0);
                }
                size => size,
            },
            Length::Chunked(left) => left,
        };
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut into[..most])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - read as u64;
        self.length = match self.length {
            Length::Known(_) => Length::Known(left),
            _ => Length::Chunked(left),
        };
        Ok(read)
    }
}

/// The lines of a tap, as they come.
pub struct Tap {
    lines: BufReader<Body>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

impl Tap {
    /// Something that ends the tap from another thread, even while it waits for a row.
    ///
    /// # Errors
    /// The system has no more handles.
    pub fn closer(&self) -> std::io::Result<TapCloser> {
        let stream = self.lines.get_ref().reader.get_ref().try_clone()?;
        Ok(TapCloser(stream))
    }
}

/// Ends a tap.
#[derive(Debug)]
pub struct TapCloser(TcpStream);

impl TapCloser {
    /// Ends it: whoever reads it comes to its end.
    pub fn close(&self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

impl Iterator for Tap {
    type Item = Result<TapLine, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(TapLine::parse(line.trim_end()).map_err(ClientError::from)),
            Err(error) => Some(Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["127.0.0.1:1", "https://127.0.0.1:1", "http://localhost"] {
            assert!(Client::new(url, "t").is_err(), "{url}");
        }
        assert!(Client::new("http://[::1]:80/", "t").is_ok());
    }

    #[test]
    fn a_node_with_an_odd_name_goes_into_a_query() {
        let request = TapRequest {
            limit: Some(3),
            ..TapRequest::new("größe &1")
        };
        assert_eq!(
            tap_path(&request),
            "/v1/tap?node=gr%C3%B6%C3%9Fe%20%261&rows=100&every=1000ms&format=json&limit=3"
        );
    }
}
