package mqtttest

import (
	"crypto/tls"
	"io"
	"log/slog"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Mochi is an MQTT broker inside the test. It demands client certificates and
// TLS 1.3 and then allows everything.
type Mochi struct {
	URL    string // mqtts://localhost:port
	CA     *CA
	Server *mochi.Server
}

// StartMochi runs a broker until the test ends. With hooks, these decide who
// may connect and do what; without, everybody may.
func StartMochi(t testing.TB, ca *CA, hooks ...mochi.Hook) *Mochi {
	t.Helper()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), InlineClient: true})
	if len(hooks) == 0 {
		hooks = []mochi.Hook{new(allow)}
	}
	for _, h := range hooks {
		if err := server.AddHook(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	port := FreePort(t)
	tcp := listeners.NewTCP(listeners.Config{ID: "test", Address: "127.0.0.1:" + port, TLSConfig: ServerTLS(ca)})
	if err := server.AddListener(tcp); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &Mochi{URL: "mqtts://localhost:" + port, CA: ca, Server: server}
}

// allow admits everybody. It is written out because mochi's own brings a YAML
// parser along.
type allow struct{ mochi.HookBase }

func (*allow) ID() string { return "allow" }
func (*allow) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*allow) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*allow) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// ServerTLS is the configuration of a broker that does everything right.
func ServerTLS(ca *CA) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{ca.Server().Certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    ca.Pool(),
	}
}
