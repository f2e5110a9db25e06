package intellivue_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/intellivue"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// request is the association request of this package.
func request(t *testing.T) []byte {
	t.Helper()
	d := fresh()
	d.Open()
	p, _ := d.Ask(nil, 0)
	return p
}

// payloads takes frames apart.
func payloads(p []byte) (out [][]byte) {
	for _, f := range bytes.SplitAfter(p, []byte{0xc1}) {
		if len(f) < 8 {
			continue
		}
		var body []byte
		for i := 1; i < len(f)-1; i++ {
			b := f[i]
			if b == 0x7d {
				i++
				b = f[i] ^ 0x20
			}
			body = append(body, b)
		}
		out = append(out, body[4:len(body)-2])
	}
	return out
}

// firsts are the first bytes of the messages in a stream.
func firsts(p []byte) (out []byte) {
	for _, m := range payloads(p) {
		out = append(out, m[0])
	}
	return out
}

// poll is a request for a single or, with ticks, an extended poll.
func poll(class, group int, ticks uint32) []byte {
	action, extra := 0x0c16, []byte(nil)
	if ticks > 0 {
		action, extra = 0xf13b, list(attr(0xf13e, ticks))
	}
	return operation(1, 9, 7, 0x21, 0, 0, uint32(0), action, sized(9, 1, class, group, extra))
}

func confirm(invoke int) []byte {
	return operation(2, invoke, 1, 0x21, 0, 0, uint32(0), 0x0d06, 0)
}

// The simulated monitor refuses what a monitor would not take, byte by byte.
func TestMonitorRefuses(t *testing.T) {
	whole := request(t)
	if got := firsts(intellivue.Simulate(sim.NewPatient(1)).Answer(nil, whole, 0)); !slices.Equal(got, []byte{0x0e, 0xe1}) {
		t.Fatalf("% X", got)
	}
	message := payloads(whole)[0]
	for i := range message {
		p := slices.Clone(message)
		p[i] ^= 1
		got := firsts(intellivue.Simulate(sim.NewPatient(1)).Answer(nil, frame(p), 0))
		// the size of messages and what comes by itself may vary
		if slices.Equal(got, []byte{0x0e, 0xe1}) && (i < 200 || i > 226) {
			t.Errorf("byte %d may be another", i)
		}
	}
	device := intellivue.Simulate(sim.NewPatient(1))
	device.Answer(nil, whole, 0)
	if got := firsts(device.Answer(nil, whole, 0)); !slices.Equal(got, []byte{0x0c}) {
		t.Errorf("associated twice: % X", got)
	}
}

// Nothing is answered before the introduction is confirmed, and confirmed rightly.
func TestMonitorWantsToBeConfirmed(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		ok    bool
	}{
		{"right", confirm(1), true},
		{"not at all", nil, false},
		{"another invocation", confirm(2), false},
		{"another object", operation(2, 1, 1, 0x22, 0, 0, uint32(0), 0x0d06, 0), false},
		{"another event", operation(2, 1, 1, 0x21, 0, 0, uint32(0), 0x0d07, 0), false},
		{"too long", operation(2, 1, 1, 0x21, 0, 0, uint32(0), 0x0d06, 0, 0), false},
	} {
		device := intellivue.Simulate(sim.NewPatient(1))
		device.Answer(nil, request(t), 0)
		device.Answer(nil, c.bytes, 0)
		if got := device.Answer(nil, poll(numerics, 0x803, 0), 0); (len(got) > 0) != c.ok {
			t.Errorf("%s: % X", c.name, got)
		}
	}
}

func associated(t *testing.T) *intellivue.Simulator {
	t.Helper()
	device := intellivue.Simulate(sim.NewPatient(1))
	device.Answer(nil, request(t), 0)
	device.Answer(nil, confirm(1), 0)
	return device
}

func TestMonitorErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		code  int // -1: no answer
	}{
		{"no such class", poll(7, 0, 0), 0},
		{"no such object", operation(1, 9, 7, 0x21, 0, 1, uint32(0), 0x0c16, sized(9, 1, numerics, 0)), 1},
		{"no such action", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0x0c17, sized(9, 1, numerics, 0)), 9},
		{"no such command", operation(1, 9, 3, 0x21, 0, 0, uint32(0)), 9},
		{"a scope", operation(1, 9, 7, 0x21, 0, 0, uint32(1), 0x0c16, sized(9, 1, numerics, 0)), 15},
		{"another partition", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0x0c16, sized(9, 2, numerics, 0)), 15},
		{"too short", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0x0c16, sized(9, 1, numerics)), 15},
		{"too long", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0x0c16, sized(9, 1, numerics, 0, 0)), 15},
		{"extended without a list", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0xf13b, sized(9, 1, numerics, 0)), 15},
		{"a list of something else", operation(1, 9, 7, 0x21, 0, 0, uint32(0), 0xf13b, sized(9, 1, numerics, 0, list(attr(1, uint32(1))))), 15},
		{"waves that are not in a list", operation(1, 9, 5, 0x21, 0, 0, uint32(0), 1, sized(0, 0xf23a, sized(2, 4, uint32(0x20102)))), 8},
		{"waves added", operation(1, 9, 5, 0x21, 0, 0, uint32(0), list(raw(1, attr(0xf23a, list(raw(uint32(0x20102))))))), 8},
		{"another context", frame(0xe100, 3, 1, sized(9, 7, sized())), -1},
		{"a length that is wrong", frame(0xe100, 2, 1, 99, 9, 7, 0), -1},
		{"a wrong sum", slices.Concat(poll(numerics, 0, 0)[:20], []byte{0xc1}), -1},
	} {
		got := payloads(associated(t).Answer(nil, c.bytes, 0))
		switch {
		case c.code < 0 && len(got) == 0:
		case len(got) != 1 || !bytes.Equal(got[0], raw(0xe100, 2, 3, 6, 9, c.code, 0)):
			t.Errorf("%s: % X", c.name, got)
		}
	}
}

// Results that do not fit into one message are linked, and the last is empty.
func TestMonitorLinks(t *testing.T) {
	got := payloads(associated(t).Answer(nil, poll(numerics, 0, 0), 0))
	var parts []int
	for _, m := range got {
		part := 0
		if m[5] == 5 {
			part = int(m[8])<<8 | int(m[9])
		}
		parts = append(parts, part)
		if len(m) > 410 {
			t.Errorf("%d bytes", len(m))
		}
	}
	if !slices.Equal(parts, []int{0x0101, 0x0302, 0}) {
		t.Errorf("%04X", parts)
	}
}

// A class is polled once a second, and a host that is silent is left.
func TestMonitorTimes(t *testing.T) {
	device := associated(t)
	if got := device.Answer(nil, poll(alarms, 0x811, 0), time.Second); len(got) == 0 {
		t.Error("no answer")
	}
	if got := device.Answer(nil, poll(alarms, 0x811, 0), 1999*time.Millisecond); len(got) > 0 {
		t.Error("answered twice in a second")
	}
	var out []byte
	var wait time.Duration
	for now := time.Duration(0); now < 13*time.Second; now += wait {
		out, wait = device.Next(out)
	}
	if got := firsts(out); !slices.Equal(got, []byte{0x19}) {
		t.Errorf("% X", got)
	}
	if got := device.Answer(nil, poll(alarms, 0x811, 0), 14*time.Second); len(got) > 0 {
		t.Error("answered after the end")
	}
}

// An introduction that nobody confirms comes three times, and then an abort.
func TestMonitorRepeats(t *testing.T) {
	device := intellivue.Simulate(sim.NewPatient(1))
	out := device.Answer(nil, request(t), 0)
	var wait time.Duration
	for now := time.Duration(0); now < 13*time.Second; now += wait {
		out, wait = device.Next(out)
	}
	if got := firsts(out); !slices.Equal(got, []byte{0x0e, 0xe1, 0xe1, 0xe1, 0x19}) {
		t.Errorf("% X", got)
	}
}

// Only waves that were asked for come, and none that there are not.
func TestChoiceOfWaves(t *testing.T) {
	d := with(intellivue.Config{Waves: []string{"resp", "co2"}})
	l := sensortest.Line{Decoder: d, Device: intellivue.Simulate(sim.NewPatient(1))}
	for _, w := range l.Run(20 * time.Second).Waves {
		if w.Code != vital.Resp {
			t.Fatalf("%+v", w)
		}
	}
}
