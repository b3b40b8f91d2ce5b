//! Turns a panic inside the inference engine into an error.
//!
//! tract answers most bad models with an error, but some with a panic: symbolic batches in LSTM
//! and GRU (`UndeterminedSymbol`), tensors of element types it has no loader for, indices outside
//! a table. A model file is data that a stranger may have written, so none of these may end the
//! process or print a backtrace at a user.
//!
//! What cannot be caught (running out of memory or stack) is prevented before: see
//! [`crate::vet`] for the limits.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic in it becomes `Err` with the panic's message and place.
///
/// The caller must drop whatever `work` was mutating when this returns `Err`: it may be half done.
/// The process-wide panic hook is wrapped once, so that panics inside `work` print nothing and
/// all others reach the hook that was there before.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                let place = info
                    .location()
                    .map(|place| in_crate(place.file(), place.line()));
                PLACE.with_borrow_mut(|slot| *slot = place);
            } else {
                outer(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.map_err(|payload| {
        let place = PLACE.with_borrow_mut(Option::take);
        let message = message(payload.as_ref());
        match place {
            Some(place) => format!("the inference engine panicked at {place}: {message}"),
            None => format!("the inference engine panicked: {message}"),
        }
    })
}

/// A place in a source file, without the folders that a crate stands in on the machine that built it.
fn in_crate(file: &str, line: u32) -> String {
    let file = match file.split_once("/registry/src/") {
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, file)| file),
        None => file,
    };
    format!("{file}:{line}")
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guarded(|| -> () { panic!("no symbol {}", "N") }).unwrap_err();
        assert!(error.contains("no symbol N"), "{error}");
        assert!(error.contains("guard.rs"), "{error}");
        assert_eq!(guarded(|| 7), Ok(7));
    }

    #[test]
    fn a_place_tells_the_crate_and_not_the_machine() {
        let file = "/home/a/.cargo/registry/src/index.crates.io-19/tract-core-0.23.9/src/lib.rs";
        assert_eq!(in_crate(file, 7), "tract-core-0.23.9/src/lib.rs:7");
        assert_eq!(in_crate("models/src/guard.rs", 1), "models/src/guard.rs:1");
    }
}
