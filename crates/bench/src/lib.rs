//! Loads an instance, as strangers would, measures what it does, and compares it with its peers.
//!
//! Modules are listed in reading order. A module uses only those above it. Of the server's code
//! only the words of the wire are used.

pub mod failure;
pub mod frame;
pub mod http;
pub mod wire;
pub mod client;

pub mod letters;
pub mod progress;
pub mod tally;
pub mod schedule;
pub mod load;
pub mod requests;
pub mod jobs;
pub mod measure;
pub mod figures;

pub mod bench;
pub mod scenario;
pub mod run;

pub mod statistic;
pub mod machine;
pub mod record;
pub mod compare;
pub mod siege;
pub mod timing;
pub mod plot;
pub mod report;
