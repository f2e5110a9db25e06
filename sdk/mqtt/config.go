package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config says which broker to talk to and as whom. Broker, ClientID and
// Credentials are required; every other zero field means its default.
type Config struct {
	// Broker is "mqtts://host:port"; tls:// and ssl:// mean the same. The port
	// defaults to 8883.
	Broker string

	// ClientID names the session at the broker, 1 to 256 printable characters;
	// nats-server refuses those with a space, '.', '*' or '>'.
	// A second connection with the same ClientID ends the first, so a gateway's
	// publisher and subscriber need one each.
	ClientID string

	// Credentials gives the client certificate and the roots that the broker's
	// certificate must chain to. It is called anew for each connection, so a
	// renewed certificate is used without a restart. See Files.
	Credentials func() (tls.Certificate, *x509.CertPool, error)

	// ServerName is the name that the broker's certificate must carry. Default:
	// the host of Broker.
	ServerName string

	// Window is the number of unacknowledged messages, 1 to 1024. Default 64;
	// 32 to 128 is sensible. For a Subscriber, keep it no smaller than the
	// broker's own limit (mosquitto: max_inflight_messages), see Subscriber.
	Window int

	// MaxInbound is the largest packet accepted from the broker, in bytes after
	// the fixed header. Default 64 KiB.
	MaxInbound int

	// KeepAlive is the longest silence before a PINGREQ, in whole seconds, 1 s
	// to 18 h. Default 20 s.
	KeepAlive time.Duration

	// Timeout bounds each of: dialling with the TLS handshake, CONNECT to
	// CONNACK, one write, PINGREQ to PINGRESP. Default 10 s.
	Timeout time.Duration

	// AckTimeout is how long a publish may wait for its PUBACK before the
	// connection is given up. Default 30 s.
	AckTimeout time.Duration

	// MinBackoff and MaxBackoff bound the wait before a reconnect: a random
	// time between 0 and MinBackoff at first, the bound doubling with each
	// failure up to MaxBackoff. A connection that held for MaxBackoff resets
	// it. Defaults 5 s and 60 s: of a thousand gateways whose broker restarts no
	// more than 300 come back in one second.
	MinBackoff, MaxBackoff time.Duration

	// MaxAway takes the place of MaxBackoff after an attempt that did not reach
	// the broker, because of the network, the name server, or our own files: it
	// has cost the broker nothing. So however long a broker was out of reach, it
	// is tried within MaxAway of being back, and within Timeout more where the
	// network swallows packets. Default 15 s.
	MaxAway time.Duration

	// Will is what the broker publishes when the connection is lost without a
	// goodbye; a Publisher also publishes it before it says goodbye. Optional.
	Will *Message

	// Online is what a Publisher publishes first on each connection. Optional.
	Online *Message

	// OnState is told about each change of the connection, from the goroutine
	// of Run; it must return quickly. Optional.
	OnState func(State)
}

// Message is one message to publish, with QoS 1.
type Message struct {
	Topic   string // 1 to 65,535 bytes of UTF-8, no wildcards
	Payload []byte // must not be modified once handed over
	Retain  bool
}

// State is one change of the connection. It carries no topic and no payload.
type State struct {
	Connected bool
	Resumed   bool          // connected, and the broker kept the session
	Err       error         // why not connected, usually an *Error; nil after a clean stop
	Retry     time.Duration // wait before the next attempt; 0 after a clean stop
}

const (
	defaultPort       = "8883"
	defaultWindow     = 64
	maxWindow         = 1024
	defaultMaxInbound = 64 << 10
	minMaxInbound     = 1 << 10
	maxMaxInbound     = 1<<28 - 1 // MQTT 3.1.1, 2.2.3
	maxClientID       = 256
	maxKeepAlive      = 18 * time.Hour // MQTT 3.1.1, 3.1.2.10: 65,535 seconds
)

// settings is a Config that was checked, with its defaults filled in.
type settings struct {
	Config
	addr   string // host:port to dial
	random func(n int64) int64
}

func (c Config) settings() (settings, error) {
	s := settings{Config: c}
	host, port, err := brokerAddress(c.Broker)
	if err != nil {
		return settings{}, err
	}
	s.addr = net.JoinHostPort(host, port)
	if s.ServerName == "" {
		s.ServerName = host
	}
	if c.Credentials == nil {
		return settings{}, errors.New("mqtt: no credentials: a client certificate is required")
	}
	if err := checkClientID(c.ClientID); err != nil {
		return settings{}, err
	}
	s.fill()
	return s, s.check()
}

func (s *settings) fill() {
	s.Window = orDefault(s.Window, defaultWindow)
	s.MaxInbound = orDefault(s.MaxInbound, defaultMaxInbound)
	s.KeepAlive = orDefault(s.KeepAlive, 20*time.Second)
	s.Timeout = orDefault(s.Timeout, 10*time.Second)
	s.AckTimeout = orDefault(s.AckTimeout, 30*time.Second)
	s.MinBackoff = orDefault(s.MinBackoff, min(5*time.Second, orDefault(s.MaxBackoff, time.Minute)))
	s.MaxBackoff = orDefault(s.MaxBackoff, max(time.Minute, s.MinBackoff))
	s.MaxAway = orDefault(s.MaxAway, 15*time.Second)
	s.random = rand.Int64N
	if s.OnState == nil {
		s.OnState = func(State) {}
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (s *settings) check() error {
	switch {
	case s.Window < 1 || s.Window > maxWindow:
		return fmt.Errorf("mqtt: window %d is not between 1 and %d", s.Window, maxWindow)
	case s.MaxInbound < minMaxInbound || s.MaxInbound > maxMaxInbound:
		return fmt.Errorf("mqtt: largest inbound packet %d is not between %d and %d bytes", s.MaxInbound, minMaxInbound, maxMaxInbound)
	case s.KeepAlive < time.Second || s.KeepAlive > maxKeepAlive || s.KeepAlive%time.Second != 0:
		return fmt.Errorf("mqtt: keep-alive %v is not in whole seconds between 1s and %v", s.KeepAlive, maxKeepAlive)
	case s.Timeout < 0 || s.AckTimeout < 0:
		return fmt.Errorf("mqtt: negative timeout %v", min(s.Timeout, s.AckTimeout))
	case s.MaxAway < 0:
		return fmt.Errorf("mqtt: negative wait %v for a broker that is away", s.MaxAway)
	case s.MinBackoff < 0 || s.MaxBackoff < s.MinBackoff || s.MaxBackoff > 24*time.Hour:
		return fmt.Errorf("mqtt: backoff from %v to %v is not a range up to 24h", s.MinBackoff, s.MaxBackoff)
	}
	for _, m := range []*Message{s.Will, s.Online} {
		if m == nil {
			continue
		}
		if err := m.check(); err != nil {
			return err
		}
	}
	if s.Will != nil && len(s.Will.Payload) > 0xffff {
		return fmt.Errorf("mqtt: will of %d bytes is larger than 65535", len(s.Will.Payload))
	}
	return nil
}

// brokerAddress refuses everything that would not be TLS, and user names,
// which would end up in logs: the certificate is the identity.
func brokerAddress(broker string) (host, port string, err error) {
	scheme, rest, found := strings.Cut(broker, "://")
	if !found {
		return "", "", &Error{Reason: BadConfig, Broker: broker, Hint: "write mqtts://host:8883", err: errors.New("no scheme")}
	}
	switch strings.ToLower(scheme) {
	case "mqtts", "tls", "ssl":
	case "mqtt", "tcp", "ws", "http":
		return "", "", &Error{Reason: BadConfig, Broker: scheme + "://", Hint: "only TLS is spoken: write mqtts://host:8883",
			err: fmt.Errorf("scheme %q is plaintext", scheme)}
	default:
		return "", "", &Error{Reason: BadConfig, Broker: scheme + "://", Hint: "write mqtts://host:8883",
			err: fmt.Errorf("scheme %q is not known", scheme)}
	}
	u, err := url.Parse("mqtts://" + rest)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		// The address is not quoted: it may hold a password.
		return "", "", &Error{Reason: BadConfig, Broker: scheme + "://", Hint: "write mqtts://host:8883, without a user name or path",
			err: errors.New("address is not host:port")}
	}
	return u.Hostname(), orDefault(u.Port(), defaultPort), nil
}

func checkClientID(id string) error {
	if id == "" || len(id) > maxClientID || !utf8.ValidString(id) || strings.ContainsFunc(id, notPrint) {
		return fmt.Errorf("mqtt: client id %q is not 1 to %d printable characters", id, maxClientID)
	}
	return nil
}

func notPrint(r rune) bool { return !unicode.IsPrint(r) }

// check refuses what MQTT 3.1.1, 3.3.2.1, forbids; paho would truncate a long
// topic and send a wildcard.
func (m *Message) check() error {
	if m.Topic == "" || len(m.Topic) > 0xffff || !utf8.ValidString(m.Topic) || strings.ContainsAny(m.Topic, "+#\x00") {
		return fmt.Errorf("mqtt: topic %.80q cannot be published to", m.Topic)
	}
	if len(m.Payload)+len(m.Topic)+4 > maxMaxInbound {
		return fmt.Errorf("mqtt: payload of %d bytes does not fit one packet", len(m.Payload))
	}
	return nil
}
