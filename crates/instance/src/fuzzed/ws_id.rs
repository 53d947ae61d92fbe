//! WebSocket IDs: one text each.

use crate::hub::WsId;

/// An id renders to the text from which it was read.
pub fn ws_id(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(id) = WsId::parse(text)
    {
        assert_eq!(id.to_string(), text);
    }
}
