package status_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

// Each row spoils a Report that is well, and expects this of its problems.
func TestProblems(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		spoil func(*status.Report)
		want  []string
	}{
		{func(*status.Report) {}, nil},
		{func(s *status.Report) { s.Broker.Connected, s.Broker.Error = false, "no route" }, []string{"problem: broker: not connected: no route"}},
		{func(s *status.Report) {
			s.Outbox.Waiting, s.Outbox.Oldest, s.Broker.LastAck = 3, now.Add(-time.Hour), now.Add(-time.Hour)
		}, []string{"problem: broker: connected, but it acknowledges nothing"}},
		{func(s *status.Report) { s.Outbox.Waiting, s.Outbox.Oldest = 3, now.Add(-time.Hour) }, nil}, // it drains
		{func(s *status.Report) { // the broker has all, and a receiver is away
			s.Outbox.Waiting, s.Outbox.Oldest, s.Broker.LastAck = 3, now.Add(-time.Hour), now.Add(-time.Hour)
			s.Receipts = []status.Receipt{{Receiver: "station", Last: now}, {Receiver: "archive", Behind: 3, Oldest: now.Add(-time.Hour)}}
		}, []string{"problem: receiver archive: it has not signed for 3 envelopes"}},
		{func(s *status.Report) {
			s.Outbox.Waiting, s.Outbox.Oldest, s.Broker.LastAck = 3, now.Add(-time.Hour), now.Add(-time.Hour)
			s.Receipts, s.Broker.Flying = []status.Receipt{{Receiver: "station", Last: now}}, 3
		}, []string{"problem: broker: connected, but it acknowledges nothing"}},
		{func(s *status.Report) {
			s.Receipts = []status.Receipt{{Receiver: "station", Behind: 3, Oldest: now.Add(-time.Minute)}}
		}, nil}, // it has time
		{func(s *status.Report) {
			s.Receipts = []status.Receipt{{Receiver: "station", Error: "forged", Refused: 1, GivenUp: 2}}
		}, []string{"problem: receiver station: its receipts do not count: forged",
			"warning: receiver station: it will never take 2 envelopes, which were given up since the start"}},
		{func(s *status.Report) { s.Receipts = []status.Receipt{{Receiver: "station", Refused: 1}} },
			[]string{"warning: receiver station: 1 of its receipts did not count since the start"}},
		{func(s *status.Report) {
			s.Receipts = []status.Receipt{{Receiver: "station", Behind: 3, Oldest: now.Add(-time.Hour), Error: "no route"}}
			s.Broker.Connected = false
		}, []string{"problem: broker: not connected"}},
		{func(s *status.Report) { s.Outbox.Error = "no space" },
			[]string{"problem: outbox: readings wait in memory, they cannot be sealed or stored: no space"}},
		{func(s *status.Report) { s.Outbox.Low = true },
			[]string{"problem: outbox: it does not grow any more: the disk has too little left for others"}},
		{func(s *status.Report) { s.Outbox.Low, s.Outbox.Unstored, s.Outbox.InMemory = true, now, 7 },
			[]string{"problem: outbox: readings are published from memory, the disk has no room: a power cut would lose 7 envelopes"}},
		{func(s *status.Report) { s.Outbox.Dropped, s.Outbox.Refused, s.Outbox.Corrupt = 1, 2, 3 }, []string{
			"warning: outbox: 3 envelopes were found damaged and skipped since the start",
			"warning: outbox: 1 envelopes, the oldest, were dropped since the start: it was full",
			"warning: outbox: 2 readings were refused since the start: too much waited for the disk"}},
		{func(s *status.Report) { s.Disk.FreeBytes = 1000 }, []string{"problem: disk: it is full"}},
		{func(s *status.Report) { s.Disk.FreeBytes = 100 << 20 }, []string{"warning: disk: less is left than the outbox may take"}},
		{func(s *status.Report) { s.Disk.FreeInodes = 7 }, []string{"warning: disk: 7 inodes are left"}},
		{func(s *status.Report) { s.Clock.InStep = false }, []string{"warning: clock: nothing keeps it in step: readings say so"}},
		{func(s *status.Report) { s.Clock = status.Clock{} },
			[]string{"problem: clock: this machine has not been told the time: readings say so"}},
		{func(s *status.Report) { s.Certificates[0].NotAfter = now.Add(29 * day) },
			[]string{"warning: certificate of the gateway: ends in 29 days"}},
		{func(s *status.Report) { s.Certificates[1].NotAfter = now.Add(-time.Second) },
			[]string{"problem: certificate of the authority: ended"}},
		{func(s *status.Report) { s.Certificates[0].NotBefore = now.Add(day) },
			[]string{"problem: certificate of the gateway: is not valid before 2026-11-23T03:00:00Z"}},
		{func(s *status.Report) { s.Roster = status.Roster{Error: "forged"} }, []string{"problem: roster: forged"}},
		{func(s *status.Report) { s.Roster.Recipients = 0 },
			[]string{"warning: roster: it has no recipients: nobody can read what is sealed"}},
		{func(s *status.Report) { s.Sensors[0].Line = status.LineGarbled },
			[]string{"problem: sensor pulse: bytes come that make no sense"}},
		{func(s *status.Report) { s.Sensors[0].Error = "no roster" }, []string{"problem: sensor pulse: no roster"}},
		{func(s *status.Report) { s.Sensors[0].Link = &status.Link{Full: true} },
			[]string{"problem: sensor pulse: it has to wait: what it says cannot be stored"}},
		{func(s *status.Report) { s.Clock.InStep, s.Broker.Connected = false, false }, []string{ // the worst first
			"problem: broker: not connected", "warning: clock: nothing keeps it in step: readings say so"}},
	} {
		s := &status.Report{
			Broker: status.Broker{Connected: true, Since: now.Add(-day), LastAck: now},
			Outbox: status.Outbox{Max: 256 << 20},
			Disk:   status.Disk{FreeBytes: 1 << 40, TotalBytes: 1 << 41, FreeInodes: 1 << 20, TotalInodes: 1 << 21},
			Clock:  status.Clock{Set: true, InStep: true},
			Certificates: []status.Certificate{
				{Name: "gateway", NotBefore: now.Add(-day), NotAfter: now.Add(300 * day)},
				{Name: "authority", NotBefore: now.Add(-day), NotAfter: now.Add(3000 * day)}},
			Roster:  status.Roster{Serial: 7, Recipients: 1},
			Sensors: []status.Sensor{{Device: "pulse", Line: status.LineOpen}},
		}
		c.spoil(s)
		var got []string
		for _, p := range status.Problems(s, now) {
			got = append(got, string(p.Severity)+": "+p.What+": "+p.Why)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}
