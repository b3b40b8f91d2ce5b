//! How long the window took to come up, in the log (`RUST_LOG=millstream_ide=info`), where the
//! measuring program reads it.

use std::time::Instant;

use egui::Context;

/// What of the beginning is still to come.
#[derive(Debug)]
pub(super) struct Beginning {
    since: Instant,
    frames: u8,
    compiled: bool,
}

impl Beginning {
    pub(super) fn now() -> Self {
        Self {
            since: Instant::now(),
            frames: 0,
            compiled: false,
        }
    }

    /// Takes note of a frame that begins; `compiled` is whether the document is compiled by now.
    pub(super) fn frame(&mut self, context: &Context, compiled: bool) {
        if self.frames < 2 {
            self.frames += 1;
            // The second frame begins when the first one is on the screen.
            match self.frames {
                1 => context.request_repaint(),
                _ => self.say("the window is usable"),
            }
        }
        if compiled && !self.compiled {
            self.compiled = true;
            self.say("the document is compiled");
        }
    }

    fn say(&self, what: &str) {
        let ms = self.since.elapsed().as_millis();
        tracing::info!("{what} {ms} ms after the window was asked for");
    }
}
