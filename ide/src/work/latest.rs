//! Questions that are answered on a thread of its own: of several that wait only the latest counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The thread. Dropping this ends it, once it has answered what it works at.
#[derive(Debug)]
pub struct Latest<Q, A> {
    questions: Sender<(u64, Q)>,
    answers: Receiver<A>,
    asked: Arc<AtomicU64>,
}

/// Where the thread puts what it found.
pub struct Outbox<A> {
    answers: Sender<A>,
    wake: Arc<dyn Fn() + Send + Sync>,
    number: u64,
    asked: Arc<AtomicU64>,
}

impl<A> Outbox<A> {
    /// Hands an answer over. There may be several to a question, each better than the one before.
    pub fn send(&self, answer: A) {
        // Nobody may be interested any more.
        let _ = self.answers.send(answer);
        (self.wake)();
    }

    /// Whether a later question waits, so that nobody wants the answer to this one.
    pub fn is_stale(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != self.number
    }
}

impl<Q: Send + 'static, A: Send + 'static> Latest<Q, A> {
    /// Starts the thread. A question is answered once no other has come for `pause`; `wake` is
    /// called with each answer.
    pub fn start(
        name: &str,
        pause: Duration,
        wake: impl Fn() + Send + Sync + 'static,
        mut answer: impl FnMut(Q, &Outbox<A>) + Send + 'static,
    ) -> Self {
        let (questions, inbox) = mpsc::channel::<(u64, Q)>();
        let (outbox, answers) = mpsc::channel();
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let spawned = thread::Builder::new().name(name.into()).spawn(move || {
            while let Ok(mut question) = inbox.recv() {
                while let Ok(later) = inbox.recv_timeout(pause) {
                    question = later;
                }
                let (number, question) = question;
                let outbox = Outbox {
                    answers: outbox.clone(),
                    wake: Arc::clone(&wake),
                    number,
                    asked: Arc::clone(&counted),
                };
                answer(question, &outbox);
            }
        });
        if let Err(error) = spawned {
            tracing::error!("no thread for {name}: {error}");
        }
        Self {
            questions,
            answers,
            asked,
        }
    }

    /// Asks; what was asked before is not wanted any more.
    pub fn ask(&self, question: Q) {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        // The thread lives as long as this.
        let _ = self.questions.send((number, question));
    }

    /// The latest answer since the last call. It may be to an earlier question than the last one.
    pub fn answer(&self) -> Option<A> {
        self.answers.try_iter().last()
    }

    /// Waits for an answer that will do. For tests and pictures.
    pub fn wait(&self, longest: Duration, will_do: impl Fn(&A) -> bool) -> Option<A> {
        let end = Instant::now() + longest;
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            let answer = self.answers.recv_timeout(left).ok()?;
            if will_do(&answer) {
                return Some(answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_questions_the_latest_is_answered() {
        let pause = Duration::from_millis(50);
        let worker = Latest::start(
            "test",
            pause,
            || {},
            |n: u32, outbox: &Outbox<u32>| {
                outbox.send(n * 2);
            },
        );
        for n in 1..=20 {
            worker.ask(n);
        }
        let longest = Duration::from_secs(20);
        assert_eq!(worker.wait(longest, |_| true), Some(40));
        assert_eq!(worker.answer(), None);
    }

    #[test]
    fn an_answer_that_nobody_wants_is_given_up() {
        let worker = Latest::start(
            "test",
            Duration::ZERO,
            || {},
            |n: u32, outbox: &Outbox<u32>| {
                // The first one never ends by itself.
                while n == 1 && !outbox.is_stale() {
                    thread::yield_now();
                }
                outbox.send(n);
            },
        );
        worker.ask(1);
        worker.ask(2);
        assert_eq!(worker.wait(Duration::from_secs(20), |n| *n == 2), Some(2));
    }
}
