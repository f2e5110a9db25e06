package link_test

import (
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// quiet is a handler that keeps nothing and accepts all.
type quiet struct{ data int }

func (*quiet) Hello(*link.Hello) link.Reason                 { return 0 }
func (*quiet) Proof(*link.Hello, []byte, []byte) link.Reason { return 0 }
func (*quiet) Begin(*link.Hello) (uint32, bool)              { return 0, false }
func (q *quiet) Data(*link.Data) bool                        { q.data++; return true }
func (*quiet) Heartbeat(*link.Heartbeat)                     {}
func (*quiet) Log(*link.Log)                                 {}

// blank signs with zeros: what a Signer allocates is not the link's.
type blank struct{}

func (blank) Sign(dst, _ []byte) ([]byte, error) { return append(dst, make([]byte, 64)...), nil }

// line is a pair of ends with memory of their own.
type line struct {
	sensor  link.Sensor
	gateway link.Gateway
	handler quiet
	up      []byte
	down    []byte
	body    []byte
	now     uint64
	drawn   byte
}

func newLine(t testing.TB) *line {
	t.Helper()
	l := &line{up: make([]byte, 0, link.MaxWire), down: make([]byte, 0, link.MaxAnswer), body: make([]byte, 300)}
	for i := range l.body {
		l.body[i] = byte(i * 7)
	}
	_, kid := device()
	err := l.sensor.Init(link.SensorConfig{Session: 7, KeyID: kid, Signer: blank{}, Firmware: "test 1.0",
		Keep: make([]byte, 4096), Receive: make([]byte, 128)})
	if err != nil {
		t.Fatal(err)
	}
	err = l.gateway.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Random: func(c *[32]byte) error {
		l.drawn++
		c[0] = l.drawn | 1
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run hands over all that is due.
func (l *line) run() {
	for range 3 {
		for out := l.gateway.Send(l.down, l.now); len(out) > 0; out = l.gateway.Send(l.down, l.now) {
			l.sensor.Receive(out, l.now)
		}
		for out := l.sensor.Send(l.up, l.now); len(out) > 0; out = l.sensor.Send(l.up, l.now) {
			l.gateway.Receive(out, l.now, &l.handler)
		}
	}
}

// deliver queues a body and takes it to the gateway's disk and back.
func (l *line) deliver(t testing.TB) {
	if err := l.sensor.Queue(link.TypeSealed, l.body); err != nil {
		t.Fatal(err)
	}
	l.now += 20
	l.run()
	l.gateway.Durable(7, l.gateway.State().Taken)
	l.run()
}

// TestNoHeap runs whole sessions, handshake included, on the memory of Init.
func TestNoHeap(t *testing.T) {
	l := newLine(t)
	l.run()
	allocs := testing.AllocsPerRun(200, func() {
		l.gateway.Hangup() // poll, hello, welcome, proof, ack
		l.now += 300
		l.gateway.SetTime(link.Time{UnixMilli: 1 << 40, Beacon: [16]byte{byte(l.now)}}, l.now)
		l.sensor.Log(link.LevelWarn, "probe off")
		l.run()
		for range 5 {
			l.deliver(t)
		}
		l.now += 2000
		l.run() // heartbeat
	})
	if allocs != 0 {
		t.Errorf("%v allocations a session", allocs)
	}
	if st := l.sensor.State(); st.Phase != link.SensorAccepted || st.Unacked != 0 || l.handler.data < 1000 {
		t.Errorf("the sensor is %+v, and %d frames came", st, l.handler.data)
	}
}

func BenchmarkDeliver(b *testing.B) {
	l := newLine(b)
	l.run()
	b.SetBytes(int64(len(l.body)))
	b.ReportAllocs()
	for b.Loop() {
		l.deliver(b)
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	frame, dst := make([]byte, 1024), make([]byte, 0, link.MaxWire)
	for i := range frame {
		frame[i] = byte(i)
	}
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		link.AppendFrame(dst, frame)
	}
}

func BenchmarkDecoder(b *testing.B) {
	frame := make([]byte, 1024)
	for i := range frame {
		frame[i] = byte(i)
	}
	stream := link.AppendFrame(nil, frame)
	var d link.Decoder
	d.Reset(make([]byte, link.MaxFrame))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := d.Next(stream); len(got) != len(frame) {
			b.Fatal("no frame")
		}
	}
}
