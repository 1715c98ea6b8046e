//! `revocable keygen`.

use serde_json::Value;

use crate::support::Sandbox;

#[test]
fn a_key_pair_is_written_side_by_side_and_only_the_private_file_holds_the_secret() {
    let sandbox = Sandbox::new("keygen-pair");
    let summary = sandbox.run(&["keygen", "--out", "list.jwk", "--json"]).succeeds().json();
    let private: Value = serde_json::from_slice(&sandbox.read("list.jwk")).unwrap();
    let public: Value = serde_json::from_slice(&sandbox.read("list.pub.jwk")).unwrap();
    assert_eq!(summary["kid"], private["kid"]);
    assert_eq!(summary["publicKey"], "list.pub.jwk");
    for member in ["kty", "crv", "x", "kid", "alg"] {
        assert!(private[member].is_string(), "{member}");
        assert_eq!(private[member], public[member], "{member}");
    }
    assert!(private["d"].is_string());
    assert!(public["d"].is_null());
    assert_eq!(sandbox.tree("").len(), 2, "no temporary file is left behind");
}

#[test]
fn two_keys_are_never_the_same() {
    let sandbox = Sandbox::new("keygen-random");
    let kid = |name| sandbox.run(&["keygen", "--json", "--out", name]).succeeds().json()["kid"].clone();
    assert_ne!(kid("a.jwk"), kid("b.jwk"));
}

#[cfg(unix)]
#[test]
fn the_private_key_is_its_owners_only_also_when_it_replaces_a_file_that_was_not() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new("keygen-mode");
    let mode = || metadata(sandbox.path("list.jwk")).unwrap().permissions().mode() & 0o777;
    sandbox.run(&["keygen", "--out", "list.jwk"]).succeeds();
    assert_eq!(mode(), 0o600);
    set_permissions(sandbox.path("list.jwk"), Permissions::from_mode(0o644)).unwrap();
    sandbox.run(&["keygen", "--out", "list.jwk", "--force"]).succeeds();
    assert_eq!(mode(), 0o600);
}

#[test]
fn neither_file_is_written_over_without_force() {
    for present in ["list.jwk", "list.pub.jwk"] {
        let sandbox = Sandbox::new("keygen-overwrite");
        sandbox.write(present, "precious");
        sandbox.run(&["keygen", "--out", "list.jwk"]).fails(1, "ERR_FILE_EXISTS");
        assert_eq!(sandbox.tree("").len(), 1, "nothing was written");
        assert_eq!(sandbox.read(present), b"precious");
        sandbox.run(&["keygen", "--out", "list.jwk", "--force"]).succeeds();
        assert_ne!(sandbox.read(present), b"precious");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
    let sandbox = Sandbox::new("keygen-nowhere");
    let ended = sandbox.run(&["keygen", "--out", "nowhere/list.jwk"]).fails(1, "ERR_FILE_WRITE");
    assert!(ended.stderr.contains("nowhere/list.jwk"), "{}", ended.stderr);
}
