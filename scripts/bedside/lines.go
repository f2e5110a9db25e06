package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// linesPeriod is the time between two lines.
const linesPeriod = 200 * time.Millisecond

// linesKind is a sensor that prints text and knows nothing of keys, such as there
// are many: what happens on the cable nobody makes up for.
func linesKind() kind {
	return kind{
		name: "lines", title: "a board that prints lines, on this machine", unit: "readings", some: 10,
		enrol: func(_ *rig, site *identity.Site) error {
			_, err := site.AddDevice(gatewayName, deviceName, identity.DeviceOptions{})
			return err
		},
		config: fmt.Sprintf("driver = \"lines\"\nsilence = \"3s\"\n[sensor.lines]\nskip_first = true\n[sensor.lines.fields]\n"+
			"hr = { code = \"MDC_ECG_HEART_RATE\", unit = \"/min\" }\nn = { code = \"%d\" }\n", numberCode),
		make: func(r *rig, which int, socket string) (sensor, error) {
			return &printer{ledger: r.ledger, socket: socket, first: which * linesApart}, nil
		},
		identify: func(r *receive.Record) []id {
			var ids []id
			for _, n := range r.Batch.Numerics {
				if n.Code == numberCode {
					ids = append(ids, lineID(int(n.Value.Mantissa)))
				}
			}
			return ids
		},
		attacks: func(*rig) []attack { return []attack{noise(vital.EventBadFrames)} },
	}
}

// shortestLine is the length of "hr=60 n=0\r\n".
const shortestLine = 11

// linesApart is how far the numbers of two boards are apart.
const linesApart = 1_000_000

func lineID(n int) id { return id{n / linesApart, strconv.Itoa(n % linesApart)} }

// numberCode is the number of a reading among those of its sensor: a private code
// (F000 and up) of IEEE 11073-10101's partition of metrics.
const numberCode vital.Code = 2<<16 | 0xF000

// printer is a board that prints lines that are numbered.
type printer struct {
	ledger *ledger
	socket string
	first  int // number of the first line

	conn net.Conn
	stop chan struct{}
	done sync.WaitGroup
	next int
}

func (b *printer) on() error {
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		return err
	}
	b.conn, b.stop = conn, make(chan struct{})
	b.done.Go(b.run)
	return nil
}

func (b *printer) run() {
	tick := time.NewTicker(linesPeriod)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
		}
		n := b.first + b.next
		b.next++
		b.ledger.make(lineID(n))
		if _, err := fmt.Fprintf(b.conn, "hr=%d n=%d\r\n", 60+n%40, n); err != nil {
			return // switched off
		}
	}
}

func (b *printer) off() error {
	if b.conn == nil {
		return errors.New("the board is not on")
	}
	close(b.stop)
	b.conn.Close()
	b.done.Wait()
	b.conn = nil
	return nil
}

// noise is what a bad contact or a device with another rate puts on a line.
func noise(counted vital.EventKind) attack {
	return attack{name: "noise", counted: counted, writes: []func() []byte{func() []byte {
		p := make([]byte, 700)
		rand.Read(p)
		return p
	}}}
}
