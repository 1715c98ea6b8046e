//! What the command-line tool `revocable` reads, as a library, so that tests and fuzz targets reach every parser of bytes
//! that come from elsewhere. The commands themselves are in `main.rs`, and whoever writes a program wants the crate
//! `revocable`.

pub mod formats;
