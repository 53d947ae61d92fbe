//! What a client sees on the wire, word for word. The snapshots in `snapshots` are the contract: a
//! change of one is a change of the protocol.

mod conversation;
mod handshake;
mod table;
mod refusal;
mod specification;

/// Compares `text` with the snapshot of this name.
fn keep(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}
