//! Reads how many tests passed and failed from what the test runners print.

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Checks that held.
    pub(crate) passed: u64,
    /// Checks that did not.
    pub(crate) failed: u64,
    /// Checks that were left out.
    pub(crate) skipped: u64,
}

impl Counts {
    /// One check that held.
    pub(crate) const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// One check that did not hold.
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// Whether nothing was checked at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed == 0 && self.failed == 0
    }

    /// Adds another suite's counts to these.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

/// Adds up what `cargo test` prints, one line a test binary:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
pub(crate) fn libtest(output: &str) -> Counts {
    summaries(output, |_| true)
}

/// Adds up what wasm-bindgen's runner prints, which is the same but for `measured`.
///
/// Whatever has that word comes from rustdoc: for a Wasm target it starts each example in the same runner, which finds
/// no test in it and reports success whatever the example does. So these prove nothing and are not counted.
pub(crate) fn wasm_bindgen_test(output: &str) -> Counts {
    summaries(output, |summary| !summary.contains("measured"))
}

fn summaries(output: &str, counts_for_us: impl Fn(&str) -> bool) -> Counts {
    let mut counts = Counts::default();
    for (_, summary) in output.lines().filter_map(|line| line.split_once("test result: ")) {
        if !counts_for_us(summary) {
            continue;
        }
        for part in summary.split(['.', ';']) {
            match number_before_word(part) {
                Some((number, "passed")) => counts.add(Counts { passed: number, ..Counts::default() }),
                Some((number, "failed")) => counts.add(Counts { failed: number, ..Counts::default() }),
                Some((number, "ignored")) => counts.add(Counts { skipped: number, ..Counts::default() }),
                _ => {}
            }
        }
    }
    counts
}

/// Adds up the closing lines of `node --test`: `ℹ pass 3` from its spec reporter. A cancelled test counts as failed.
pub(crate) fn node_test(output: &str) -> Counts {
    let mut counts = Counts::default();
    for summary in output.lines().filter_map(|line| line.strip_prefix("ℹ ")) {
        let Some((word, number)) = summary.split_once(' ') else { continue };
        let Ok(number) = number.parse() else { continue };
        match word {
            "pass" => counts.add(Counts { passed: number, ..Counts::default() }),
            "fail" | "cancelled" => counts.add(Counts { failed: number, ..Counts::default() }),
            "skipped" | "todo" => counts.add(Counts { skipped: number, ..Counts::default() }),
            _ => {}
        }
    }
    counts
}

fn number_before_word(part: &str) -> Option<(u64, &str)> {
    let (number, word) = part.trim().split_once(' ')?;
    Some((number.parse().ok()?, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_summaries_of_several_binaries_add_up() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            noise: 7 passed; 7 failed\n\
            test result: FAILED. 5 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        assert_eq!(libtest(output), Counts { passed: 7, failed: 3, skipped: 1 });
    }

    #[test]
    fn examples_that_rustdoc_starts_in_the_wasm_runner_are_not_counted() {
        let output = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.01s\n\
            \n   Doc-tests revocable\n\n\
            test result: ok. 9 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.15s\n";
        assert_eq!(wasm_bindgen_test(output), Counts { passed: 4, failed: 0, skipped: 0 });
    }

    #[test]
    fn node_counts_a_cancelled_test_as_failed() {
        let output = "ℹ tests 9\nℹ suites 0\nℹ pass 4\nℹ fail 2\nℹ cancelled 1\nℹ skipped 1\nℹ todo 1\n";
        assert_eq!(node_test(output), Counts { passed: 4, failed: 3, skipped: 2 });
    }

    #[test]
    fn output_without_a_summary_counts_nothing() {
        assert!(libtest("error: could not compile `revocable`").is_empty());
        assert!(node_test("pass 3").is_empty());
    }
}
