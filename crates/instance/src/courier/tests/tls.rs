use std::{net::SocketAddr, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use super::support::{Answer, Node, deliver, header, names, trusting};
use crate::{
    config::DeliveriesConfig,
    courier::{Courier, Failure},
};

/// A certificate authority of our own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn trusting_authority(authority: &CertifiedIssuer<'_, KeyPair>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    roots
}

fn named(host: &str) -> CertificateParams {
    CertificateParams::new([host.to_owned()]).unwrap()
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A node whose certificate, made of `params`, `authority` has signed.
async fn vouched_for(authority: &CertifiedIssuer<'_, KeyPair>, params: CertificateParams) -> Node {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Node::secure(acceptor(certificate.der().clone(), &key)).await
}

/// A courier that trusts `roots`, for which `shop.example` is at `address`.
fn courier(address: SocketAddr, roots: RootCertStore) -> Courier {
    let known = names(&[("shop.example", &[address])]);
    Courier::trusting(&trusting(&["127.0.0.1"]), known, roots)
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let authority = authority();
    let mut node = vouched_for(&authority, named("shop.example")).await;
    let courier = courier(node.address, trusting_authority(&authority));
    deliver(&courier, "https://shop.example:8443")
        .await
        .unwrap();
    let request = node.requests.recv().await.unwrap();
    assert_eq!(header(&request, "host"), Some("shop.example:8443"));
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused() {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let own = named("shop.example").self_signed(&key).unwrap();
    let mut expired = named("shop.example");
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let stranger = self::authority();
    let nodes = [
        Node::secure(acceptor(own.der().clone(), &key)).await,
        vouched_for(&authority, named("other.example")).await,
        vouched_for(&authority, expired).await,
        vouched_for(&stranger, named("shop.example")).await,
    ];
    for mut node in nodes {
        let courier = courier(node.address, trusting_authority(&authority));
        let failure = deliver(&courier, "https://shop.example").await.unwrap_err();
        assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
        assert!(node.requests.try_recv().is_err());
    }
}

#[tokio::test]
async fn without_authorities_nothing_is_sent_over_https() {
    let authority = authority();
    let node = vouched_for(&authority, named("shop.example")).await;
    let courier = courier(node.address, RootCertStore::empty());
    let failure = deliver(&courier, "https://shop.example").await.unwrap_err();
    assert!(matches!(failure, Failure::NoAuthorities), "{failure:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_given_up_at_the_deadline() {
    let roots = || trusting_authority(&authority());
    let talks = Node::answering(|_| Answer::with("200 OK", "{}")).await;
    let mut courier = courier(talks.address, roots());
    courier.deadline = Duration::from_millis(100);
    let failure = deliver(&courier, "https://shop.example").await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut), "{failure:?}");
}

#[test]
fn a_courier_can_be_made_on_any_machine() {
    let courier = Courier::new(&DeliveriesConfig::default());
    assert!(format!("{courier:?}").contains("DeliveriesConfig"));
}
