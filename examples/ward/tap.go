package main

import (
	"bytes"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// message is a publish on its way through the broker.
type message struct {
	topic   string
	payload []byte
	at      time.Time
}

// tamper changes a message in flight, or says that it is not delivered. It must
// not write into the payload it is given.
type tamper func(message) (changed message, deliver bool)

// tap is the attacker's place in the broker: it records all that passes, and
// changes it while a tamper is set.
type tap struct {
	mochi.HookBase

	mu       sync.Mutex
	recorded []message // oldest first; only what was delivered as it came
	tamper   tamper    // nil: hands off
}

// maxRecorded bounds the recording: some minutes of this ward.
const maxRecorded = 4096

// ID implements mochi.Hook.
func (*tap) ID() string { return "tap" }

// Provides implements mochi.Hook.
func (*tap) Provides(b byte) bool { return b == mochi.OnPublish }

// OnPublish implements mochi.Hook. The broker acknowledges a message that is not
// delivered all the same, so that the gateway is none the wiser.
func (t *tap) OnPublish(from *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if from.Net.Inline { // the attacker's own
		return pk, nil
	}
	m, deliver := t.pass(message{topic: pk.TopicName, payload: pk.Payload, at: time.Now()})
	if !deliver {
		return pk, packets.CodeSuccessIgnore
	}
	pk.TopicName, pk.Payload = m.topic, m.payload
	return pk, nil
}

func (t *tap) pass(m message) (message, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tamper != nil {
		changed, deliver := t.tamper(m)
		if !deliver || changed.topic != m.topic || !bytes.Equal(changed.payload, m.payload) {
			return changed, deliver
		}
	}
	if len(t.recorded) == maxRecorded {
		t.recorded = append(t.recorded[:0], t.recorded[maxRecorded/2:]...)
	}
	t.recorded = append(t.recorded, message{m.topic, bytes.Clone(m.payload), m.at})
	return m, true
}

// set makes f change what passes from now on; nil: nothing does.
func (t *tap) set(f tamper) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tamper = f
}

// recording returns up to n of the oldest recorded messages that match.
func (t *tap) recording(n int, match func(message) bool) []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []message
	for _, m := range t.recorded {
		if len(found) < n && match(m) {
			found = append(found, m)
		}
	}
	return found
}
