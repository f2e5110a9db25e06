package agent_test

import (
	"testing"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// attacker is on the wire of a sensor that seals for itself, and has heard all.
type attacker struct {
	*peer
	s       *sdktest.Sealing
	anchors [][]byte
	batches [][]byte
	n       int // readings said
}

func (a *attacker) begin() {
	m := a.s.Begin(a.beacon())
	a.queue(link.TypeAnchor, m)
	a.anchors = append(a.anchors, m)
}

func (a *attacker) seal() []byte {
	m := a.s.Seal(reading(a.n))
	a.n++
	a.batches = append(a.batches, m)
	return m
}

// play writes messages under the next numbers, ahead of the sensor. All before is
// acknowledged, so that these are the numbers that the gateway waits for.
func (a *attacker) play(kind link.Type, messages ...[]byte) {
	a.flushed()
	next := a.state().Next
	for i, m := range messages {
		d := link.Data{Type: kind, Session: a.session(), Seq: next + uint32(i), Body: m}
		a.inject(link.AppendFrame(nil, d.Append(nil)))
	}
}

// attack plays what the sensor itself has sealed, again or before its turn, while the
// sensor goes on.
func (a *attacker) attack() {
	last := len(a.batches) - 1
	for _, old := range []int{0, last / 2, last} {
		a.play(link.TypeSealed, a.batches[old])
		a.queue(link.TypeSealed, a.seal())
	}
	a.play(link.TypeSealed, a.batches[max(0, last-5):]...)
	for range 6 {
		a.queue(link.TypeSealed, a.seal())
	}
	for _, m := range a.anchors {
		a.play(link.TypeAnchor, m)
		a.queue(link.TypeSealed, a.seal())
	}
	a.flushed()
	first, second, third := a.seal(), a.seal(), a.seal()
	a.play(link.TypeSealed, second, third)
	a.play(link.TypeSealed, third)
	for _, m := range [][]byte{first, second, third} {
		a.queue(link.TypeSealed, m)
	}
	a.flushed()
}

// TestReplaysOnTheLine plays a sensor's own messages under the numbers of those that
// come next: none is taken in the place of another, nothing is lost, and the gateway
// signs for it.
func TestReplaysOnTheLine(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s := b.NewSealing("monitor-4")
	a := &attacker{peer: sealingPeer(t, s), s: s}
	b.linkPort("monitor-4", config.Sealed, a.peer)
	got := b.Receive()
	b.run(agent.Options{})
	for range 3 {
		a.begin()
		for range 10 {
			a.queue(link.TypeSealed, a.seal())
		}
		a.attack()
	}
	got.Until("all readings, and what the gateway says of it", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= a.n && f.Events[vital.EventRefused] > 0
	})
	got.EachOnce(a.n)
	onlyGood(t, got)
}

// TestReplaysAfterAKill attacks a gateway that was killed, and a sensor that was
// restarted, with what is first on the line.
func TestReplaysAfterAKill(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	a := &attacker{peer: sealingPeer(t, s), s: s}
	l := newLives(t, w, "monitor-4", config.Sealed, a.peer)
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true}) // an agent may be slow to hear a beacon
	end := l.live()
	a.begin()
	for round := range max(3, kills()/2) {
		for range 5 {
			a.queue(link.TypeSealed, a.seal())
		}
		a.flushed()
		end(true)
		if round%2 == 1 { // the sensor too: its session is new, and so is its chain
			a.restart(link.SensorConfig{KeyID: link.KeyID(s.KeyID()), Signer: s.Key})
		}
		end = l.live()
		a.until("it is accepted", func(s link.SensorState) bool { return s.Phase == link.SensorAccepted })
		if round%2 == 1 {
			a.play(link.TypeSealed, a.batches[len(a.batches)-1])
			a.play(link.TypeAnchor, a.anchors[len(a.anchors)-1])
			a.begin()
		}
		a.attack()
	}
	a.flushed()
	end(false)
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= a.n })
	got.EachOnce(a.n)
	onlyGood(t, got)
	t.Logf("%d readings said, each received once", a.n)
}
