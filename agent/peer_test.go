package agent_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// peer is a sensor's end of a link, run on the lines that it is given one after
// the other.
type peer struct {
	t     *testing.T
	begun time.Time

	mu     sync.Mutex
	sensor link.Sensor
	line   io.Writer // nil: unplugged
	said   []byte    // all that went out
	number uint32    // of the session
}

// newPeer makes a sensor; a zero Signer makes one without key.
func newPeer(t *testing.T, conf link.SensorConfig) *peer {
	p := &peer{t: t, begun: time.Now()}
	p.restart(conf)
	return p
}

// restart begins a new session, with nothing kept.
func (p *peer) restart(conf link.SensorConfig) {
	p.t.Helper()
	conf.Session, conf.Keep, conf.Receive = rand.Uint32()|1, make([]byte, 16<<10), make([]byte, 256)
	conf.Firmware = "test 1.0"
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number = conf.Session
	if err := p.sensor.Init(conf); err != nil {
		p.t.Fatal(err)
	}
}

// sealingPeer is a peer that proves that it is s.
func sealingPeer(t *testing.T, s *sdktest.Sealing) *peer {
	return newPeer(t, link.SensorConfig{KeyID: link.KeyID(s.KeyID()), Signer: s.Key})
}

// uptime is the sensor's.
func (p *peer) uptime() uint64 { return uint64(time.Since(p.begun).Milliseconds()) }

// plug serves a line until it ends.
func (p *peer) plug(line io.ReadWriter) {
	p.mu.Lock()
	p.line = line
	p.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		buf := make([]byte, 256)
		for {
			n, err := line.Read(buf)
			if n > 0 {
				p.mu.Lock()
				p.sensor.Receive(buf[:n], p.uptime())
				p.mu.Unlock()
				p.send()
			}
			if err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		p.send()
		select {
		case <-tick.C:
		case <-gone:
			p.mu.Lock()
			p.line = nil
			p.mu.Unlock()
			return
		}
	}
}

// send writes all that is due.
func (p *peer) send() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.line != nil {
		out := p.sensor.Send(nil, p.uptime())
		if len(out) == 0 {
			return
		}
		p.said = append(p.said, out...)
		_, _ = p.line.Write(out) // what is lost the link sends again
	}
}

// inject writes on the line what the sensor did not say.
func (p *peer) inject(frames ...[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range frames {
		if p.line != nil {
			_, _ = p.line.Write(f)
		}
	}
}

// session is the number of the session.
func (p *peer) session() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.number
}

func (p *peer) state() link.SensorState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sensor.State()
}

// until waits until a condition holds for the sensor.
func (p *peer) until(what string, holds func(link.SensorState) bool) {
	p.t.Helper()
	deadline := time.After(sdktest.Patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds(p.state()) {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("waited in vain until %s: %+v", what, p.state())
		}
	}
}

// queue queues a body, once there is room.
func (p *peer) queue(kind link.Type, body []byte) {
	p.t.Helper()
	var err error
	p.until("there is room", func(link.SensorState) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		err = p.sensor.Queue(kind, body)
		return !errors.Is(err, link.ErrFull)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// beacon waits for one of the gateway's time messages that has a beacon.
func (p *peer) beacon() (b seal.Beacon) {
	p.t.Helper()
	p.until("there is a beacon", func(link.SensorState) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		t, _, ok := p.sensor.Time()
		b = t.Beacon
		return ok && b != seal.Beacon{}
	})
	return b
}

// flushed waits until the gateway has acknowledged everything.
func (p *peer) flushed() {
	p.t.Helper()
	p.until("all is acknowledged", func(s link.SensorState) bool { return s.Unacked == 0 })
}

// readings is a payload of one reading, made now.
func (p *peer) readings(n int) []byte {
	p.t.Helper()
	b := vital.Batch{Numerics: []vital.Numeric{reading(n)}}
	b.Numerics[0].Time = p.uptime()
	payload, err := b.Append(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return payload
}

func reading(n int) vital.Numeric {
	return vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(n)}
}
