package mqtttest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// StartFront runs a broker that has a real one do its work and does with the
// acknowledgements of publishes as it likes: acks is called for each PUBACK of the
// real one, in their order on each connection, and sends it when, if and as often
// as it wants. Connections count from 0, and so do a connection's PUBACKs.
func StartFront(t testing.TB, server *tls.Config, url string, client *tls.Config, acks func(conn, n int, send func())) (front string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	closed := false
	keep := func(c net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			c.Close()
		}
		open = append(open, c)
		return c
	}
	running.Go(func() {
		for n := 0; ; n++ {
			near, err := l.Accept()
			if err != nil {
				return
			}
			keep(near)
			running.Go(func() {
				defer near.Close()
				far, err := tls.Dial("tcp", strings.TrimPrefix(url, "mqtts://"), client)
				if err != nil {
					t.Errorf("the real broker: %v", err)
					return
				}
				keep(far)
				running.Go(func() {
					_, _ = io.Copy(far, near) // ends with either side
					far.Close()
				})
				passAcks(near, bufio.NewReader(far), func(k int, send func()) { acks(n, k, send) })
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		closed = true
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "mqtts://localhost:" + port
}

// passAcks passes packets of MQTT 3.1.1 until either side ends.
func passAcks(to io.Writer, from *bufio.Reader, acks func(n int, send func())) {
	const puback = 0x40 // MQTT 3.1.1, 3.4.1
	for n := 0; ; {
		head, err := from.ReadByte()
		if err != nil {
			return
		}
		packet := []byte{head}
		size := 0
		for shift := 0; ; shift += 7 {
			b, err := from.ReadByte()
			if err != nil {
				return
			}
			packet = append(packet, b)
			size |= int(b&0x7f) << shift
			if b&0x80 == 0 {
				break
			}
		}
		at := len(packet)
		packet = append(packet, make([]byte, size)...)
		if _, err := io.ReadFull(from, packet[at:]); err != nil {
			return
		}
		send := func() { _, _ = to.Write(packet) } // an error ends the connection, which is noticed
		if head != puback {
			send()
			continue
		}
		acks(n, send)
		n++
	}
}
