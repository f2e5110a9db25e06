package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

func (r *rig) brokerConfig() *tls.Config {
	r.t.Helper()
	pair, err := tls.LoadX509KeyPair(r.path("broker/cert.pem"), r.path("broker/key.pem"))
	r.must(err)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: r.roots(), ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13,
	}
}

func (r *rig) roots() *x509.CertPool {
	r.t.Helper()
	text, err := os.ReadFile(r.path("broker/ca.pem"))
	r.must(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		r.t.Fatal("no certificate in ca.pem")
	}
	return pool
}

func clientConfig(t *testing.T, name string, credentials func() (tls.Certificate, *x509.CertPool, error)) *tls.Config {
	t.Helper()
	pair, roots, err := credentials()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS13}
}

// handshake returns whom the server saw, and the errors of both sides.
func handshake(server, client *tls.Config) (peer string, serverErr, clientErr error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, c := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		err := s.HandshakeContext(ctx)
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		a.Close()
		done <- err
	}()
	clientErr = c.HandshakeContext(ctx)
	if clientErr == nil {
		// In TLS 1.3 the client learns only now that its certificate is refused.
		_, clientErr = c.Read(make([]byte, 1))
	}
	b.Close()
	serverErr = <-done
	if serverErr == nil {
		peer = s.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	return peer, serverErr, clientErr
}

func TestHandshakes(t *testing.T) {
	r, other := newRig(t), newRig(t)
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	stranger, err := identity.LoadGateway(other.path("gateways/gw-1"))
	r.must(err)
	station := r.receiver("station")
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "broker.example", "192.0.2.7"} {
		peer, s, c := handshake(r.brokerConfig(), clientConfig(t, host, gateway.Credentials))
		if s != nil || c != nil || peer != "gw-1" {
			t.Errorf("gateway to %s: server %v, client %v, seen as %q", host, s, c, peer)
		}
	}
	if peer, s, c := handshake(r.brokerConfig(), clientConfig(t, "localhost", station.Credentials)); s != nil || c != nil || peer != "receiver" {
		t.Errorf("receiver: server %v, client %v, seen as %q", s, c, peer)
	}

	if _, _, c := handshake(r.brokerConfig(), clientConfig(t, "elsewhere.example", gateway.Credentials)); c == nil {
		t.Error("a broker of another name is accepted")
	}
	if _, _, c := handshake(r.brokerConfig(), clientConfig(t, "localhost", stranger.Credentials)); c == nil {
		t.Error("the broker of another site is accepted")
	}
	foreign := clientConfig(t, "localhost", stranger.Credentials)
	foreign.RootCAs = r.roots()
	if _, s, c := handshake(r.brokerConfig(), foreign); s == nil || c == nil {
		t.Error("a gateway of another site is accepted")
	}
	if _, s, _ := handshake(r.brokerConfig(), &tls.Config{RootCAs: r.roots(), ServerName: "localhost"}); s == nil {
		t.Error("a client without a certificate is accepted")
	}
	// A gateway cannot pose as the broker: its certificate is for clients.
	posing := r.brokerConfig()
	pair, _, err := gateway.Credentials()
	r.must(err)
	posing.Certificates = []tls.Certificate{pair}
	if _, _, c := handshake(posing, clientConfig(t, "gw-1", station.Credentials)); c == nil {
		t.Error("a gateway poses as the broker")
	}
	// Nor can the broker pose as a gateway.
	reverse := &tls.Config{Certificates: r.brokerConfig().Certificates, RootCAs: r.roots(), ServerName: "localhost"}
	if _, s, _ := handshake(r.brokerConfig(), reverse); s == nil {
		t.Error("the broker's certificate is good for a client")
	}
}

// A real mosquitto takes the broker's files and the gateway's certificate.
func TestMosquitto(t *testing.T) {
	r := newRig(t)
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	addr := startMosquitto(t, r)
	config := clientConfig(t, "127.0.0.1", gateway.Credentials)
	deadline := time.Now().Add(2 * time.Minute)
	conn, err := tls.Dial("tcp", addr, config)
	for err != nil && time.Now().Before(deadline) {
		conn, err = tls.Dial("tcp", addr, config)
	}
	r.must(err)
	defer conn.Close()
	r.must(conn.SetDeadline(deadline))
	// CONNECT of MQTT 3.1.1, client id "t"; CONNACK 0: accepted.
	_, err = conn.Write([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 20, 0, 1, 't'})
	r.must(err)
	var ack [4]byte
	if _, err := io.ReadFull(conn, ack[:]); err != nil || ack != [4]byte{0x20, 2, 0, 0} {
		t.Errorf("CONNACK %x, %v", ack, err)
	}
	if v := conn.ConnectionState().Version; v != tls.VersionTLS13 {
		t.Errorf("TLS version %x", v)
	}
}

func startMosquitto(t *testing.T, r *rig) string {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	port := mqtttest.FreePort(t)
	config := fmt.Sprintf("listener %s 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\ntls_version tlsv1.3\n"+
		"require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n",
		port, r.path("broker/ca.pem"), r.path("broker/cert.pem"), r.path("broker/key.pem"))
	if os.Geteuid() == 0 {
		config += "user root\n" // the key is closed to everybody else
	}
	path := filepath.Join(t.TempDir(), "mosquitto.conf")
	r.must(os.WriteFile(path, []byte(config), 0o600))
	cmd := exec.Command(program, "-c", path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("mosquitto is needed (scripts/test installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return "127.0.0.1:" + port
}
