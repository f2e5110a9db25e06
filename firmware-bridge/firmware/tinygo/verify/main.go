// Command verify is the other end of the simulated sensor's line: a gateway that
// holds the device's keys. It provisions a new device into a flash file, connects
// to the line, and verifies and opens everything that comes: every signature,
// every number of every chain, every value of the counter. It ends with counts,
// and with exit status 1 if anything is missing, doubled or wrong.
//
//	verify -flash sensor.flash -provision
//	verify -flash sensor.flash -line unix:sensor.sock -messages 5000
package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

func main() {
	flash := flag.String("flash", "sensor.flash", "the sensor's flash file; its keys are kept beside it in FILE.keys")
	provision := flag.Bool("provision", false, "make a new device, and end")
	line := flag.String("line", "unix:sensor.sock", "the sensor's line: unix:PATH or tcp:HOST:PORT")
	messages := flag.Int("messages", 0, "end after so many messages")
	patience := flag.Duration("patience", 2*time.Minute, "how long nothing may come")
	farewell := flag.Duration("farewell", 1500*time.Millisecond, "how long the line stays open after the last message, unless the sensor ends before")
	flag.Parse()
	if err := run(*flash, *provision, *line, *messages, *patience, *farewell); err != nil {
		fmt.Fprintln(os.Stderr, "verify: error:", err)
		os.Exit(1)
	}
}

func run(flash string, provision bool, line string, messages int, patience, farewell time.Duration) error {
	if provision {
		return makeDevice(flash)
	}
	seed, psk, err := readKeys(flash + ".keys")
	if err != nil {
		return err
	}
	c, err := newChecker(seed, psk)
	if err != nil {
		return err
	}
	network, address, _ := strings.Cut(line, ":")
	conn, err := dial(network, address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	began := time.Now()
	if err := serve(conn, c, messages, patience, farewell); err != nil {
		return err
	}
	return c.report(time.Since(began))
}

// makeDevice writes a provisioning image and, beside it, the keys it was made of.
func makeDevice(flash string) error {
	var seed, psk [32]byte
	rand.Read(seed[:])
	rand.Read(psk[:])
	image, err := firmware.AppendProvision(nil, "ward-3", &seed, &psk)
	if err == nil {
		err = os.WriteFile(flash, image, 0o600)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(flash+".keys", append(seed[:], psk[:]...), 0o600)
}

func readKeys(path string) (seed, psk [32]byte, err error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) != 64 {
		err = fmt.Errorf("%q does not hold two keys", path)
	}
	if err == nil {
		copy(seed[:], b)
		copy(psk[:], b[32:])
	}
	return seed, psk, err
}

func dial(network, address string, patience time.Duration) (net.Conn, error) {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial(network, address)
		if err == nil || time.Now().After(end) {
			return conn, err
		}
	}
}

// serve is the gateway's end of the link until so many messages have come, and for a
// farewell: a sensor that is to end waits for its last acknowledgement, which is lost
// when the line goes before it is read.
func serve(conn net.Conn, c *checker, messages int, patience, farewell time.Duration) error {
	var gateway link.Gateway
	err := gateway.Init(link.GatewayConfig{
		Receive: make([]byte, link.MaxFrame),
		Random:  func(p *[32]byte) error { _, err := rand.Read(p[:]); return err },
	})
	if err != nil {
		return err
	}
	began := time.Now()
	now := func() uint64 { return uint64(time.Since(began).Milliseconds()) }
	gateway.SetTime(link.Time{UnixMilli: uint64(time.Now().UnixMilli()), Error: 100}, 0)
	buf := make([]byte, 4096)
	heard := time.Now()
	done := func() bool { return messages > 0 && c.messages >= messages }
	var reached time.Time
	for !done() || time.Since(reached) < farewell {
		for out := gateway.Send(nil, now()); len(out) > 0; out = gateway.Send(nil, now()) {
			if _, err := conn.Write(out); err != nil && !done() {
				return err
			}
		}
		conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if done() {
				return nil
			}
			return fmt.Errorf("after %d messages: %w", c.messages, err)
		}
		before := c.messages
		gateway.Receive(buf[:n], now(), c)
		if c.err != nil {
			return c.err
		}
		if c.messages > before {
			heard = time.Now()
			if !done() || reached.IsZero() {
				reached = heard
			}
			gateway.Durable(c.session, c.next)
		}
		if !done() && time.Since(heard) > patience {
			return fmt.Errorf("nothing came for %v, after %d messages", patience, c.messages)
		}
	}
	return nil
}
