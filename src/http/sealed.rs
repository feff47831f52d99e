//! Words that only this server can make and read: places in lists, proofs in cookies, addresses that are good for a while.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::State;
use crate::domain::error::Result;

impl State {
    /// Seals bytes into a word that may stand in an address or a cookie, good for this purpose alone.
    pub(super) fn seal_word(&self, purpose: &str, plain: &[u8]) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(self.engine.key.seal(purpose, plain)?))
    }

    /// What was sealed into a word; `None` where it was not sealed here for this purpose.
    pub(super) fn open_word(&self, purpose: &str, word: &str) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = URL_SAFE_NO_PAD.decode(word).ok()?;
        self.engine.key.open(purpose, &sealed).ok()
    }
}
