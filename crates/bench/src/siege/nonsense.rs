//! Frames that break the rules, and texts that are no request, each with what has to be said to it.

/// Frames of a WebSocket that its rules forbid: the connection is closed with 1002, or with 1007 for the text.
pub(super) const FRAMES: [&[u8]; 7] = [
    // Without a mask.
    b"\x81\x01x",
    // Reserved bits, a reserved opcode.
    b"\xf1\x80\0\0\0\0",
    b"\x83\x80\0\0\0\0",
    // A ping in parts, and one that is too long.
    b"\x09\x80\0\0\0\0",
    b"\x89\xfe\x01\0\0\0\0\0",
    // The middle of a message that never began.
    b"\x80\x80\0\0\0\0",
    // Text that is not UTF-8.
    b"\x81\x82\0\0\0\0\xc3\x28",
];

/// Texts, and the code with which each is refused on a bare WebSocket.
pub(super) fn texts() -> Vec<(String, &'static str)> {
    let asked = |body: &str| format!(r#"{{"event":"client.to.instance","body":{body}}}"#);
    let registered = |information: &str| {
        asked(&format!(
            r#"{{"action":"register","parameters":{{"information":{information}}}}}"#
        ))
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    vec![
        ("{".to_owned(), "invalid_request"),
        ("[]".to_owned(), "invalid_request"),
        (deep, "invalid_request"),
        (asked("7"), "invalid_request"),
        (asked(r#"{"action":7}"#), "invalid_request"),
        (
            asked(r#"{"action":"ping","action":"delete"}"#),
            "invalid_request",
        ),
        (
            asked(r#"{"action":"ping","parameters":"\ud800"}"#),
            "invalid_request",
        ),
        (
            r#"{"event":"nobody.to.instance","body":{"action":"ping"}}"#.to_owned(),
            "invalid_request",
        ),
        (asked(r#"{"action":"become admin"}"#), "unknown_action"),
        (
            asked(r#"{"action":"login","parameters":{"token":7}}"#),
            "invalid_parameters",
        ),
        (
            asked(r#"{"action":"login","token":"a","parameters":{"token":"b"}}"#),
            "invalid_parameters",
        ),
        (registered("[]"), "invalid_information"),
        (
            registered(r#"{"__proto__":{"admin":true}}"#),
            "invalid_information",
        ),
        (registered(r#"{"name":"\u0000"}"#), "invalid_information"),
        (
            registered(&format!(r#"{{"x":"{}"}}"#, "x".repeat(5000))),
            "invalid_information",
        ),
    ]
}
