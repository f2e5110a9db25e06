package receive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func TestAppendBatch(t *testing.T) {
	received := time.Date(2026, 11, 22, 8, 0, 1, 2_345_678, time.FixedZone("", 3600))
	clock := receive.Meta{Verdict: receive.Valid, Site: "w", Device: [8]byte{0xab}, Seq: 7, Received: received, Clock: seal.Clock{UnixMilli: 1, Error: 5}}
	noClock := receive.Meta{Verdict: receive.Valid, Received: received, Test: true}
	const head = `"verdict":"valid","site":"w","device":"ab00000000000000","seq":7,"received":"2026-11-22T07:00:01.002Z",` +
		`"time":"1970-01-01T00:00:00.010Z","time_quality":"clock","time_error_ms":5,`
	wave := vital.Wave{Time: 9, Code: vital.Pleth, Rate: vital.Int(75), Factor: vital.Dec(25, -1), Zero: -4, Samples: []int32{1, -2, 3}}
	for _, test := range []struct {
		meta receive.Meta
		b    vital.Batch
		want string
	}{
		{clock, vital.Batch{Numerics: []vital.Numeric{{Time: 9, Code: vital.Temp, Unit: vital.Celsius, Value: vital.Dec(3660, -2)}}},
			head + `"code":150344,"refid":"MDC_TEMP","value":36.60,"unit":"Cel","status":[]`},
		{clock, vital.Batch{Numerics: []vital.Numeric{{Time: 9, Code: 1, Unit: 5, Value: vital.PosInf, Status: vital.Questionable | vital.SensorOff}}},
			head + `"code":1,"refid":null,"value":null,"value_special":"+INF","unit":null,"unit_code":5,"status":["questionable","sensor-off"]`},
		{receive.Meta{}, vital.Batch{Numerics: []vital.Numeric{{Time: 9, Code: vital.SpO2, Value: vital.NaN, Status: vital.NotAvailable}}},
			`"time_quality":"unknown","elapsed_ms":9,"code":150456,"refid":"MDC_PULS_OXIM_SAT_O2","value":null,"unit":null,"status":["not-available"]`},
		{receive.Meta{Verdict: receive.Valid, Clock: seal.Clock{UnixMilli: 1, Error: seal.NoBound}}, vital.Batch{Events: []vital.Event{{Time: 9, Kind: vital.EventStarted, Count: 1}}},
			`"verdict":"valid","time":"1970-01-01T00:00:00.010Z","time_quality":"unsynchronized","event":"started","count":1`},
		{noClock, vital.Batch{Heartbeats: []vital.Heartbeat{{Time: 9, Interval: 30000, Recorded: 12}}},
			`"verdict":"valid","received":"2026-11-22T07:00:01.002Z","test":true,"time":"2026-11-22T07:00:01.002Z","time_quality":"received","elapsed_ms":9,` +
				`"event":"heartbeat","interval_ms":30000,"recorded":12`},
		{clock, vital.Batch{Waves: []vital.Wave{wave}},
			head + `"code":150452,"refid":"MDC_PULS_OXIM_PLETH","rate":75,"factor":2.5,"divisor":1,"zero":-4,"samples":[1,-2,3],"unit":null,"status":[]`},
		{clock, vital.Batch{Enumerations: []vital.Enumeration{{Time: 9, Code: vital.ECG, Value: 131329, Text: "I"}}},
			head + `"code":131328,"refid":"MDC_ECG_ELEC_POTL","state":131329,"state_refid":"MDC_ECG_ELEC_POTL_I","text":"I","status":[]`},
		{clock, vital.Batch{Alerts: []vital.Alert{{Time: 9, Source: vital.SpO2, Priority: vital.PriorityHigh, State: vital.AlertEnded, Value: vital.Int(82), Limit: vital.NaN, Text: "low \"O2\""}}},
			head + `"alert":{"kind":"physiological","priority":"high","state":"ended","code":150456,"refid":"MDC_PULS_OXIM_SAT_O2","value":82,"limit":null,"text":"low \"O2\""}`},
		{clock, vital.Batch{Events: []vital.Event{{Time: 9, Kind: vital.EventBadFrames, Count: 3}}}, head + `"event":"bad-frames","count":3`},
		{clock, vital.Batch{Drops: []vital.Dropped{{Time: 9, Reason: vital.DropStore, Count: 3, EID: [8]byte{1}, From: 4, To: 6}}},
			head + `"event":"dropped","reason":"store-full","count":3,"from":4,"to":6,"chain":"0100000000000000"`},
	} {
		if got, want := string(receive.AppendBatch(nil, test.meta, &test.b)), "{"+test.want+"}\n"; got != want {
			t.Errorf("line\n got %swant %s", got, want)
		}
	}
}

func TestAppendRecord(t *testing.T) {
	meta := receive.Meta{Site: "w", Device: [8]byte{1}, Received: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	const head = `"site":"w","device":"0100000000000000","received":"2026-11-22T08:00:00.000Z"`
	for _, test := range []struct {
		verdict receive.Verdict
		rec     receive.Record
		want    string
	}{
		{receive.BadSignature, receive.Record{Reason: "no"}, `{"verdict":"bad signature",` + head + `,"reason":"no"}`},
		{receive.Gap, receive.Record{First: 3, Last: 5, EID: seal.EID{2}}, `{"verdict":"gap",` + head + `,"chain":"0200000000000000","first":3,"last":5}`},
		{receive.Valid, receive.Record{Event: "anchor", Boot: 4}, `{"verdict":"valid",` + head + `,"event":"anchor","boot":4}`},
	} {
		test.rec.Meta = meta
		test.rec.Verdict = test.verdict
		if got := string(receive.AppendRecord(nil, &test.rec)); got != test.want+"\n" {
			t.Errorf("line\n got %swant %s", got, test.want)
		}
	}
}

func TestVerdictNames(t *testing.T) {
	var names []string
	for _, v := range receive.Verdicts() {
		names = append(names, v.String())
	}
	const want = "valid, duplicate, gap, filled, fork, rollback, replay, wrong device, wrong site, revoked, malformed, bad signature, cannot open, silent, resumed"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("verdicts\n got %s\nwant %s", got, want)
	}
	if got := receive.Verdict(0).String() + receive.Verdict(200).String(); got != "" {
		t.Errorf("no verdict reads %q", got)
	}
}

// A text of a device must not turn around what a terminal shows after it.
func TestNoTextMisleads(t *testing.T) {
	for r := rune(0); r < 0x3000; r++ {
		line := receive.AppendRecord(nil, &receive.Record{Reason: string(r)})
		control := r < 0x20 || r >= 0x7f && r < 0xa0 || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
		if raw := bytes.ContainsRune(bytes.TrimSuffix(line, []byte("\n")), r); control && raw {
			t.Errorf("%U is not escaped: %q", r, line)
		}
	}
}

// FuzzLines has every text and number in a batch come back from encoding/json
// as it was.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\u0085\u009b\u2028\u2029\ufeff\ufffd", "\xff\xc0\xaf\xed\xa0\x80", "😀ä", "}\n{"} {
		f.Add(s, uint64(0), int32(-980), int8(-1), uint32(1))
	}
	f.Add("x", uint64(math.MaxUint64), int32(math.MinInt32), int8(127), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, s string, n uint64, m int32, e int8, bits uint32) {
		value := vital.Decimal{Mantissa: m, Exponent: e}
		b := vital.Batch{
			Numerics:     []vital.Numeric{{Time: n, Code: vital.Code(bits), Unit: vital.Unit(bits), Value: value, Status: vital.Status(bits)}},
			Waves:        []vital.Wave{{Time: n, Rate: value, Factor: value, Divisor: bits, Zero: m, Samples: []int32{m, 0}}},
			Enumerations: []vital.Enumeration{{Time: n, Value: bits, Text: s, Status: vital.Status(bits)}},
			Alerts:       []vital.Alert{{Time: n, Kind: vital.AlertKind(e), Priority: vital.Priority(m), State: vital.AlertState(e), Value: value, Limit: value, Text: s}},
			Events:       []vital.Event{{Time: n, Kind: vital.EventKind(e), Count: bits, Text: s}},
			Drops:        []vital.Dropped{{Time: n, Reason: vital.DropReason(e), Count: n, From: n, To: n}},
			Heartbeats:   []vital.Heartbeat{{Time: n, Interval: bits, Recorded: n}},
		}
		meta := receive.Meta{Verdict: receive.Verdict(bits), Site: s, Name: s, Label: s, Seq: n, Received: time.Unix(int64(n>>8), 0),
			Clock: seal.Clock{UnixMilli: int64(n >> 11), Error: bits}}
		lines := receive.AppendBatch(nil, meta, &b)
		lines = receive.AppendRecord(lines, &receive.Record{Meta: meta, Reason: s, First: n, Last: n})
		count := 0
		for l := range bytes.Lines(lines) {
			count++
			checkLine(t, l, s, n, value)
		}
		if count != b.Len()+1 {
			t.Errorf("%d lines for %d readings and a refusal", count, b.Len())
		}
	})
}

func checkLine(t *testing.T, l []byte, s string, n uint64, value vital.Decimal) {
	t.Helper()
	for _, c := range l[:len(l)-1] {
		if c < 0x20 || c == 0x7f {
			t.Fatalf("line %q has a control character", l)
		}
	}
	d := json.NewDecoder(bytes.NewReader(l))
	d.UseNumber()
	var got map[string]any
	if err := d.Decode(&got); err != nil || d.More() {
		t.Fatalf("line %q: %v", l, err)
	}
	if !utf8.Valid(l) {
		t.Fatalf("line %q is not UTF-8", l)
	}
	want := strings.ToValidUTF8(s, "\ufffd")
	for _, key := range []string{"site", "label", "text", "reason"} {
		// ToValidUTF8 makes one of a run of bad bytes; JSON lines keep their number.
		if text, ok := got[key].(string); ok && utf8.ValidString(s) && text != want && key != "reason" {
			t.Fatalf("line %q: %s is %q, want %q", l, key, text, want)
		}
	}
	if seq, ok := got["seq"]; ok && fmt.Sprint(seq) != fmt.Sprint(n) {
		t.Fatalf("line %q: seq %v, want %d", l, seq, n)
	}
	if v, ok := got["value"].(json.Number); ok && v.String() != string(value.AppendText(nil)) {
		t.Fatalf("line %q: value %v", l, v)
	}
}

func TestFileGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	open := func() *receive.File {
		t.Helper()
		f, err := receive.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	write := func(f *receive.File, reason string) {
		t.Helper()
		if err := f.Write(&receive.Record{Reason: reason}); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("file %q, %v, want %q", got, err, text)
		}
	}
	f := open()
	write(f, "a")
	mark, err := f.Mark()
	if err != nil {
		t.Fatal(err)
	}
	write(f, "b")
	f = open()
	if err := f.Rewind(mark); err != nil {
		t.Fatal(err)
	}
	want("{\"reason\":\"a\"}\n")
	write(f, "c")
	want("{\"reason\":\"a\"}\n{\"reason\":\"c\"}\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Another file in its place, longer and then shorter, loses nothing.
	for _, other := range []string{"{\"other\":1}\n{\"other\":2}\n{\"other\":3}\n", "{}\n", ""} {
		if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		f = open()
		if err := f.Rewind(mark); err != nil {
			t.Fatal(err)
		}
		write(f, "d")
		want(other + "{\"reason\":\"d\"}\n")
	}
	// A torn line is ended.
	if err := os.WriteFile(path, []byte("{}\n{\"rea"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(open(), "e")
	want("{}\n{\"rea\n{\"reason\":\"e\"}\n")
}
