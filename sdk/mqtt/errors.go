package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Reason classifies why there is no connection, for metrics and for choosing
// what to tell a person.
type Reason string

// The reasons.
const (
	BadConfig           Reason = "bad configuration"
	BadCredentials      Reason = "bad credentials"      // our own certificate, key or roots cannot be loaded
	Unreachable         Reason = "unreachable"          // name lookup, routing, refused or timed out
	NotTLS              Reason = "not tls"              // the other side speaks no TLS
	TLSTooOld           Reason = "tls too old"          // the other side speaks no TLS 1.3
	UnknownAuthority    Reason = "unknown authority"    // the broker's certificate is not from our roots
	BrokerExpired       Reason = "broker expired"       // the broker's certificate is expired or not yet valid
	BrokerName          Reason = "broker name"          // the broker's certificate is for another name
	BrokerCertificate   Reason = "broker certificate"   // the broker's certificate is wrong in another way
	CertificateRequired Reason = "certificate required" // we showed no certificate
	CertificateExpired  Reason = "certificate expired"  // ours is expired or not yet valid
	CertificateRefused  Reason = "certificate refused"  // ours is refused otherwise
	Refused             Reason = "refused"              // CONNACK with a code other than 5
	NotAuthorised       Reason = "not authorised"       // CONNACK code 5, or a refused subscription
	TooLarge            Reason = "too large"            // an inbound packet over Config.MaxInbound
	Protocol            Reason = "protocol"             // an inbound packet that has no business here
	Lost                Reason = "lost"                 // the connection was up, or nearly, and broke
)

// Error says why there is no connection to the broker.
type Error struct {
	Broker string // as configured
	Reason Reason
	Hint   string // the next step for a person; may be empty
	err    error
}

func (e *Error) Error() string { return fmt.Sprintf("broker %q: %v", e.Broker, e.err) }

// Unwrap gives the error underneath, as it came from net, crypto/tls or
// crypto/x509.
func (e *Error) Unwrap() error { return e.err }

// Errors of the exchange itself; classify gives them their Reason.
var (
	errNoPong      = errors.New("no answer to a ping")
	errNoAck       = errors.New("no acknowledgement in time")
	errEarlyClose  = errors.New("closed before it answered CONNECT")
	errNoHandshake = errors.New("hung up during the tls handshake")
)

// tooLargeError is an announced length over the limit.
type tooLargeError struct{ announced, limit int }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("announced a packet of %d bytes, more than the %d allowed", e.announced, e.limit)
}

// protocolError is a packet that the guard refuses.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// refusedError is a CONNACK return code (MQTT 3.1.1, table 3.1).
type refusedError byte

func (e refusedError) Error() string {
	text := map[refusedError]string{
		1: "unacceptable protocol version",
		2: "client id rejected",
		3: "server unavailable",
		4: "bad user name or password",
		5: "not authorised",
	}[e]
	return fmt.Sprintf("refused CONNECT with code %d (%s)", byte(e), orDefault(text, "not a code of MQTT 3.1.1"))
}

// deniedError is a subscription answered with 0x80.
type deniedError string

func (e deniedError) Error() string { return fmt.Sprintf("refused subscription to %q", string(e)) }

// classify wraps err in an *Error. leaf is our own certificate, nil when there
// is none: in TLS 1.3 a client is often told no more than "bad certificate", or
// nothing, and the date is then the better answer.
func (s *settings) classify(err error, leaf *x509.Certificate) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	reason, hint := explain(err)
	switch reason {
	case CertificateExpired, CertificateRefused, Lost:
		if now := time.Now(); leaf != nil && (now.After(leaf.NotAfter) || now.Before(leaf.NotBefore)) {
			reason = CertificateExpired
			hint = fmt.Sprintf("the client certificate is valid from %s to %s and the clock says %s: renew the certificate or set the clock",
				leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	return &Error{Broker: s.Broker, Reason: reason, Hint: hint, err: err}
}

func explain(err error) (Reason, string) {
	for _, f := range []func(error) (Reason, string){explainOurs, explainBrokerCertificate, explainAlert, explainNetwork} {
		if r, hint := f(err); r != "" {
			return r, hint
		}
	}
	return Lost, ""
}

func explainOurs(err error) (Reason, string) {
	var large *tooLargeError
	var proto protocolError
	var refused refusedError
	var denied deniedError
	switch {
	case errors.As(err, &large):
		return TooLarge, "is this the right broker? if so, raise the limit for inbound packets"
	case errors.As(err, &proto):
		return Protocol, "is this an MQTT 3.1.1 broker?"
	case errors.As(err, &refused) && refused == 5:
		return NotAuthorised, "the broker knows the certificate but does not admit its name: see its access list and log"
	case errors.As(err, &refused):
		return Refused, "see the broker's log"
	case errors.As(err, &denied):
		return NotAuthorised, "the broker's access list does not let this certificate's name read there"
	case errors.Is(err, errNoPong), errors.Is(err, errNoAck):
		return Lost, "check the network and the broker's load"
	case errors.Is(err, errNoHandshake):
		return NotTLS, "that port may not speak TLS: plaintext MQTT is usually 1883, TLS 8883; if it does, see the broker's log"
	case errors.Is(err, errEarlyClose):
		return Lost, "brokers often close without a word when they refuse a client certificate or name: see the broker's log"
	}
	return "", ""
}

func explainBrokerCertificate(err error) (Reason, string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return UnknownAuthority, "the broker's certificate was not issued by the configured CA: use the CA file that signed it"
	case errors.As(err, &name):
		return BrokerName, "connect by a name in the broker's certificate, or set the server name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return BrokerExpired, "the broker's certificate is expired or not yet valid: renew it, or set this machine's clock"
	case errors.As(err, &verify):
		return BrokerCertificate, "the broker's certificate does not serve for TLS server authentication: issue a new one"
	}
	return "", ""
}

// explainAlert reads the alert that the other side sent. crypto/tls exports no
// type for a received alert, only the operation and RFC 8446's words.
func explainAlert(err error) (Reason, string) {
	var op *net.OpError
	text := ""
	if errors.As(err, &op) && op.Op == "remote error" {
		text = op.Err.Error()
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case strings.Contains(err.Error(), "server selected unsupported protocol version"), has("protocol version not supported"):
		return TLSTooOld, "the broker must offer TLS 1.3 (mosquitto: tls_version tlsv1.3)"
	case has("certificate required"):
		return CertificateRequired, "set a client certificate and its key"
	case has("expired certificate"):
		return CertificateExpired, "the client certificate is expired: renew it"
	case has("certificate authority"):
		return CertificateRefused, "the broker's CA did not issue the client certificate: issue one from the CA in the broker's cafile"
	case has("certificate"), has("access denied"):
		return CertificateRefused, "the broker refuses the client certificate: see its log"
	case text != "":
		return Lost, "see the broker's log"
	}
	return "", ""
}

func explainNetwork(err error) (Reason, string) {
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &record):
		return NotTLS, "that port does not speak TLS: plaintext MQTT is usually 1883, TLS 8883"
	case errors.As(err, &dns):
		return Unreachable, "check the host name and the DNS servers"
	case errors.Is(err, syscall.ECONNREFUSED):
		return Unreachable, "nothing listens there: is the broker running, is the port right?"
	case errors.As(err, &op) && op.Op == "dial":
		return Unreachable, "check the network and the firewall"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Lost, "the broker does not answer: check the network and the broker's load"
	case errors.Is(err, io.EOF):
		return Lost, "closed by the broker: see its log; another client with the same client id also looks like this"
	}
	return "", ""
}
