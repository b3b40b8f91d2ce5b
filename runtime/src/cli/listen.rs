//! `millstream run --listen`: the job's API, and the files by which it is found.

use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use millstream_runtime::job::monitor::Monitor;
use millstream_serve::files::{FileError, JobAddress, LastWords};
use millstream_serve::registry::{Entry, Registry};
use millstream_serve::{JobHandle as _, ServeError, Server, ServerOptions, Token};

use super::Failure;

/// Where a token can be given that no list of processes shows.
const TOKEN: &str = "MILLSTREAM_LISTEN_TOKEN";

#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Serve the job's API (status, metrics, rows, stop) at this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// What requests must know [default: $MILLSTREAM_LISTEN_TOKEN, else a random one]
    #[arg(long, value_name = "TOKEN", requires = "listen")]
    listen_token: Option<String>,
    /// Allow an address that other machines can reach: who knows the token can read the job's rows
    /// and stop it, and nothing is encrypted
    #[arg(long, requires = "listen")]
    listen_public: bool,
    /// Let /metrics be read without the token
    #[arg(long, requires = "listen")]
    metrics_public: bool,
}

/// The API of a job, served.
pub(crate) struct Api {
    server: Server,
    token: Token,
    token_was_given: bool,
    monitor: Monitor,
    /// The state directory with the job's address.
    announced: Option<PathBuf>,
    /// The job's place among those of its user.
    entry: Option<Entry>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let why = || "expected an address and a port such as 127.0.0.1:8421, or port 0 for a free one";
    text.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| why().to_owned())
}

impl ListenArguments {
    /// Serves a job, if that was asked for.
    pub fn start(&self, monitor: &Monitor) -> Result<Option<Api>, Failure> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let given = match &self.listen_token {
            Some(token) => Some(token.clone()),
            None => std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
        };
        let token_was_given = given.is_some();
        let token = Token::new(given.unwrap_or_else(random_token)).map_err(failure)?;
        let options = ServerOptions {
            address,
            token: token.clone(),
            public: self.listen_public,
            metrics_public: self.metrics_public,
        };
        let server = Server::start(&options, Arc::new(monitor.clone())).map_err(failure)?;
        Ok(Some(Api {
            server,
            token,
            token_was_given,
            monitor: monitor.clone(),
            announced: None,
            entry: None,
        }))
    }
}

/// 244 random bits.
fn random_token() -> String {
    let part = || uuid::Uuid::new_v4().simple().to_string();
    part() + &part()
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::NotLoopback(_) => Failure::Input(format!(
            "error: {error}\n  help: listen on 127.0.0.1 and go there through an SSH tunnel, or add --listen-public if that is what you want"
        )),
        ServeError::ShortToken | ServeError::OddToken => Failure::Input(format!(
            "error: {error}\n  help: leave it out, and a random one is made"
        )),
        ServeError::Bind { .. } => Failure::Job(format!(
            "error: {error}\n  help: port 0 takes one that is free"
        )),
        ServeError::Start(_) => Failure::Job(format!("error: {error}")),
    }
}

impl Api {
    /// The line that says where it is. The token is in it only if it is nowhere else.
    pub fn line(&self, state_dir: Option<&Path>) -> String {
        let url = self.server.url();
        match state_dir {
            Some(dir) => {
                let file = dir.join(millstream_serve::files::ADDRESS);
                format!("job API at {url} (the token is in {})", file.display())
            }
            None if self.token_was_given => format!("job API at {url}"),
            None => format!("job API at {url} (token {})", self.token.reveal()),
        }
    }

    /// Leaves the address in the state directory, which belongs to this job now, and among those
    /// of the user's other jobs.
    pub fn announce(&mut self, state_dir: Option<&Path>) {
        let status = self.monitor.status();
        let address = JobAddress {
            url: self.server.url(),
            token: self.token.reveal().to_owned(),
            pid: status.pid,
            pipeline: status.pipeline,
            file: status.file,
            state_dir: status.state_dir,
            started_at_ms: status.started_at_ms,
        };
        if let Some(state_dir) = state_dir {
            self.announced = Some(state_dir.to_path_buf());
            warn(LastWords::remove(state_dir).and_then(|()| address.write(state_dir)));
        }
        if let Some(registry) = Registry::of_user() {
            match registry.enter(&address) {
                Ok(entry) => self.entry = Some(entry),
                Err(error) => warn(Err(error)),
            }
        }
    }

    /// The job is over: leaves its last words in the place of its address.
    pub fn finish(self) {
        if let Some(state_dir) = &self.announced {
            let words = LastWords {
                status: self.monitor.status(),
                metrics: self.monitor.metrics().ok(),
            };
            warn(words.write(state_dir));
            // Another run may have the directory by now.
            let own = JobAddress::read(state_dir)
                .ok()
                .flatten()
                .is_some_and(|address| address.token == self.token.reveal());
            if own {
                warn(JobAddress::remove(state_dir));
            }
        }
        if let Some(entry) = self.entry {
            warn(entry.remove());
        }
        self.server.stop();
    }
}

/// The job is not held up by a file that only tells of it.
fn warn(done: Result<(), FileError>) {
    if let Err(error) = done {
        // Nobody is left to tell if stderr is closed.
        let _ = writeln!(std::io::stderr(), "warning: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("127.0.0.1:0").unwrap().port(), 0);
        assert!(address("[::1]:80").unwrap().ip().is_loopback());
        assert!(address("127.0.0.1").is_err());
        assert!(address(":80x").is_err());
    }

    #[test]
    fn a_random_token_is_one() {
        let (one, other) = (random_token(), random_token());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert!(Token::new(one).is_ok());
    }
}
