//! The command line itself: what is no usage ends with 64, and help ends with 0.

use serde_json::Value;

use crate::support::{NOW, Sandbox, token};

#[test]
fn a_wrong_command_line_ends_with_64_and_its_code_and_does_nothing() {
    let sandbox = Sandbox::with_keys("usage-wrong");
    let before = sandbox.tree("");
    let build = ["build", "--input", "-", "--key", "list.jwk", "--issuer", "a", "--out", "o"];
    let check = ["check", "--token", "t", "--jwks", "jwks.json", "--issuer", "i", "--snapshot", "s"];
    let with = |base: &[&'static str], more: &[&'static str]| [base, more].concat();
    let wrong = [
        vec!["frobnicate"],
        vec!["config", "check"],
        vec!["config", "frobnicate"],
        vec!["config", "check", "a.json", "b.json"],
        vec!["publish", "--snapshot", "s", "--keys", "k"],
        vec!["publish", "--snapshot", "s", "--keys", "k", "--to", "t", "--kv-bulk", "b"],
        vec!["publish", "--snapshot", "s", "--to", "t"],
        vec!["merge", "--snapshot", "s", "--keys", "k", "--key", "k", "--issuer", "a"],
        vec!["bench", "--entries", "0"],
        vec!["inspect", "--snapshot", "s"],
        vec!["diff", "--from", "a", "--keys", "k"],
        vec!["import", "mongo", "--input", "-"],
        vec!["import", "redis", "--input", "-"],
        vec!["import", "redis", "--input", "-", "--token-issuer", "i", "--answers", "tll"],
        vec!["import", "redis", "--input", "-", "--token-issuer", ""],
        vec!["import", "keycloak", "--input", "-"],
        vec!["import", "keycloak", "--input", "-", "--base-url", "b", "--token-issuer", "i"],
        vec![
            "import",
            "csv",
            "--input",
            "-",
            "--token-issuer",
            "i",
            "--without-expiry",
            "--expires-column",
            "e",
        ],
        vec!["revocations", "frobnicate"],
        vec!["revocations", "add", "--url", "https://a.example"],
        vec!["revocations", "tail", "--after", "-1"],
        vec!["keygen"],
        vec!["keygen", "--out", "-"],
        vec!["keygen", "--out", "a.jwk", "--frobnicate"],
        vec!["build", "--input", "-"],
        with(&build, &["--epsilon", "0.001"]),
        with(&build, &["--epsilon", "2^-65"]),
        with(&build, &["--format", "xml"]),
        with(&build, &["--memory", "1 GB"]),
        with(&build, &["--max-segment", "4095"]),
        with(&build, &["--max-segment", "26MiB"]),
        with(&build, &["--expiry-windows", "16"]),
        with(&build, &["--recent"]),
        with(&build, &["--recent", "--previous", "o", "--epsilon", "2^-50"]),
        with(&build, &["--recent", "--previous", "o", "--max-segment", "1MiB"]),
        with(&build, &["--seq", "0"]),
        with(&build, &["--seq", "9007199254740992"]),
        with(&build, &["--seq", "1", "--previous", "o"]),
        with(&build, &["--salt", "00"]),
        with(&build, &["--salt", "000102030405060708090A0B0C0D0E0F"]),
        with(&build, &["--salt", "000102030405060708090a0b0c0d0e0f", "--previous", "o"]),
        with(&build, &["--now", "yesterday"]),
        with(&build, &["--now", "-1"]),
        with(&build, &["--now", "inf"]),
        with(&build, &["--ttl", "0"]),
        with(&build, &["--valid-for", "0"]),
        with(&build, &["--valid-for", "1.5"]),
        with(&build, &["--covers", ""]),
        vec!["build", "--input", "-", "--key", "-", "--issuer", "a", "--out", "o"],
        check.to_vec(),
        with(&check, &["--lists", "authority"]),
        with(&check, &["--lists", "=list.pub.jwk"]),
        with(&check, &["--lists", "authority="]),
        with(&check, &["--lists", "a=list.pub.jwk", "--lists", "a=list.pub.jwk"]),
        with(&check, &["--lists", "a=list.pub.jwk", "--clock-tolerance", "61"]),
        vec![
            "check",
            "--token",
            "-",
            "--jwks",
            "-",
            "--issuer",
            "i",
            "--snapshot",
            "s",
            "--lists",
            "a=list.pub.jwk",
        ],
        vec!["check", "--token", "-", "--jwks", "j", "--issuer", "i", "--snapshot", "s", "--lists", "a=-"],
    ];
    for arguments in wrong {
        let ended = sandbox.run(&arguments);
        assert_eq!(ended.code, 64, "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.starts_with("error[ERR_USAGE]: "), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(sandbox.tree(""), before);
}

#[test]
fn no_command_at_all_is_a_usage_error_that_shows_the_help() {
    let ended = Sandbox::new("usage-none").run(&[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("Usage: revocable"), "{}", ended.stderr);
}

#[test]
fn help_and_version_end_with_0_and_say_the_exit_codes_and_examples() {
    let sandbox = Sandbox::new("usage-help");
    assert!(sandbox.run(&["--version"]).succeeds().stdout.starts_with("revocable "));
    assert!(sandbox.run(&["--help"]).succeeds().stdout.contains("Exit codes:"));
    for command in [
        "keygen",
        "import",
        "build",
        "merge",
        "inspect",
        "diff",
        "publish",
        "bench",
        "check",
        "config",
        "revocations",
    ] {
        for help in [["help", command], [command, "--help"], [command, "-h"]] {
            let help = sandbox.run(&help).succeeds().stdout;
            assert!(help.contains("Exit codes:") && help.contains("64 "), "{command}: {help}");
            assert!(help.contains(&format!("Examples:\n  revocable {command} ")), "{command}: {help}");
        }
    }
}

#[test]
fn with_json_errors_are_json_on_standard_error_usage_errors_included() {
    let sandbox = Sandbox::new("usage-json");
    for (arguments, exit, code) in [
        (vec!["--json", "keygen"], 64, "ERR_USAGE"),
        (vec!["keygen", "--out", "-", "--json"], 64, "ERR_USAGE"),
        (vec!["keygen", "--out", "nowhere/a.jwk", "--json"], 1, "ERR_FILE_WRITE"),
    ] {
        let ended = sandbox.run(&arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (exit, ""), "{arguments:?}");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(error["error"]["code"], code, "{arguments:?}");
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_token_pasted_in_the_wrong_place_is_not_repeated() {
    let sandbox = Sandbox::new("usage-token");
    let token = token(serde_json::json!({}));
    let now = NOW.to_string();
    for arguments in [
        vec!["check", &token],
        vec![&token],
        vec!["check", "--now", &token],
        vec!["build", "--now", &now, "--salt", &token, "--json"],
    ] {
        let ended = sandbox.run(&arguments);
        assert_eq!(ended.code, 64);
        let signature = token.rsplit('.').next().unwrap();
        assert!(!ended.stderr.contains(signature) && ended.stderr.contains("[token]"), "{}", ended.stderr);
    }
}
