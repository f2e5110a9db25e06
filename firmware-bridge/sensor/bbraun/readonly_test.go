package bbraun_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/bbraun"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Nothing here may ever command a pump. This is the whole of what the host may
// send: ACK, NAK, and for any name of a bed these requests, stuffed or not.
const requestsAllowed = "ADMIN:VERSION MEM:GET" // and MEM:GETSLOT#xy of a pump that was configured; ADMIN:ALIVE to bed 1

// inBed are the characters that the specification allows in the name of a bed: none
// of them could end the name, or begin another request.
func inBed(c rune) bool { return c >= 47 && c <= 57 || c >= 65 && c <= 122 }

// sayings cuts what the host sent into ACK, NAK and requests, and fails if there is
// a byte of anything else. A request must be exactly what the test itself would
// make of its bed and its words.
func sayings(t *testing.T, sent []byte, pumps []string) (all []string) {
	t.Helper()
	for len(sent) > 0 {
		if sent[0] == 0x06 || sent[0] == 0x15 {
			all, sent = append(all, fmt.Sprintf("%02X", sent[0])), sent[1:]
			continue
		}
		end := bytes.IndexByte(sent, 0x04) + 1
		what := request(string(sent[:end]), pumps)
		if what == "" {
			t.Fatalf("the host sent %q", sent)
		}
		all, sent = append(all, what), sent[end:]
	}
	return all
}

// request returns the words of a message that is allowed, or "".
func request(m string, pumps []string) string {
	if m == frame("1", "ADMIN:ALIVE", "\x03") || m == stuff(frame("1", "ADMIN:ALIVE", "\x03")) {
		return "ADMIN:ALIVE"
	}
	allowed := strings.Fields(requestsAllowed)
	for _, p := range pumps {
		allowed = append(allowed, "MEM:GETSLOT#"+p)
	}
	for _, what := range allowed {
		for _, unstuffed := range []string{m, strings.NewReplacer("EE", "E", "EX", "D", "ee", "e", "ex", "d").Replace(m)} {
			_, name, _ := strings.Cut(unstuffed, "\x02")
			name, _, ok := strings.Cut(name, "/1/1>")
			if !ok || name == "" || len(name) > 15 || strings.IndexFunc(name, func(c rune) bool { return !inBed(c) }) >= 0 {
				continue
			}
			if right := frame(name, what, "\x03"); m == right || m == stuff(right) {
				return what
			}
		}
	}
	return ""
}

// The check itself lets nothing else through.
func TestTheCheckIsStrict(t *testing.T) {
	for _, m := range []string{"", "\x04", frame(bed, "MEM:SET", "\x03"), frame(bed, "MEM:GET", "\x17"), frame(bed, "MEM:GETSLOT#14", "\x03"), frame(bed, "ADMIN:ALIVE", "\x03"),
		frame("1", "MEM:GET#", "\x03"), frame("A:B", "MEM:GET", "\x03"), frame("A>B", "MEM:GET", "\x03"), frame("", "MEM:GET", "\x03"), frame("AAAABBBBCCCCDDDD", "MEM:GET", "\x03"),
		strings.Replace(frame(bed, "MEM:GET", "\x03"), "00153", "00154", 1), frame(bed, "MEM:GET", "\x03") + " "} {
		if request(m, []string{"13"}) != "" {
			t.Errorf("%q passes", m)
		}
	}
	if request(stuff(frame(bed, "MEM:GETSLOT#13", "\x03")), []string{"13"}) == "" {
		t.Error("what is allowed does not pass")
	}
}

// hostile answers the host with whatever could mislead it.
type hostile struct{ r *rand.Rand }

func (h hostile) bed() string {
	p := make([]byte, h.r.IntN(18))
	for i := range p {
		if p[i] = byte(47 + h.r.IntN(76)); h.r.IntN(40) == 0 {
			p[i] = byte(h.r.IntN(256))
		}
	}
	return string(p)
}

func (h hostile) text() string {
	words := []string{"ADMIN:ALIVE", "MEM:GET", "MEM:SET", "MEM:GETSLOT#99", "MEM:PUT#13,INRT,1800", "INRT", "GNACK,0", "GNERR,68", "GNERR,11", "GNERR,39", "GNERR,811", "V3.30",
		"50100", "50111", "50113", "5013O", "\x1e", ",", "1", "_NV", "1800", "/1/1>", "START", "STOP", "\x06", "\x15", "65535"}
	if h.r.IntN(2) == 0 {
		return fmt.Sprintf("%d,501%s,%s", h.r.IntN(1000), []string{"00", "11", "13"}[h.r.IntN(3)], words[h.r.IntN(len(words))]+[]string{"", ",5"}[h.r.IntN(2)])
	}
	var s string
	for range h.r.IntN(8) {
		s += words[h.r.IntN(len(words))]
	}
	return s
}

func (h hostile) say() []byte {
	switch h.r.IntN(12) {
	case 0:
		return nil
	case 1, 2, 3: // what it should say
		m := frame(bed, "1,50100,GNACK,0", "\x03")
		if h.r.IntN(2) == 0 {
			m = stuff(m)
		}
		return []byte(m)
	case 4:
		p := make([]byte, h.r.IntN(60))
		for i := range p {
			p[i] = byte(h.r.Uint32())
		}
		return p
	}
	m := frame(h.bed(), h.text(), []string{"\x03", "\x17"}[h.r.IntN(2)])
	if h.r.IntN(2) == 0 {
		m = stuff(m)
	}
	if h.r.IntN(8) == 0 {
		m = m[:h.r.IntN(len(m))]
	}
	return []byte(m)
}

// A device that says whatever could mislead the host makes it send nothing but
// what is allowed, and all that is allowed is reached: the set is closed and whole.
func TestNothingElseIsEverSent(t *testing.T) {
	h := hostile{rand.New(rand.NewPCG(5, 5))}
	heard := map[string]bool{}
	for run := range 300 {
		var cfg bbraun.Config
		if run%3 == 2 {
			cfg.Pumps = []string{"13", "2A"}
		}
		d, err := bbraun.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var now time.Duration
		d.Open()
		for range 400 {
			var b vital.Batch
			d.Decode(&b, h.say())
			if h.r.IntN(50) == 0 {
				d.Open()
				now = 0
			}
			sent, next := d.Ask(nil, now)
			for _, s := range sayings(t, sent, cfg.Pumps) {
				heard[s] = true
			}
			now += time.Duration(h.r.IntN(400)) * time.Millisecond
			if h.r.IntN(4) == 0 {
				now = max(now, next)
			}
		}
	}
	want := []string{"06", "15", "ADMIN:ALIVE", "ADMIN:VERSION", "MEM:GET", "MEM:GETSLOT#13", "MEM:GETSLOT#2A"}
	if got := slices.Sorted(maps.Keys(heard)); !slices.Equal(got, want) {
		t.Errorf("the host says %q, not %q", got, want)
	}
}

// FuzzHost lets the fuzzer be the device: it chooses bytes, whether they are put into
// a message that is right, and when the host is asked.
func FuzzHost(f *testing.F) {
	f.Add([]byte("1,50100,GNACK,0"), []byte("1,50100,V3.30"), []byte("1,50111,INRT,5"), uint32(0x15a5))
	f.Add([]byte("1,50100,GNERR,68"), []byte{0x06, 0x15, 0x01}, []byte("MEM:SET"), uint32(0xffff))
	f.Fuzz(func(t *testing.T, first, second, third []byte, how uint32) {
		d := fresh()
		d.Open()
		var now time.Duration
		for i, p := range [][]byte{nil, first, nil, second, nil, third, nil, first, nil, nil} {
			if how>>(2*i)&1 != 0 && len(p) > 0 {
				p = []byte(stuff(frame(bed, string(p), "\x03")))
			}
			var b vital.Batch
			d.Decode(&b, p)
			sent, next := d.Ask(nil, now)
			sayings(t, sent, nil)
			if now += 50 * time.Millisecond; how>>(2*i+1)&1 != 0 {
				now = max(now, next)
			}
		}
	})
}
