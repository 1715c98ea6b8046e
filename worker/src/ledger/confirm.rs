//! Exact answers by id, for gates and readers of a coarse list.

use revocable::Error;
use revocable::gate::{ConfirmQuestion, ConfirmReply};
use worker::SqlStorageValue as Sql;

use super::record::{members, salt};
use super::store::number;
use super::{Fault, Ledger, authority, press};
use crate::host;

impl Ledger {
    /// Answers a question that was read before: the body of a 200.
    pub(super) fn confirm(&self, question: &str) -> Result<String, Fault> {
        self.settle()?;
        let question = ConfirmQuestion::parse(question.as_bytes()).map_err(|_| Error::NotFound)?;
        let store = self.store()?;
        let (salt, seq) = (salt(store)?, self.newest()?.seq);
        let over = press::over(host::now());
        let value = |target: &revocable::Target<'_>| {
            let row = store.row(
                "SELECT value FROM entries JOIN tables ON tbl = number WHERE rule = ? AND kind = ? AND claim = ? AND \
                 id = ? AND (expires IS NULL OR expires > ?)",
                vec![
                    members(target.rule).into(),
                    target.kind.name().into(),
                    target.claim.unwrap_or_default().into(),
                    Sql::Blob(target.id.as_bytes().to_vec()),
                    number(over),
                ],
            )?;
            row.map(|row| row.integer(0)).transpose()
        };
        match authority(|authority| question.answer_from((authority.name(), salt, seq), value))? {
            ConfirmReply::Answers(answers) => Ok(answers),
            _ => Err(Error::SourceUnavailable.into()),
        }
    }
}
