//! Finds the running jobs of this user, on threads: a job that does not answer holds nobody up.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use millstream_serve::api::JobStatus;
use millstream_serve::client::Client;
use millstream_serve::files::JobAddress;
use millstream_serve::registry::Registry;

use super::folders::JobFolder;
use super::watch::{Wake, why};

/// A job that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Where it is reached.
    pub address: JobAddress,
    /// The document or script that it runs, for people.
    pub file: Option<PathBuf>,
    /// How it is, or why it does not say; `None` until one is known.
    pub status: Option<Result<JobStatus, String>>,
}

/// What became known.
#[derive(Debug)]
pub enum Heard {
    /// The jobs that run, the last one first, and the documents or scripts that they run.
    Jobs(Vec<(JobAddress, Option<PathBuf>)>),
    /// They cannot be listed.
    Failed(String),
    /// How one of them is.
    Status(Box<(JobAddress, Result<JobStatus, String>)>),
    /// The job at an address that was typed, or why there is none.
    Typed(Result<JobAddress, String>),
}

/// Questions that are asked, and the answers that came.
#[derive(Debug)]
pub struct Listing {
    answers: Receiver<Heard>,
    teller: Teller,
}

#[derive(Clone)]
struct Teller {
    answers: Sender<Heard>,
    wake: Wake,
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

impl Teller {
    fn tell(&self, heard: Heard) {
        // Nobody may be interested any more.
        let _ = self.answers.send(heard);
        (self.wake)();
    }
}

impl Listing {
    /// `wake` is called when there is something new.
    pub fn new(wake: Wake) -> Self {
        let (sender, answers) = mpsc::channel();
        let teller = Teller {
            answers: sender,
            wake,
        };
        Self { answers, teller }
    }

    /// Asks which jobs run and how they are; `home` is the editor's folder.
    pub fn ask(&self, registry: Option<Registry>, home: PathBuf) {
        let teller = self.teller.clone();
        on_a_thread(move || {
            let jobs = match registry.map_or(Ok(vec![]), |registry| registry.list()) {
                Ok(jobs) => jobs,
                Err(error) => return teller.tell(Heard::Failed(error.to_string())),
            };
            let with_file = |job: &JobAddress| (job.clone(), document(&home, job));
            teller.tell(Heard::Jobs(jobs.iter().map(with_file).collect()));
            for job in jobs {
                let teller = teller.clone();
                on_a_thread(move || {
                    let status = Client::of(&job).and_then(|client| client.status());
                    let status = status.map_err(|error| why(&error));
                    teller.tell(Heard::Status(Box::new((job, status))));
                });
            }
        });
    }

    /// Asks for the job at an address, with the token it wants.
    pub fn ask_at(&self, address: &str, token: &str) {
        let url = url(address);
        let token = token.trim().to_string();
        let teller = self.teller.clone();
        on_a_thread(move || {
            let status = Client::new(&url, token.clone()).and_then(|client| client.status());
            let found = status.map(|status| JobAddress {
                url,
                token,
                pid: status.pid,
                pipeline: status.pipeline,
                file: status.file,
                state_dir: status.state_dir,
                started_at_ms: status.started_at_ms,
            });
            teller.tell(Heard::Typed(found.map_err(|error| why(&error))));
        });
    }

    /// An answer that came.
    pub fn answer(&self) -> Option<Heard> {
        self.answers.try_recv().ok()
    }
}

/// What a job runs: the file that the person knows, where the editor ran a copy with edits.
fn document(home: &Path, job: &JobAddress) -> Option<PathBuf> {
    let folder = job.state_dir.as_deref();
    let folder = folder.and_then(|state| JobFolder::with_state(home, state));
    folder
        .and_then(|folder| folder.file())
        .or_else(|| job.file.clone())
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name("jobs".into()).spawn(work) {
        tracing::error!("no thread to look for jobs: {error}");
    }
}

/// What people type for `http://127.0.0.1:40123`.
fn url(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    let address = address.strip_prefix("http://").unwrap_or(address);
    let address = match address.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if !address.is_empty() && address.bytes().all(|b| b.is_ascii_digit()) => {
            format!("127.0.0.1:{address}")
        }
        None => address.to_string(),
    };
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        for typed in [
            "http://127.0.0.1:4012",
            " 127.0.0.1:4012/ ",
            "localhost:4012",
            "4012",
        ] {
            assert_eq!(url(typed), "http://127.0.0.1:4012", "{typed}");
        }
        assert_eq!(url("[::1]:4012"), "http://[::1]:4012");
    }
}
