//! Whether the rows at hand are trial rows.
//!
//! When a model is loaded, made-up rows are scored to see that the results do not depend on batches
//! ([`crate::agreement`]). Some operators have an error for a value that they do not know, such as a category that
//! training never saw. Made-up rows are full of such values, and which ones a model knows cannot be told from
//! outside; so these operators take any value while a trial lasts and put a zero in the place of the error.

use std::cell::Cell;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// True while trial rows are scored on this thread.
pub(crate) fn is_on() -> bool {
    IS_ON.get()
}

/// Runs a trial.
pub(crate) fn run<T>(trial: impl FnOnce() -> T) -> T {
    /// Ends the trial even if it panics.
    struct End(bool);

    impl Drop for End {
        fn drop(&mut self) {
            IS_ON.set(self.0);
        }
    }

    let _end = End(IS_ON.replace(true));
    trial()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_ends_whatever_happens() {
        assert!(!is_on());
        assert!(run(is_on));
        assert!(std::panic::catch_unwind(|| run(|| panic!("in the trial"))).is_err());
        assert!(!is_on());
    }
}
