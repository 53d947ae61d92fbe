//! The ways in. A transport turns bytes into requests and replies into bytes, and has its own form of
//! refusal; it decides nothing else.

pub mod arrival;
pub mod http;
pub mod events;
pub mod socketio;
pub mod websocket;
