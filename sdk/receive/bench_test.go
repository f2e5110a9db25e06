package receive_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// BenchmarkHandle judges messages of eight numerics each, so many to a commit,
// with the lines in a file: parse, verify, open, sink, state, all durable.
func BenchmarkHandle(b *testing.B) {
	for _, group := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(group), func(b *testing.B) { benchmarkHandle(b, group) })
	}
}

func benchmarkHandle(b *testing.B, group int) {
	d := newDevice(b, 1)
	g := newRig(b, d)
	g.r.Close()
	f, err := receive.OpenFile(filepath.Join(b.TempDir(), "lines"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	g.conf.Sink = f
	g.conf.StatePath += "2"
	g.open()
	g.send(d.begin())
	var eight vital.Batch
	for i := range 8 {
		eight.Numerics = append(eight.Numerics, vital.Numeric{Time: uint64(1000 * i), Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(90 + i)})
	}
	messages := make([]receive.Message, b.N)
	for i := range messages {
		messages[i] = receive.Message{Site: site, Payload: d.batch(&eight), Received: start}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for len(messages) > 0 {
		n := min(group, len(messages))
		if _, err := g.r.HandleBatch(context.Background(), messages[:n]); err != nil {
			b.Fatal(err)
		}
		messages = messages[n:]
	}
	b.StopTimer()
	if got := g.r.Stats().Verdicts[receive.Valid]; got != uint64(b.N)+1 {
		b.Fatalf("%d of %d messages are valid", got, b.N+1)
	}
}

// BenchmarkAppendBatch writes one numeric as a JSON line.
func BenchmarkAppendBatch(b *testing.B) {
	batch := vital.Batch{Numerics: []vital.Numeric{{Time: 1500, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Dec(980, -1)}}}
	meta := receive.Meta{Verdict: receive.Valid, Site: site, Device: [8]byte{1}, Name: "bed 7", Seq: 9, Received: start}
	meta.Clock.UnixMilli = start.UnixMilli()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = receive.AppendBatch(buf[:0], meta, &batch)
	}
}
