package mqtttest_test

import (
	"net"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

// TestPortIsHeld asks the kernel for ports while some are held: it
// gives none of those, and whoever asks for one may listen on it, again and again.
func TestPortIsHeld(t *testing.T) {
	held := map[string]bool{}
	for range 10 {
		held[mqtttest.FreePort(t)] = true
	}
	for range 10_000 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, port, _ := net.SplitHostPort(l.Addr().String()); held[port] {
			t.Fatalf("port %s is held and was given to another", port)
		}
	}
	for port := range held {
		if _, err := net.Dial("tcp", "localhost:"+port); err == nil {
			t.Errorf("somebody listens on %s", port)
		}
		for range 2 {
			for _, host := range []string{"127.0.0.1", "localhost"} {
				l, err := net.Listen("tcp", net.JoinHostPort(host, port))
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
			}
		}
	}
}
