package sensortest

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Line joins a driver's decoder and a simulated device, in virtual time. Alter,
// if set, is what the wire does to the bytes on their way to the host.
type Line struct {
	Decoder sensor.Decoder
	Device  sensor.Simulator
	Alter   func(p []byte) []byte

	now, next, due time.Duration
	open           bool
	buf, sent      []byte
}

// Run runs the conversation for the span and returns what was decoded; the Time
// of each entry is when its last byte arrived, in ms since the first Run.
func (l *Line) Run(span time.Duration) *vital.Batch {
	all := new(vital.Batch)
	if !l.open {
		l.open = true
		if asker, ok := l.Decoder.(sensor.Asker); ok {
			asker.Open()
		}
		l.ask(all)
	}
	for end := l.now + span; ; {
		l.now = l.next
		if _, ok := l.Decoder.(sensor.Asker); ok {
			l.now = min(l.next, l.due)
		}
		if l.now > end {
			l.now = end
			return all
		}
		if l.now == l.next {
			var wait time.Duration
			l.buf, wait = l.Device.Next(l.buf[:0])
			l.next += max(wait, time.Millisecond)
			l.decode(all, l.buf)
		}
		l.ask(all)
	}
}

// ask lets the host speak and the device answer until both are quiet.
func (l *Line) ask(all *vital.Batch) {
	asker, ok := l.Decoder.(sensor.Asker)
	if !ok {
		return
	}
	for range 1000 { // a host that never tires is its own test's failure
		l.sent, l.due = asker.Ask(l.sent[:0], l.now)
		l.due = max(l.due, l.now+time.Millisecond)
		responder, ok := l.Device.(sensor.Responder)
		if !ok || len(l.sent) == 0 {
			return
		}
		l.decode(all, responder.Answer(nil, l.sent, l.now))
	}
}

func (l *Line) decode(all *vital.Batch, p []byte) {
	if l.Alter != nil {
		p = l.Alter(p)
	}
	if len(p) == 0 {
		return
	}
	var b vital.Batch
	l.Decoder.Decode(&b, p)
	ms := uint64(l.now / time.Millisecond)
	for i := range b.Numerics {
		b.Numerics[i].Time = ms
	}
	for i := range b.Events {
		b.Events[i].Time = ms
	}
	for i := range b.Alerts {
		b.Alerts[i].Time = ms
	}
	all.Numerics = append(all.Numerics, b.Numerics...)
	all.Waves = append(all.Waves, b.Waves...)
	all.Enumerations = append(all.Enumerations, b.Enumerations...)
	all.Alerts = append(all.Alerts, b.Alerts...)
	all.Events = append(all.Events, b.Events...)
}

// Outage lets them talk for ten seconds, takes the cable out for a minute, in which
// nothing may be read, and returns what is read in the twenty seconds after it.
func Outage(t *testing.T, d sensor.Decoder, device sensor.Simulator) *vital.Batch {
	t.Helper()
	out := false
	l := Line{Decoder: d, Device: device, Alter: func(p []byte) []byte {
		if out {
			return nil
		}
		return p
	}}
	l.Run(10 * time.Second)
	out = true
	if b := l.Run(time.Minute); len(b.Numerics) != 0 {
		t.Errorf("%d readings without a cable", len(b.Numerics))
	}
	out = false
	return l.Run(20 * time.Second)
}

// Record returns what the device sends when the host is the driver's.
func Record(d sensor.Decoder, device sensor.Simulator, span time.Duration) []byte {
	var stream []byte
	l := Line{Decoder: d, Device: device, Alter: func(p []byte) []byte {
		stream = append(stream, p...)
		return p
	}}
	l.Run(span)
	return stream
}

// Decode returns what a fresh decoder makes of the pieces.
func Decode(d sensor.Decoder, pieces ...[]byte) *vital.Batch {
	b := new(vital.Batch)
	for _, p := range pieces {
		d.Decode(b, p)
	}
	d.Flush(b)
	return b
}

// AnyChunks checks that the stream gives the same however it is cut.
func AnyChunks(t *testing.T, fresh func() sensor.Decoder, stream []byte) {
	t.Helper()
	want := Lines(Decode(fresh(), stream))
	if len(want) == 0 {
		t.Error("the stream gives nothing")
	}
	single := make([][]byte, len(stream))
	for i := range stream {
		single[i] = stream[i : i+1]
	}
	if got := Lines(Decode(fresh(), single...)); !sameLines(got, want) {
		t.Errorf("byte by byte: %d lines, whole: %d", len(got), len(want))
	}
	r := rand.New(rand.NewPCG(1, uint64(len(stream))))
	for range 20 {
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1+r.IntN(300)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := Lines(Decode(fresh(), pieces...)); !sameLines(got, want) {
			t.Errorf("in %d pieces: %d lines, whole: %d", len(pieces), len(got), len(want))
		}
	}
}

// sameLines compares kind by kind: a batch keeps the order within each.
func sameLines(a, b []string) bool { return reflect.DeepEqual(a, b) }

// Fuzz feeds data whole and in two, to decoders that must neither fail nor
// differ, nor make an entry that a batch refuses, nor show a number that is not
// available. An Asker is asked in between.
func Fuzz(f *testing.F, fresh func() sensor.Decoder, seeds ...[]byte) {
	for i, s := range seeds {
		f.Add(s, uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		at := int(cut) % (len(data) + 1)
		whole := Decode(fresh(), data)
		parts := Decode(fresh(), data[:at], data[at:])
		if a, b := Lines(whole), Lines(parts); !sameLines(a, b) {
			t.Errorf("whole %q\nparts %q", a, b)
		}
		valid(t, whole)
		if asker, ok := fresh().(sensor.Asker); ok {
			asked(t, asker, data, at)
		}
	})
}

func valid(t *testing.T, b *vital.Batch) {
	t.Helper()
	for _, n := range b.Numerics {
		if err := n.Validate(); err != nil {
			t.Errorf("%+v: %v", n, err)
		}
		if n.Status&vital.NotAvailable != 0 && n.Value != vital.NaN {
			t.Errorf("%+v: a number that is not available", n)
		}
	}
	for i := range b.Waves {
		if err := b.Waves[i].Validate(); err != nil {
			t.Errorf("%+v: %v", b.Waves[i], err)
		}
	}
	for _, a := range b.Alerts {
		if err := a.Validate(); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for _, e := range b.Enumerations {
		if err := e.Validate(); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
	for _, e := range b.Events {
		if err := e.Validate(); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// asked bounds what a hostile device can make the host send.
func asked(t *testing.T, d sensor.Asker, data []byte, at int) {
	t.Helper()
	var b vital.Batch
	d.Open()
	sent, _ := d.Ask(nil, 0)
	for i, p := range [][]byte{data[:at], data[at:], nil} {
		d.Decode(&b, p)
		now := time.Duration(i+1) * time.Second
		var next time.Duration
		if sent, next = d.Ask(sent, now); next < now {
			t.Errorf("asked at %v, again at %v", now, next)
		}
	}
	if len(sent) > 4096+2*len(data) {
		t.Errorf("%d bytes sent for %d heard", len(sent), len(data))
	}
}

// NoAllocs checks that decoding the stream again allocates nothing. The counter is of
// the whole process, and the runtime allocates when it likes, so the least of several
// counts: what the decoder allocates is in every one.
func NoAllocs(t *testing.T, d sensor.Decoder, stream []byte) {
	t.Helper()
	b := new(vital.Batch)
	again := func() {
		b.Reset()
		d.Decode(b, stream)
	}
	again()
	least := testing.AllocsPerRun(10, again)
	for try := 0; try < 4 && least > 0; try++ {
		least = min(least, testing.AllocsPerRun(10, again))
	}
	if least > 0 {
		t.Errorf("%v allocations in %d bytes", least, len(stream))
	}
}

// Bench reports MB/s, allocations, and nanoseconds an entry.
func Bench(b *testing.B, d sensor.Decoder, stream []byte) {
	var batch vital.Batch
	d.Decode(&batch, stream)
	batch.Reset()
	d.Decode(&batch, stream)
	entries := batch.Len()
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		d.Decode(&batch, stream)
	}
	if entries > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(entries), "ns/entry")
	}
}
