//! `revocable bench`.

use crate::support::Sandbox;

#[test]
fn a_list_is_built_and_every_entry_found_and_its_size_told_beside_the_bound() {
    let sandbox = Sandbox::new("bench");
    let bench = ["bench", "--entries", "20000", "--epsilon", "2^-20", "--memory", "64KiB", "--temp-dir", "."];
    let report = sandbox.run(&[&bench[..], &["--json"]].concat()).succeeds().json();
    assert_eq!((&report["entries"], &report["asked"]), (&20_000.into(), &20_000.into()));
    let (bits, bound) = (report["bitsPerEntry"].as_f64().unwrap(), report["bound"].as_f64().unwrap());
    assert!((20.0..20.2).contains(&bound) && bits > bound + 2.0 && bits < bound + 2.5, "{report}");
    assert!(report["falseHits"].as_u64().unwrap() < 3);
    for rate in ["build", "read", "sort", "encode", "open"] {
        assert!(report[rate]["entriesPerSecond"].as_f64().unwrap() > 0.0, "{rate}");
    }
    assert!(sandbox.tree("").is_empty(), "nothing is left behind");
    assert!(sandbox.run(&bench).succeeds().stdout.contains("20000 entries, epsilon 2^-20"));
}

#[test]
fn what_confirms_a_coarse_list_is_told_apart_and_a_fine_list_has_nothing_of_it() {
    let sandbox = Sandbox::new("bench-exact");
    let bench = |epsilon, more: &[&str]| {
        let bench = ["bench", "--entries", "20000", "--epsilon", epsilon, "--temp-dir", "."];
        sandbox.run(&[&bench[..], more].concat()).succeeds()
    };
    let report = bench("2^-8", &["--json"]).json();
    let (bits, exact) = (report["bitsPerEntry"].as_f64().unwrap(), &report["exact"]);
    assert!((8.0..9.0).contains(&bits), "without what confirms: {report}");
    let exact_bits = exact["bitsPerEntry"].as_f64().unwrap();
    assert!((64.0..68.0).contains(&exact_bits), "64 bits of each id: {report}");
    assert_eq!(exact["segments"], report["segments"]);
    assert!(exact["bytes"].as_u64().unwrap() > report["bytes"].as_u64().unwrap());
    for rate in ["entriesPerSecond", "seconds"] {
        assert!(exact["open"][rate].as_f64().unwrap() > 0.0, "{rate}");
    }
    assert!(bench("2^-8", &[]).stdout.contains("which confirm: 66."));
    assert_eq!(bench("2^-50", &["--json"]).json().get("exact"), None);
    assert!(!bench("2^-50", &[]).stdout.contains("confirm"));
}
