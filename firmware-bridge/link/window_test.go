package link_test

import (
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// taker is a handler that takes whatever comes, and counts.
type taker struct{ taken int }

func (*taker) Hello(*link.Hello) link.Reason                 { return 0 }
func (*taker) Proof(*link.Hello, []byte, []byte) link.Reason { return 0 }
func (*taker) Begin(*link.Hello) (uint32, bool)              { return 0, false }
func (t *taker) Data(*link.Data) bool                        { t.taken++; return true }
func (*taker) Heartbeat(*link.Heartbeat)                     {}
func (*taker) Log(*link.Log)                                 {}

// TestFloodOfGoodFrames has a sensor that does not keep to its window send frame
// after frame, each under the next number, while nothing of it becomes durable: a
// window of them is taken, none is acknowledged, and no heap is used. What becomes
// durable then is acknowledged, and makes room for as many.
func TestFloodOfGoodFrames(t *testing.T) {
	var g link.Gateway
	h := new(taker)
	random := func(b *[32]byte) error { b[0] = 1; return nil }
	if err := g.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Random: random}); err != nil {
		t.Fatal(err)
	}
	now := uint64(1)
	g.Receive(hello(uint16(link.CapPlain), 128, 7, 1, link.KeyID{}, "test 1.0").wire(), now, h)
	var answer [link.MaxAnswer]byte
	acked := func() (next uint32) {
		var d link.Decoder
		d.Reset(make([]byte, link.MaxFrame))
		for range 8 { // whatever is due
			now += 1000
			rest := g.Send(answer[:0], now)
			for len(rest) > 0 {
				var frame []byte
				frame, rest = d.Next(rest)
				if a, err := link.ParseAck(frame); err == nil {
					next = a.Next
				}
			}
		}
		return next
	}
	const rounds = 50
	var heap float64
	durable := uint32(1)
	frame := make([]byte, 0, 200)
	wire := make([]byte, 0, 200)
	data := link.Data{Type: link.TypeReadings, Session: 7, Body: make([]byte, 100)}
	for round := range uint32(rounds) {
		heap += testing.AllocsPerRun(1, func() {
			for ahead := range uint32(1000) {
				data.Seq = durable + ahead
				wire = link.AppendFrame(wire[:0], data.Append(frame[:0]))
				g.Receive(wire, now, h)
			}
		})
		if want := int(round+1) * link.DefaultWindow; h.taken != want {
			t.Fatalf("round %d: %d frames taken, want %d", round, h.taken, want)
		}
		if next := acked(); next != durable {
			t.Fatalf("round %d: acknowledged below %d, durable is %d", round, next, durable)
		}
		durable += link.DefaultWindow
		g.Durable(7, durable)
	}
	// The runtime takes heap when it likes; what a flood takes, each of them does.
	if heap >= rounds {
		t.Errorf("%v allocations in %d floods", heap, rounds)
	}
}
