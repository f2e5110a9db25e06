package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// goodbye is how long an orderly end of a connection may take.
const goodbye = time.Second

// session is one connection and the paho client made for it.
type session struct {
	client paho.Client
	conn   *guard
	leaf   *x509.Certificate
	since  time.Time
	free   func() bool // lets go of the caller's context
}

// dial opens TLS 1.3 with fresh credentials. It dials itself, because paho
// would honour proxies from the environment.
func (s *settings) dial(ctx context.Context, filters int) (*guard, *x509.Certificate, error) {
	cert, roots, err := s.Credentials()
	if err != nil {
		return nil, nil, &Error{Broker: s.Broker, Reason: BadCredentials, Hint: "check the certificate, key and CA files", err: err}
	}
	if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
		return nil, nil, &Error{Broker: s.Broker, Reason: CertificateRequired, Hint: "set a client certificate and its key", err: errors.New("no client certificate")}
	}
	conf, leaf, err := tlsConfig(s.ServerName, cert, roots)
	if err != nil {
		return nil, nil, &Error{Broker: s.Broker, Reason: BadCredentials, Hint: "check the certificate and CA files", err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, leaf, err
	}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if errors.Is(err, io.EOF) || isReset(err) {
			return nil, leaf, fmt.Errorf("%w: %w", errNoHandshake, err)
		}
		return nil, leaf, fmt.Errorf("tls handshake: %w", err)
	}
	return newGuard(conn, raw, s, filters), leaf, nil
}

// tlsConfig has no ClientSessionCache on purpose: a resumed session would skip
// the certificates. Ours is always sent, also to a broker that does not name
// its issuer as acceptable: its refusal says more than our silence.
func tlsConfig(name string, cert tls.Certificate, roots *x509.CertPool) (*tls.Config, *x509.Certificate, error) {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, nil, fmt.Errorf("client certificate: %w", err)
	}
	if roots == nil || roots.Equal(x509.NewCertPool()) {
		return nil, leaf, errors.New("no roots for the broker's certificate")
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ServerName:             name,
		RootCAs:                roots,
		SessionTicketsDisabled: true,
		GetClientCertificate:   func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}, leaf, nil
}

// connect dials and exchanges CONNECT and CONNACK. The options come with what
// differs between roles; the rest is set here. When ctx ends, the session has
// the time of a goodbye left.
func (s *settings) connect(ctx context.Context, o *paho.ClientOptions, filters int) (*session, error) {
	conn, leaf, err := s.dial(ctx, filters)
	if err != nil {
		return nil, s.classify(err, leaf)
	}
	o.AddBroker("mqtts://" + s.addr)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return conn, nil })
	ss := &session{client: paho.NewClient(s.wire(o)), conn: conn, leaf: leaf}
	t := ss.client.Connect()
	select {
	case <-t.Done():
	case <-ctx.Done():
		conn.abort(ctx.Err())
		<-t.Done()
	}
	if err := t.Error(); err != nil {
		conn.abort(err)
		return nil, s.classify(conn.err(), leaf)
	}
	ss.since = time.Now()
	ss.free = context.AfterFunc(ctx, func() {
		time.AfterFunc(goodbye, func() { conn.abort(ctx.Err()) })
	})
	return ss, nil
}

// wire makes paho no more than a wire: see the package documentation.
func (s *settings) wire(o *paho.ClientOptions) *paho.ClientOptions {
	o.SetProtocolVersion(4)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetStore(paho.NewMemoryStore())
	o.SetKeepAlive(s.KeepAlive)
	o.SetPingTimeout(s.Timeout)
	o.SetConnectTimeout(s.Timeout)
	o.SetWriteTimeout(s.Timeout)
	o.SetConnectionLostHandler(func(paho.Client, error) {}) // the guard knows
	return o
}

// publish hands m to paho. paho may hold a publish for the whole write timeout
// when the connection drops under it; this returns at once, and the goroutine
// follows by itself within Timeout.
func (ss *session) publish(m Message) (paho.Token, error) {
	return ss.handOver(func() paho.Token { return ss.client.Publish(m.Topic, 1, m.Retain, m.Payload) })
}

func (ss *session) subscribe(filters map[string]byte) (paho.Token, error) {
	return ss.handOver(func() paho.Token { return ss.client.SubscribeMultiple(filters, nil) })
}

func (ss *session) handOver(f func() paho.Token) (paho.Token, error) {
	done := make(chan paho.Token, 1)
	go func() { done <- f() }()
	select {
	case t := <-done:
		return t, nil
	case <-ss.conn.dead:
		return nil, ss.conn.err()
	}
}

// await waits for the broker's answer. A token that completed without error saw
// the answer on this connection; one that completed with an error, did not
// complete in time or outlived the connection did not.
func (ss *session) await(t paho.Token, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-t.Done():
	case <-ss.conn.dead:
	case <-timer.C:
		ss.conn.abort(errNoAck)
	}
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			ss.conn.abort(err)
			return ss.conn.err()
		}
		return nil
	default:
		return ss.conn.err()
	}
}

// close says goodbye if the connection still stands, and returns when paho's
// goroutines are gone.
func (ss *session) close() {
	defer ss.free()
	stop := time.AfterFunc(goodbye, func() { ss.conn.abort(errNoAck) })
	defer stop.Stop()
	select {
	case <-ss.conn.dead:
		ss.conn.raw.Close()
	default:
	}
	ss.client.Disconnect(uint(2 * goodbye / time.Millisecond))
	ss.conn.abort(net.ErrClosed)
}

// outcome is how one connection, or the attempt at one, ended.
type outcome struct {
	finished bool          // no other connection is wanted
	up       time.Duration // how long the connection held; 0 if there was none
	err      error
}

// redial runs serve again and again until it is finished or ctx ends, with the
// jittered wait between two runs.
func (s *settings) redial(ctx context.Context, serve func() outcome) error {
	b := backoff{min: s.MinBackoff, max: s.MaxBackoff, away: s.MaxAway, random: s.random}
	for {
		end := serve()
		if end.finished || ctx.Err() != nil {
			s.OnState(State{})
			if end.finished {
				return end.err
			}
			return nil
		}
		b.lasted(end.up)
		wait := b.next(reached(end.err))
		s.OnState(State{Err: end.err, Retry: wait})
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			s.OnState(State{})
			return nil
		}
	}
}

// reached reports whether the broker had any work with the attempt.
func reached(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Reason != Unreachable && e.Reason != BadCredentials
}

// lost is the outcome of a session that broke with err.
func (s *settings) lost(ss *session, err error) outcome {
	return outcome{up: time.Since(ss.since), err: s.classify(err, ss.leaf)}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
