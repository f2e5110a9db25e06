package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// broker is an MQTT broker in this process, on a random port of the loopback
// interface. It demands TLS 1.3 and a certificate of the site, so nobody from
// outside gets in: the attacker is the broker itself.
type broker struct {
	server *mochi.Server
	url    string
}

// startBroker runs a broker until close. Every message passes through tap.
func startBroker(s *site, tap *tap) (*broker, error) {
	conf, err := brokerTLS(s.broker())
	if err != nil {
		return nil, err
	}
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), InlineClient: true})
	for _, hook := range []mochi.Hook{new(admit), tap} {
		if err := server.AddHook(hook, nil); err != nil {
			return nil, err
		}
	}
	tcp := listeners.NewTCP(listeners.Config{ID: "ward", Address: "127.0.0.1:0", TLSConfig: conf})
	if err := server.AddListener(tcp); err != nil {
		return nil, err
	}
	if err := server.Serve(); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &broker{server: server, url: "mqtts://" + tcp.Address()}, nil
}

func brokerTLS(dir string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		return nil, errors.New("the broker's ca.pem holds no certificate")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}, nil
}

// publish sends a message in nobody's name: whose it is, a broker can claim.
func (b *broker) publish(topic string, payload []byte) error {
	const qos = 1
	return b.server.Publish(topic, payload, false, qos)
}

func (b *broker) close() error { return b.server.Close() }

// admit lets everybody with a certificate of the site do everything: what an
// attacker's broker refuses would be worth nothing. The access list for honest
// brokers is in scripts/mosquitto.
type admit struct{ mochi.HookBase }

func (*admit) ID() string { return "admit" }
func (*admit) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*admit) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*admit) OnACLCheck(*mochi.Client, string, bool) bool              { return true }
