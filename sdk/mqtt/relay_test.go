package mqtt_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// relays is where cut finds the connections of a cuttable address.
var relays sync.Map // url to *relay

// relay passes bytes to a broker until its connections are cut.
type relay struct {
	mu   sync.Mutex
	open []net.Conn
}

// cuttable gives an address that leads to url and that cut works on.
func cuttable(t testing.TB, url string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	address := "mqtts://localhost:" + port
	relays.Store(address, r)
	t.Cleanup(func() {
		l.Close()
		cut(address)
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(url, "mqtts://"))
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, near, far)
			r.mu.Unlock()
			go pass(near, far)
			go pass(far, near)
		}
	}()
	return address
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // ends with either side
	to.Close()
	from.Close()
}

// cut ends the connections that are open through address.
func cut(address string) {
	v, _ := relays.Load(address)
	r := v.(*relay)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Close()
	}
	r.open = nil
}
