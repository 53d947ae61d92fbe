mod support;
mod address;
mod resource;
mod connection;
mod exchange;
mod deadline;
mod challenge;
mod tls;
